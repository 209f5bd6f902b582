//! How the real binary is to be started: its settings, a folder of its own, and nothing of the test's own surroundings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

/// How `stanchion serve` is to be started.
#[derive(Debug)]
pub struct Setup {
    pub(crate) folder: TempDir,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// The binary: `STANCHION_BIN`, or the one that was built beside the test.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("STANCHION_BIN") {
        return Ok(binary.into());
    }
    let test = std::env::current_exe()?;
    let built = test.parent().and_then(Path::parent);
    let binary = built
        .context("the test is in no target folder")?
        .join("stanchion");
    ensure!(
        binary.exists(),
        "{} is missing: cargo build -p stanchion",
        binary.display()
    );
    Ok(binary)
}

/// `stanchion` with nothing of the test's own surroundings. It is told to stop when the test that started it is killed.
pub fn command() -> Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(binary()?);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}

impl Setup {
    /// The embedded default on free ports in a new folder, without limits for clients on this machine.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stanchion-e2e-")
            .tempdir()?;
        let setup = Self {
            folder,
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        Ok(setup
            .with("--listen", "127.0.0.1:0")
            .with("--ops-listen", "127.0.0.1:0")
            .with("--limit-exempt", "127.0.0.0/8"))
    }

    /// Sets a flag, or sets it anew.
    #[must_use]
    pub fn with(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.set(flag, value);
        self
    }

    pub(crate) fn set(&mut self, flag: &str, value: impl Into<String>) {
        let set = self.arguments.iter().position(|argument| argument == flag);
        if let Some(at) = set {
            self.arguments[at + 1] = value.into();
        } else {
            self.arguments.extend([flag.to_owned(), value.into()]);
        }
    }

    /// Takes a flag away.
    #[must_use]
    pub fn without(mut self, flag: &str) -> Self {
        if let Some(at) = self.arguments.iter().position(|argument| argument == flag) {
            self.arguments.drain(at..at + 2);
        }
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The admin token: the one that was set, or the one that the first start left behind.
    pub(crate) fn token(&self) -> String {
        let mut environment = self.environment.iter();
        match environment.find(|(name, _)| name == "STANCHION_ADMIN_TOKEN") {
            Some((_, token)) => token.clone(),
            None => fs::read_to_string(self.data().join("admin-token"))
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What the server logged.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }
}
