//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

/// A port of 127.0.0.1 that was free a moment ago. The kernel does not hand the same one out again soon, so servers that
/// start at once rarely meet; whoever binds it must still be ready to try another.
pub fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
