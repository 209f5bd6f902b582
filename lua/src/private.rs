//! A private `redis-server` child: the embedded default's store, and the one that tests run on. Unix socket only, AOF on
//! every write, its own folder. It ends with its parent, also when the parent is killed.

mod folder;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::watch;

use self::folder::{
    absolute, check_owner, earlier_child_ended, locked, made, socket_of, unavailable, url_of,
};
use crate::connect::{Settings, StoreError};

/// How long a child of an earlier run may take to end.
const ENDING_PATIENCE: Duration = Duration::from_secs(10);
/// How long a child may take to read its append-only file.
const LOADING_PATIENCE: Duration = Duration::from_mins(5);
/// With this code `setpriv` ends when there is no `redis-server`.
const NOT_FOUND: i32 = 127;
const NOT_INSTALLED: &str =
    "redis-server is not installed: install it (Debian and Ubuntu: apt-get install redis-server)";
/// Between two looks at something that gives no sign of its own.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A running child. Dropping it kills it on the spot (`kill -9`) and waits for its end; [`Self::stop`] lets it write its
/// last byte first. What it acknowledged survives both.
pub struct PrivateRedis {
    settings: Settings,
    pid: u32,
    /// Taken away, the keeper kills the child.
    alive: Option<mpsc::Sender<()>>,
    /// The thread that started the child: the child's signal at its parent's death follows that thread, not the process.
    keeper: Option<std::thread::JoinHandle<()>>,
    ended: watch::Receiver<Option<ExitStatus>>,
    socket: PathBuf,
    /// Keeps a second process from starting a child in the same folder.
    _lock: File,
}

impl PrivateRedis {
    /// Starts `redis-server` in `folder` (made if missing) and waits until it answers. A child of an earlier run that is still
    /// ending there is waited for.
    pub async fn start(folder: &Path) -> Result<Self, StoreError> {
        made(folder)?;
        let folder = absolute(folder);
        let lock = locked(&folder, ENDING_PATIENCE).await?;
        let socket = socket_of(&folder);
        if let Some(elsewhere) = socket.parent().filter(|parent| *parent != folder) {
            made(elsewhere)?;
            check_owner(elsewhere, &folder)?;
        }
        earlier_child_ended(&socket).await?;
        let command = command(&folder, &socket);
        let (alive, told_to_end) = mpsc::channel();
        let (starting, started) = tokio::sync::oneshot::channel();
        let (ending, ended) = watch::channel(None);
        let keeper = std::thread::Builder::new()
            .name("private-redis".to_owned())
            .spawn(move || keep(command, starting, &told_to_end, &ending))
            .map_err(|error| unavailable(&error))?;
        let pid = started
            .await
            .map_err(|_| StoreError::Unavailable("its keeper ended".to_owned()))?
            .map_err(|error| not_startable(&error))?;
        let redis = Self {
            socket,
            settings: Self::settings_of(&folder),
            pid,
            alive: Some(alive),
            keeper: Some(keeper),
            ended,
            _lock: lock,
        };
        redis.answers(&folder.join("redis.log")).await?;
        Ok(redis)
    }

    /// How to reach it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// How another process reaches the one that runs, or would run, in `folder`.
    #[must_use]
    pub fn settings_of(folder: &Path) -> Settings {
        Settings::new(url_of(&socket_of(folder)))
    }

    /// Its socket, for a shell's `redis-cli -s`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How often it has carried out each command, those within scripts included.
    pub async fn commands(&self) -> Result<HashMap<String, u64>, StoreError> {
        let mut connection = self.settings.patient_connection().await?;
        let told: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut connection)
            .await?;
        // Lines such as `cmdstat_get:calls=21,usec=…`.
        let count = |line: &str| {
            let (command, told) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls = told.split(',').next()?.parse().ok()?;
            Some((command.to_owned(), calls))
        };
        Ok(told.lines().filter_map(count).collect())
    }

    /// Waits until the child ended, by itself or by our doing, and tells how.
    pub async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let how = ended.wait_for(Option::is_some).await;
        how.map_or(None, |how| *how).unwrap_or_default()
    }

    /// Stops it cleanly.
    pub async fn stop(self) -> Result<(), StoreError> {
        let mut connection = self.settings.patient_connection().await?;
        // It answers by closing the connection, which reads as an error without a code; one with a code is a refusal.
        if let Err(error) = redis::cmd("SHUTDOWN").exec_async(&mut connection).await
            && error.code().is_some()
        {
            return Err(error.into());
        }
        match tokio::time::timeout(ENDING_PATIENCE, self.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Unknown("it does not end".to_owned())),
        }
    }

    /// Waits until it has read its file and answers.
    async fn answers(&self, log: &Path) -> Result<(), StoreError> {
        let answering = async {
            while ping(&self.settings).await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let log = log.display();
        let why = tokio::select! {
            () = answering => return Ok(()),
            how = self.ended() => match how.code() {
                Some(NOT_FOUND) => NOT_INSTALLED.to_owned(),
                _ => format!("redis-server ended at once ({how}), its log {log} says why"),
            },
            () = tokio::time::sleep(LOADING_PATIENCE) => {
                format!("redis-server does not answer, its log {log} may say why")
            }
        };
        Err(StoreError::Unavailable(why))
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(keeper) = self.keeper.take() {
            // It panics nowhere, and there is nobody to tell.
            let _ = keeper.join();
        }
        // A folder that was made for the socket alone is empty now and goes; any other is not empty and stays.
        let _ = std::fs::remove_file(&self.socket);
        let _ = self.socket.parent().map(std::fs::remove_dir);
    }
}

/// Starts the child and keeps it until it ends, or until nobody holds the other end of `told_to_end` any more.
fn keep(
    mut command: Command,
    starting: tokio::sync::oneshot::Sender<io::Result<u32>>,
    told_to_end: &mpsc::Receiver<()>,
    ending: &watch::Sender<Option<ExitStatus>>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = starting.send(Err(error));
            return;
        }
    };
    let _ = starting.send(Ok(child.id()));
    let how = loop {
        match child.try_wait() {
            Ok(None) => {}
            ended => break ended,
        }
        match told_to_end.recv_timeout(LOOK_AGAIN) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => break killed(&mut child),
        }
    };
    let _ = ending.send(Some(how.ok().flatten().unwrap_or_default()));
}

fn killed(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    child.kill()?;
    child.wait().map(Some)
}

/// `redis-server` as our promises need it, ended by the kernel when the thread that starts it dies (`setpriv --pdeathsig`),
/// and in a process group of its own: a Ctrl-C at the terminal is for us, and we still need it while we stop.
fn command(folder: &Path, socket: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "redis-server", "--port", "0"])
        .arg("--unixsocket")
        .arg(socket)
        .args(["--unixsocketperm", "700", "--dir"])
        .arg(folder)
        .arg("--logfile")
        .arg(folder.join("redis.log"))
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(["--save", "", "--maxmemory-policy", "noeviction"])
        // An upload of a million codes that nobody finished ends by itself: Redis must not stand still over it.
        .args(["--lazyfree-lazy-expire", "yes"])
        .args(["--daemonize", "no"])
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn ping(settings: &Settings) -> Result<(), StoreError> {
    let mut connection = settings.patient_connection().await?;
    Ok(redis::cmd("PING").exec_async(&mut connection).await?)
}

fn not_startable(error: &io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound {
        StoreError::Unavailable(
            "`setpriv` is not installed: install the package util-linux".to_owned(),
        )
    } else {
        unavailable(error)
    }
}
