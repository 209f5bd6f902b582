//! A private Redis for servers of several processes, and a replica that takes its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::server::scratch;

/// How long a Redis may take to start or to catch up.
const PATIENCE: Duration = Duration::from_secs(30);

/// It ends when dropped.
pub struct Redis {
    child: Child,
    socket: PathBuf,
    folders: Vec<PathBuf>,
    /// How servers reach it.
    pub url: String,
}

impl Redis {
    /// Starts it, with the settings of the embedded default.
    pub fn start() -> Result<Self> {
        let folder = scratch("redis")?;
        let socket = folder.join("r.sock");
        let child = serve(&folder, &socket)?;
        Ok(Self {
            child,
            url: format!("redis+unix://{}", socket.display()),
            socket,
            folders: vec![folder],
        })
    }

    /// The arguments of servers that share it, and an SQLite ledger beside it.
    pub fn shared(&self) -> [String; 4] {
        let ledger = self.socket.with_file_name("ledger.sqlite");
        [
            "--redis-url".to_owned(),
            self.url.clone(),
            "--database-url".to_owned(),
            format!("sqlite://{}", ledger.display()),
        ]
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts a replica of it and waits until that follows.
    pub fn replica(&self) -> Result<Self> {
        let (replica, port) = (Self::start()?, testbed::free_port()?.to_string());
        self.ask(&["config", "set", "port", &port])?;
        replica.ask(&["replicaof", "127.0.0.1", &port])?;
        let began = Instant::now();
        while !replica
            .ask(&["info", "replication"])?
            .contains("master_link_status:up")
        {
            ensure!(began.elapsed() < PATIENCE, "the replica does not follow");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(replica)
    }

    /// A replica: from here on nothing reaches it.
    pub fn cut_off(&self) -> Result<()> {
        // A primary that is not there: it keeps what it has.
        self.ask(&["replicaof", "127.0.0.1", "1"])?;
        Ok(())
    }

    /// Dies, and its replica takes over, where servers look for this one.
    pub fn fail_over_to(&mut self, mut replica: Self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        replica.ask(&["replicaof", "no", "one"])?;
        std::fs::rename(&replica.socket, &self.socket)?;
        std::mem::swap(&mut self.child, &mut replica.child);
        self.folders.append(&mut replica.folders);
        Ok(())
    }

    /// `kill -9`, and a start on the same folder.
    pub fn kill_and_start_again(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        std::fs::remove_file(&self.socket)?;
        let folder = self.socket.parent().unwrap_or(Path::new("."));
        self.child = serve(folder, &self.socket)?;
        Ok(())
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How often each command was carried out since it started, those inside scripts included.
    pub fn commands(&self) -> Result<BTreeMap<String, u64>> {
        let stats = self.ask(&["INFO", "commandstats"])?;
        let calls = |line: &str| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = figures.strip_prefix("calls=")?.split(',').next()?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        Ok(stats.lines().filter_map(calls).collect())
    }

    /// Sends it one command.
    pub fn ask(&self, command: &[&str]) -> Result<String> {
        ask(&self.socket, command)
    }
}

/// Runs it in `folder` and waits until it takes connections.
fn serve(folder: &Path, socket: &Path) -> Result<Child> {
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--logfile", "log"])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .arg("--unixsocket")
        .arg(socket)
        .arg("--dir")
        .arg(folder)
        .spawn()?;
    let began = Instant::now();
    while !socket.exists() {
        ensure!(began.elapsed() < PATIENCE, "redis-server did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(child)
}

/// Sends one command to the Redis behind a socket.
pub fn ask(socket: &Path, command: &[&str]) -> Result<String> {
    let mut cli = Command::new("redis-cli");
    let output = cli.arg("-e").arg("-s").arg(socket).args(command).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "redis-cli {command:?}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for folder in &self.folders {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
