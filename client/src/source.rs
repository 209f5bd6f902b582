//! Where a client's connections come from. A crowd on one machine spreads over `127.0.0.0/8`, because the server counts
//! calls per address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

/// The local address that every connection of a client is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// Whatever address the system picks.
    pub const ANY: Self = Self(None);

    /// This address of this machine.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self(Some(address))
    }

    /// The address, if one was chosen.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        self.0
    }

    /// Connects to the first of the host's addresses that answers.
    pub(crate) async fn connect(self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for target in tokio::net::lookup_host((host, port)).await? {
            match self.connect_to(target).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn connect_to(self, target: SocketAddr) -> io::Result<TcpStream> {
        let socket = match target {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(address) = self.0 {
            socket.bind(SocketAddr::new(address, 0))?;
        }
        socket.set_nodelay(true)?;
        socket.connect(target).await
    }
}
