//! A private Redis for servers of several processes.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::server::scratch;

/// It ends when dropped.
pub struct Redis {
    child: Child,
    folder: PathBuf,
    /// How servers reach it.
    pub url: String,
}

impl Redis {
    /// Starts it, with the settings of the embedded default.
    pub fn start() -> Result<Self> {
        let folder = scratch("redis")?;
        let socket = folder.join("r.sock");
        let child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--logfile",
                "log",
            ])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(&folder)
            .spawn()?;
        let began = Instant::now();
        while !socket.exists() {
            ensure!(
                began.elapsed() < Duration::from_secs(10),
                "redis-server did not start"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self {
            child,
            url: format!("redis+unix://{}", socket.display()),
            folder,
        })
    }

    /// The arguments of servers that share it, and an SQLite ledger beside it.
    pub fn shared(&self) -> [String; 4] {
        let ledger = self.folder.join("ledger.sqlite");
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
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
