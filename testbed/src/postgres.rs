//! A private PostgreSQL: every write is synced as in production, so that figures and crashes mean something.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use crate::free_port;
use crate::guard::{Folder, Guard, run};

/// The account that runs the server when root runs the tests, and the name of the database's owner.
const ACCOUNT: &str = "postgres";

/// A running server; gone when dropped.
pub struct Postgres {
    guard: Guard,
    programs: PathBuf,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes a new cluster and starts it.
    pub fn start() -> Result<Self> {
        let programs = installed()?;
        let folder = Folder::make(Some(ACCOUNT))?;
        run(folder.command(programs.join("initdb")).args([
            "--pgdata=cluster",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]))?;
        let port = free_port()?;
        let arguments = [
            "-D".to_owned(),
            folder.path().join("cluster").display().to_string(),
            format!("--port={port}"),
            "--listen-addresses=127.0.0.1".to_owned(),
            format!("--unix-socket-directories={}", folder.path().display()),
            "--max-connections=200".to_owned(),
        ];
        // QUIT is PostgreSQL's immediate shutdown: as abrupt as a crash, but its shared memory does not stay behind.
        let guard = Guard::keep(folder, "QUIT", &programs.join("postgres"), &arguments)?;
        let server = Self {
            guard,
            programs,
            port,
            databases: AtomicU32::new(0),
        };
        server.start_again()?;
        Ok(server)
    }

    /// The server that all tests of this process share, started by the first to ask.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its server")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().expect("cannot start a private PostgreSQL"))
    }

    /// The URL of the database `postgres`.
    pub fn url(&self) -> String {
        self.url_of(ACCOUNT)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process that guards it: the server is its child.
    #[must_use]
    pub fn guard_pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Makes an empty database for one test; its URL.
    pub fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&self.url(), &format!("CREATE DATABASE {name}"))?;
        Ok(self.url_of(&name))
    }

    /// A copy of the database of a URL as operators make theirs, in a new one; its URL.
    pub fn copy(&self, url: &str) -> Result<String> {
        let copy = self.database()?;
        let name = copy.rsplit('/').next().unwrap_or_default();
        let file = self.guard.folder().path().join(name).with_extension("sql");
        let mut dump = self.guard.folder().command(self.programs.join("pg_dump"));
        run(dump.arg("--file").arg(&file).args(["--dbname", url]))?;
        run(self.psql(&copy).arg("--file").arg(&file))?;
        Ok(copy)
    }

    /// Runs SQL in the database of a URL: for tests that plant what the code under test would never write.
    pub fn execute(&self, url: &str, sql: &str) -> Result<()> {
        run(self
            .psql(url)
            .args(["--set", "ON_ERROR_STOP=1", "--command", sql]))
    }

    /// Stops the server at once, as a crash would.
    pub fn stop(&self) -> Result<()> {
        self.guard.stop()
    }

    /// Starts it again on the same cluster and port, and waits until it answers.
    pub fn start_again(&self) -> Result<()> {
        self.guard.start(|| {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
                && self.execute(&self.url(), "SELECT 1").is_ok()
        })
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, url: &str) -> std::process::Command {
        let mut command = self.guard.folder().command(self.programs.join("psql"));
        command.args(["--quiet", "--no-psqlrc", "--dbname", url]);
        command
    }
}

/// The folder with the programs of the newest PostgreSQL that is installed.
fn installed() -> Result<PathBuf> {
    let version = |path: &Path| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    let newest = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed: run tools/provision")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path));
    match newest {
        Some(path) => Ok(path.join("bin")),
        None => bail!("PostgreSQL's server is not installed: run tools/provision"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_it_committed_over_a_crash_and_leaves_nothing_behind() {
        let server = Postgres::start().unwrap();
        let (one, other) = (server.database().unwrap(), server.database().unwrap());
        assert_ne!(one, other);
        let psql = |url: &str, sql: &str| {
            std::process::Command::new(server.programs.join("psql"))
                .args(["--tuples-only", "--no-align", "--command", sql, url])
                .output()
                .unwrap()
        };
        assert!(
            psql(&one, "CREATE TABLE kept AS SELECT 42 AS x")
                .status
                .success()
        );
        server.stop().unwrap();
        assert!(!psql(&one, "SELECT 1").status.success());
        server.start_again().unwrap();
        assert_eq!(psql(&one, "SELECT x FROM kept").stdout, b"42\n");
        assert_eq!(psql(&one, "SHOW fsync").stdout, b"on\n");

        let folder = server.guard.folder().path().to_owned();
        assert!(folder.exists());
        let port = server.port;
        drop(server);
        assert!(!folder.exists());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
