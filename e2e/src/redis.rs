//! A Redis of its own for the full stack, on a free port, set as the promises assume; gone when dropped.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::PATIENCE;

/// A running `redis-server`.
#[derive(Debug)]
pub struct Redis {
    server: Child,
    _folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts one and waits until it takes connections.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stanchion-e2e-redis-")
            .tempdir()?;
        let port = testbed::free_port()?;
        // Its parent's death is its own, so that a killed test leaves nothing behind.
        let server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server", "--save", ""])
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let redis = Self {
            server,
            _folder: folder,
            port,
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
