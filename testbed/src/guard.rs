//! One server child and its folder, kept by a small shell process that outlives a killed test just long enough to take
//! both away. A killed guard takes the server with it, too: the kernel sees to that (`setpriv --pdeathsig`).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long a server may take to answer: generous, since tests share few cores.
const PATIENCE: Duration = Duration::from_secs(90);

/// A folder that will hold a server, and the account that will own it.
pub(crate) struct Folder {
    path: PathBuf,
    /// The account to run as when we are root and the server refuses to be.
    account: Option<&'static str>,
}

impl Folder {
    /// Makes a folder under the system's temporary one. With `account`, a test run by root gives the folder to that
    /// account and runs everything in it as that account.
    pub(crate) fn make(account: Option<&'static str>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("stanchion-").tempdir()?;
        let root = fs::metadata("/proc/self")?.uid() == 0;
        let account = account.filter(|_| root);
        if let Some(account) = account {
            run(Command::new("chown")
                .arg(format!("{account}:"))
                .arg(folder.path()))?;
        }
        Ok(Self {
            path: folder.keep(),
            account,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// `program` as the folder's account.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        self.wrapped(&[], program.as_ref())
    }

    /// `program` as the folder's account, sent `signal` should its parent die.
    fn wrapped(&self, options: &[&str], program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(options);
        if let Some(account) = self.account {
            command.args([
                "--reuid",
                account,
                "--regid",
                account,
                "--clear-groups",
                "--reset-env",
            ]);
        }
        command.arg("--").arg(program).current_dir(&self.path);
        command
    }
}

impl Drop for Folder {
    /// For a start that failed before a guard had the folder; after that there is nothing left to remove.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A server under guard.
pub(crate) struct Guard {
    process: Child,
    orders: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    folder: Folder,
}

impl Guard {
    /// Puts the server `program` with `arguments` under guard, not yet started; it will be ended by `signal`.
    pub(crate) fn keep(
        folder: Folder,
        signal: &str,
        program: &Path,
        arguments: &[String],
    ) -> Result<Self> {
        let server = folder.wrapped(&["--pdeathsig", signal], program);
        let mut process = Command::new("sh")
            .args(["-c", include_str!("guard.sh"), "guard.sh"])
            .arg(folder.path())
            .arg(signal)
            .arg(server.get_program())
            .args(server.get_args())
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("the guard has no pipes");
        };
        Ok(Self {
            process,
            orders: Mutex::new(Some((orders, BufReader::new(answers)))),
            folder,
        })
    }

    /// Starts the server, killing it first if it runs, and waits until `answers` holds.
    pub(crate) fn start(&self, answers: impl Fn() -> bool) -> Result<()> {
        self.order("start")?;
        let deadline = Instant::now() + PATIENCE;
        while !answers() {
            if Instant::now() > deadline {
                bail!(
                    "the server did not answer; its log ends:\n{}",
                    self.log_tail()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends the server at once, as a crash would, and waits until it is gone. Its folder stays.
    pub(crate) fn stop(&self) -> Result<()> {
        self.order("stop")
    }

    /// The guard's own process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What the server has written so far.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.path.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn order(&self, order: &str) -> Result<()> {
        let mut pipes = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((orders, answers)) = pipes.as_mut() else {
            bail!("the guard is gone");
        };
        writeln!(orders, "{order}").context("the guard is gone")?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        if answer == "done\n" {
            Ok(())
        } else {
            bail!("the guard answered `{answer}`")
        }
    }
}

impl Drop for Guard {
    /// Lets the guard see the end of its input and waits until it has taken server and folder away.
    fn drop(&mut self) {
        self.orders
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let _ = self.process.wait();
    }
}

/// Runs a command to its end; its output is in the error when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!(
        "{shown} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Guard {
        let folder = Folder::make(None).unwrap();
        let guard = Guard::keep(folder, "KILL", Path::new("sleep"), &["600".to_owned()]).unwrap();
        // Its parent's death reaches the server once it is itself.
        let folder = guard.folder().path().to_owned();
        let sleeps = move || living_in(&folder).contains(&"sleep".to_owned());
        guard.start(sleeps).unwrap();
        guard
    }

    /// Not a test by itself: what `a_killed_test_leaves_nothing_behind` runs and kills.
    #[test]
    #[ignore = "runs until it is killed"]
    fn holds_a_server_until_killed() {
        let guard = sleeper();
        eprintln!("folder={}", guard.folder().path().display());
        std::thread::sleep(PATIENCE);
    }

    #[test]
    fn a_killed_test_leaves_nothing_behind() {
        let mut test = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("guard::tests::holds_a_server_until_killed")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(test.stderr.take().unwrap()).lines();
        let folder = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from))
            .unwrap();
        assert!(folder.exists());
        assert_eq!(living_in(&folder), ["sh", "sleep"], "guard and server");
        test.kill().unwrap();
        test.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while folder.exists() || !living_in(&folder).is_empty() {
            assert!(Instant::now() < deadline, "{} is left", folder.display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_killed_guard_takes_the_server_along() {
        let mut guard = sleeper();
        let folder = guard.folder().path().to_owned();
        guard.process.kill().unwrap();
        guard.process.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !living_in(&folder).is_empty() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(guard.stop().is_err());
        drop(guard);
        assert!(!folder.exists());
    }

    /// The names of the processes that work in `folder`, sorted.
    fn living_in(folder: &Path) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let mut names: Vec<String> = processes
            .map(|process| process.path())
            .filter(|process| {
                fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
            })
            .filter_map(|process| fs::read_to_string(process.join("comm")).ok())
            .map(|name| name.trim().to_owned())
            .collect();
        names.sort();
        names
    }
}
