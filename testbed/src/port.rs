//! Ports that nobody listens on.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below the range from which the kernel takes ports for outgoing connections: none of those gets in between.
const PORTS: Range<u16> = 10_000..32_000;

/// A port of 127.0.0.1 that is free now, drawn at random so that test processes at the same time do not meet, and never
/// the same one twice in a process.
pub fn free_port() -> std::io::Result<u16> {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for attempt in 0..1_000 {
        let drawn = RandomState::new().hash_one(attempt) % u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(drawn).unwrap_or_default();
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    Err(std::io::Error::other("no port is free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_each_can_be_bound() {
        let ports: Vec<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, ports[0])).unwrap();
        assert_ne!(free_port().unwrap(), bound.local_addr().unwrap().port());
    }
}
