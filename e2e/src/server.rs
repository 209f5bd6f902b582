//! The real binary: started on free ports with a folder of its own, stopped softly or hard, started again on the same
//! folder. A server that leaves a process behind fails its test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use client::{EventPut, Ops, Options, Phase, Visitor};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::{Instant, sleep, timeout};

use crate::PATIENCE;
use crate::process;
use crate::setup::{Setup, command};

/// A running `stanchion serve`.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    child: Child,
    /// Kept open: a closed pipe would be the server's trouble, not ours.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// The public door, such as `http://127.0.0.1:40001`.
    pub public: String,
    /// The ops door.
    pub ops: String,
    /// The admin token.
    pub token: String,
}

impl Setup {
    /// Runs `serve`.
    fn spawn(&self) -> Result<Child> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())?;
        let mut command = command()?;
        command
            .arg("serve")
            .args(&self.arguments)
            .arg("--data")
            .arg(self.data())
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(log);
        Ok(command.spawn()?)
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(self) -> Result<Server> {
        let mut child = self.spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut stdout = BufReader::new(stdout).lines();
        let listening = match timeout(PATIENCE, stdout.next_line()).await {
            Ok(Ok(Some(line))) => line,
            other => {
                process::signal("KILL", &process::family(child.id().unwrap_or(0)))?;
                bail!("it does not listen ({other:?}):\n{}", self.said());
            }
        };
        ensure!(listening.starts_with("listening "), "it said `{listening}`");
        let door = |name: &str| {
            let url = listening
                .split(' ')
                .find_map(|word| word.strip_prefix(name));
            url.unwrap_or_default().to_owned()
        };
        let server = Server {
            public: door("public="),
            ops: door("ops="),
            token: self.token(),
            child,
            _stdout: stdout,
            setup: self,
        };
        server.is_ready().await?;
        Ok(server)
    }
}

impl Server {
    /// The embedded default.
    pub async fn start() -> Result<Self> {
        Setup::new()?.start().await
    }

    /// Somebody at the public door.
    pub fn visitor(&self) -> Result<Visitor> {
        Ok(Visitor::new(&self.public, impatient())?)
    }

    /// The organiser at the ops door.
    pub fn organiser(&self) -> Result<Ops> {
        Ok(Ops::new(&self.ops, &self.token, impatient())?)
    }

    /// Makes an open event.
    pub async fn open_event(&self, event: &str, stock: u64, rate_per_s: f64) -> Result<()> {
        let put = event_put(stock, rate_per_s, Phase::Open);
        self.organiser()?.put_event(event, &put).await?;
        Ok(())
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.setup.data()
    }

    /// What the server logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.setup.said()
    }

    /// The server and what it started.
    #[must_use]
    pub fn family(&self) -> Vec<u32> {
        self.child.id().map(process::family).unwrap_or_default()
    }

    /// Runs another subcommand of the binary on the same data folder; its standard output and whether it succeeded.
    pub async fn run(&self, arguments: &[&str]) -> Result<(String, bool)> {
        let mut command = command()?;
        command
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .envs(self.setup.environment.iter().cloned())
            .stderr(Stdio::piped());
        let output = timeout(3 * PATIENCE, command.output()).await??;
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok((String::from_utf8(output.stdout)?, output.status.success()))
    }

    /// Sets an environment variable for the next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let environment = &mut self.setup.environment;
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    /// SIGTERM, without waiting for what follows.
    pub fn terminate(&self) -> Result<()> {
        process::signal("TERM", &[self.child.id().context("it ended already")?])
    }

    /// Waits until it ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(timeout(PATIENCE, self.child.wait())
            .await
            .context("it does not end")??)
    }

    /// Ends the test's server: SIGTERM, exit code 0, no process and no file left.
    pub async fn stop(mut self) -> Result<()> {
        let family = self.family();
        self.terminate()?;
        let status = self.ended().await?;
        ensure!(status.success(), "it ended with {status}:\n{}", self.log());
        all_gone(&family).await?;
        let folder = self.setup.folder.path().to_owned();
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// `kill -9`, the process and its Redis at the same moment.
    pub async fn kill(&mut self) -> Result<()> {
        let family = self.family();
        process::signal("KILL", &family)?;
        self.ended().await?;
        all_gone(&family).await
    }

    /// Starts a dead one again on the same folder and ports, only to die by itself: whether it ever becomes ready is nobody's
    /// business.
    pub async fn start_to_die(&mut self) -> Result<ExitStatus> {
        self.keep_ports();
        self.child = self.setup.spawn()?;
        let _stdout = self.child.stdout.take();
        self.ended().await
    }

    /// The next start takes the ports of this one.
    fn keep_ports(&mut self) {
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        self.setup.set("--listen", address(&self.public));
        self.setup.set("--ops-listen", address(&self.ops));
    }

    /// Starts it again on the same folder and the same ports.
    pub async fn start_again(mut self) -> Result<Self> {
        self.keep_ports();
        let empty = Setup {
            folder: tempfile::tempdir()?,
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        std::mem::replace(&mut self.setup, empty).start().await
    }

    async fn is_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("{}/health/ready", self.ops);
        loop {
            let answer = reqwest::get(&url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "it is never ready:\n{}",
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = self.family();
        if family.is_empty() {
            return;
        }
        // A test that failed half-way: nothing of it may stay behind, and its log may say why.
        let _ = process::signal("KILL", &family);
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(4_000);
            eprintln!(
                "--- the server's log ends:\n{}",
                log.get(from..).unwrap_or(&log)
            );
        }
    }
}

/// An event's settings as most tests need them.
#[must_use]
pub fn event_put(stock: u64, rate_per_s: f64, phase: Phase) -> EventPut {
    let mut put = EventPut {
        title: Some("Drop".to_owned()),
        stock: Some(stock),
        phase: Some(phase),
        ..EventPut::default()
    };
    put.admission.rate_per_s = Some(rate_per_s);
    put
}

/// Is a file its owner's alone?
pub fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// A client that hands every answer over as it comes.
fn impatient() -> Options {
    Options {
        patience: Duration::ZERO,
        timeout: PATIENCE,
        idle_connections: 64,
        ..Options::default()
    }
}

async fn all_gone(family: &[u32]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = process::running(family);
        if left.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "processes {left:?} were left behind"
        );
        sleep(Duration::from_millis(10)).await;
    }
}
