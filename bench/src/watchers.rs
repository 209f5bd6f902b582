//! People who watch their place over a socket. A process holds few descriptors, so each part of a crowd is held by a process
//! of its own, which does what it reads on its standard input and answers in lines.

mod part;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub use part::serve;

/// A frame that showed somebody a new position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// When it was heard, in milliseconds since 1970.
    pub at_ms: u64,
    /// How many had been let in as far as this person knew until then.
    pub known: u64,
    /// The position it showed.
    pub position: u64,
}

/// What a crowd heard since it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// Frames.
    pub frames: u64,
    /// Connections that were lost.
    pub lost: u64,
    /// Positions that rose.
    pub rose: u64,
}

/// One process of the crowd, as the measuring process sees it.
pub struct Watchers {
    _child: Child,
    pid: u32,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Watchers {
    /// Starts a process that will watch through `address`; nobody watches yet.
    pub fn start(address: SocketAddr, path: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["watch", &address.to_string(), path])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let asks = child.stdin.take().context("stdin is piped")?;
        let answers = child.stdout.take().context("stdout is piped")?;
        Ok(Self {
            pid: child.id().context("it has just started")?,
            _child: child,
            asks,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Opens the sockets of so many people, by the numbers of their tokens, and hears everybody's first frame. So many have
    /// been let in before, and nobody is at the moment.
    pub async fn open(&mut self, first: usize, count: usize, admitted: u64) -> Result<()> {
        self.ask(&format!("open {first} {count} {admitted}"))
            .await?;
        Ok(())
    }

    /// What was heard so far.
    pub async fn heard(&mut self) -> Result<Heard> {
        let [frames, lost, rose] = numbers(&self.ask("heard").await?)?;
        Ok(Heard { frames, lost, rose })
    }

    /// Notes new positions from now on.
    pub async fn note(&mut self) -> Result<()> {
        self.ask("note").await.map(drop)
    }

    /// What was noted; nothing is noted any more.
    pub async fn notes(&mut self) -> Result<Vec<Note>> {
        let [count] = numbers(&self.ask("notes").await?)?;
        let mut notes = Vec::new();
        for _ in 0..count {
            let [at_ms, known, position] = numbers(&self.answer().await?)?;
            notes.push(Note {
                at_ms,
                known,
                position,
            });
        }
        Ok(notes)
    }

    /// So many were let in: how many hold a position that is wrong, and how many got or lack a ticket against the order.
    pub async fn judged(&mut self, admitted: u64) -> Result<(u64, u64)> {
        let [wrong, inverted] = numbers(&self.ask(&format!("judge {admitted}")).await?)?;
        Ok((wrong, inverted))
    }

    /// Everybody loses the connection and comes back; how long it took until all but a hundredth were, and until the last was.
    pub async fn storm(&mut self) -> Result<(Duration, Duration)> {
        let took_ms: [u64; 2] = numbers(&self.ask("storm").await?)?;
        let [nearly, all] = took_ms.map(Duration::from_millis);
        Ok((nearly, all))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    async fn ask(&mut self, ask: &str) -> Result<String> {
        self.asks.write_all(format!("{ask}\n").as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<String> {
        let line = self.answers.next_line().await?;
        line.context("a process of the crowd ended")
    }
}

fn numbers<const N: usize>(line: &str) -> Result<[u64; N]> {
    let numbers: Vec<u64> = line
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("a process of the crowd said `{line}`"))?;
    numbers
        .try_into()
        .map_err(|_| anyhow::anyhow!("a process of the crowd said `{line}`"))
}

/// This machine's clock, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
