//! A Redis of its own for the full stack, on a free port, set as the promises assume; gone when dropped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::PATIENCE;

/// A running `redis-server`.
#[derive(Debug)]
pub struct Redis {
    server: Child,
    folder: TempDir,
    port: u16,
    appendfsync: &'static str,
}

impl Redis {
    /// Starts one and waits until it takes connections.
    pub fn start() -> Result<Self> {
        Self::start_syncing("always")
    }

    /// The same, with another `appendfsync`.
    pub fn start_syncing(appendfsync: &'static str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stanchion-e2e-redis-")
            .tempdir()?;
        let port = testbed::free_port()?;
        Ok(Self {
            server: serve(&folder, port, appendfsync)?,
            folder,
            port,
            appendfsync,
        })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.id()
    }

    /// Makes it forget everything.
    pub fn flush(&self) -> Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.write_all(b"FLUSHALL\r\n")?;
        let mut said = [0; 5];
        stream.read_exact(&mut said)?;
        ensure!(&said == b"+OK\r\n", "it said {said:?}");
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()?;
        self.server.wait()?;
        Ok(())
    }

    /// Starts it again on the same folder and port.
    pub fn start_again(&mut self) -> Result<()> {
        self.server = serve(&self.folder, self.port, self.appendfsync)?;
        Ok(())
    }

    /// Cuts the last bytes off its append-only file, as a disk does that lied about what it had written. Only while it is
    /// dead.
    pub fn truncate(&self, bytes: u64) -> Result<()> {
        let newest: PathBuf = fs::read_dir(self.folder.path().join("appendonlydir"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
            .max()
            .context("no append-only file")?;
        let file = fs::File::options().write(true).open(newest)?;
        let length = file.metadata()?.len();
        file.set_len(length.saturating_sub(bytes))?;
        Ok(())
    }
}

fn serve(folder: &TempDir, port: u16, appendfsync: &str) -> Result<Child> {
    // Its parent's death is its own, so that a killed test leaves nothing behind.
    let server = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "redis-server", "--save", ""])
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--appendonly", "yes", "--appendfsync", appendfsync])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        ensure!(Instant::now() < deadline, "redis-server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
