//! A server under measurement: started on free ports in a folder of its own, limits off, stopped when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail};
use client::{AdmissionChange, EventPut, Ops, Phase};

/// A running `stanchion serve`.
pub struct Server {
    child: Child,
    folder: PathBuf,
    /// The public door.
    pub public: SocketAddr,
    /// The ops door's client.
    pub ops: Ops,
    /// Where the ops door is.
    pub ops_url: String,
}

/// The admin token of every measured server.
pub const TOKEN: &str = "bench-bench-bench-bench-bench-bench";

impl Server {
    /// Starts the embedded default.
    pub fn embedded(binary: &Path) -> Result<Self> {
        Self::start(binary, &[])
    }

    /// Starts `serve` with these arguments besides the usual ones.
    pub fn start(binary: &Path, arguments: &[&str]) -> Result<Self> {
        let folder = scratch("server")?;
        let mut child = Command::new(binary)
            .arg("serve")
            .args([
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
                "--log",
                "warn",
            ])
            .args([
                "--limit-enters",
                "off",
                "--limit-requests",
                "off",
                "--limit-sockets",
                "off",
            ])
            .arg("--data")
            .arg(&folder)
            .args(arguments)
            .env("STANCHION_ADMIN_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("{} does not start; run make build first", binary.display())
            })?;
        let out = child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let door = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        let (Some(public), Some(ops)) = (door("public="), door("ops=")) else {
            let _ = child.kill();
            bail!("the server did not start: {line}");
        };
        let public = public.trim_start_matches("http://").parse()?;
        Ok(Self {
            child,
            folder,
            public,
            ops: Ops::new(&ops, TOKEN, client::Options::default())?,
            ops_url: ops,
        })
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an open event with this stock and rate.
    pub async fn event(&self, event: &str, stock: u64, rate_per_s: f64, ack: &str) -> Result<()> {
        let put = EventPut {
            title: Some(event.to_owned()),
            stock: Some(stock),
            phase: Some(Phase::Open),
            others: [("ack".to_owned(), ack.into())].into_iter().collect(),
            admission: AdmissionChange {
                rate_per_s: Some(rate_per_s),
                capacity: Some(10_000_000),
                ticket_ttl_s: Some(86_400),
                ..AdmissionChange::default()
            },
        };
        self.ops.put_event(event, &put).await?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A new folder under the system's temporary one.
pub fn scratch(name: &str) -> Result<PathBuf> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let nth = MADE.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let folder = std::env::temp_dir().join(format!("stanchion-bench-{name}-{process}-{nth}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
