//! A private Redis Cluster: three primaries, each with a replica, every write synced as in production.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::free_port;
use crate::guard::{Folder, Guard, run};

/// How many primaries there are, and as many replicas.
const PRIMARIES: usize = 3;
/// How long a primary is silent before its replica takes over.
const NODE_TIMEOUT_MS: &str = "1000";
/// After so long a replica that was told to take over has given it up.
const HAND_OVER: Duration = Duration::from_secs(6);
/// How long the nodes may take to agree: generous, since tests share few cores.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running cluster; gone when dropped.
pub struct RedisCluster {
    nodes: Vec<Node>,
}

struct Node {
    guard: Guard,
    port: u16,
}

impl RedisCluster {
    /// Starts the nodes and joins them; every replica has what its primary has.
    pub fn start() -> Result<Self> {
        let nodes: Result<Vec<Node>> = (0..2 * PRIMARIES).map(|_| Node::start()).collect();
        let cluster = Self { nodes: nodes? };
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        for node in &cluster.nodes {
            create.arg(format!("127.0.0.1:{}", node.port));
        }
        run(create.args(["--cluster-replicas", "1", "--cluster-yes"]))?;
        for node in &cluster.nodes {
            until("the nodes do not join", || {
                let joined = ask(node.port, &["CLUSTER", "INFO"]);
                let told = ask(node.port, &["INFO", "replication"]);
                joined.contains("cluster_state:ok")
                    && (told.contains("role:master") || told.contains("master_link_status:up"))
            })?;
        }
        Ok(cluster)
    }

    /// Its URL, which names every node.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis://{}", hosts.join(","))
    }

    /// The port of the primary that serves a key.
    pub fn primary_of(&self, key: &str) -> Result<u16> {
        let asked = self.nodes.iter().find(|node| node.answers());
        let asked = asked.context("no node answers")?.port;
        let slot: u32 = ask(asked, &["CLUSTER", "KEYSLOT", key]).trim().parse()?;
        // Lines such as `id 127.0.0.1:7000@17000 master - 0 0 1 connected 0-5460`.
        for line in ask(asked, &["CLUSTER", "NODES"]).lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let serves = fields.iter().skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let within = |first: u32, last: u32| (first..=last).contains(&slot);
                first
                    .parse()
                    .is_ok_and(|first| last.parse().is_ok_and(|last| within(first, last)))
            });
            let port = fields
                .get(1)
                .and_then(|address| address.split_once('@')?.0.rsplit_once(':')?.1.parse().ok());
            if let (true, Some(port)) = (serves, port) {
                return Ok(port);
            }
        }
        bail!("nobody serves {key}")
    }

    /// The answer of the node on a port, as `redis-cli` shows it.
    #[must_use]
    pub fn ask(&self, port: u16, command: &[&str]) -> String {
        ask(port, command)
    }

    /// Ends the node on a port at once, as a crash would.
    pub fn stop(&self, port: u16) -> Result<()> {
        self.node(port)?.guard.stop()
    }

    /// Starts it again on what it has on its disk.
    pub fn start_again(&self, port: u16) -> Result<()> {
        let node = self.node(port)?;
        node.guard.start(|| node.answers())
    }

    /// Lets the replica on a port take the place of the primary of a key, which loses nothing. Told again where slow nodes gave it up.
    pub fn hand_over(&self, key: &str, port: u16) -> Result<()> {
        until("the replica does not take over", || {
            ask(port, &["CLUSTER", "FAILOVER"]);
            let given_up = Instant::now() + HAND_OVER;
            while Instant::now() < given_up {
                if self.primary_of(key).is_ok_and(|now| now == port) {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            false
        })
    }

    /// Waits until another node than the one on `port` serves a key.
    pub fn until_taken_over(&self, key: &str, port: u16) -> Result<()> {
        until("no replica takes over", || {
            let taken = |now| now != port && ask(now, &["CLUSTER", "INFO"]).contains("state:ok");
            self.primary_of(key).is_ok_and(taken)
        })
    }

    fn node(&self, port: u16) -> Result<&Node> {
        let node = self.nodes.iter().find(|node| node.port == port);
        node.with_context(|| format!("no node on port {port}"))
    }
}

impl Node {
    fn start() -> Result<Self> {
        let (port, bus) = (free_port()?, free_port()?);
        let folder = Folder::make(None)?;
        let arguments = [
            ("--port", port.to_string()),
            ("--cluster-port", bus.to_string()),
            ("--bind", "127.0.0.1".to_owned()),
            ("--dir", folder.path().display().to_string()),
            ("--cluster-enabled", "yes".to_owned()),
            ("--cluster-node-timeout", NODE_TIMEOUT_MS.to_owned()),
            ("--cluster-require-full-coverage", "no".to_owned()),
            ("--appendonly", "yes".to_owned()),
            ("--appendfsync", "always".to_owned()),
            ("--save", String::new()),
            ("--repl-diskless-sync-delay", "0".to_owned()),
        ]
        .map(|(name, value)| [name.to_owned(), value])
        .concat();
        let guard = Guard::keep(folder, "KILL", "redis-server".as_ref(), &arguments)?;
        let node = Self { guard, port };
        node.guard.start(|| node.answers())?;
        Ok(node)
    }

    fn answers(&self) -> bool {
        ask(self.port, &["PING"]).starts_with("PONG")
    }
}

fn ask(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(command)
        .output();
    output.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn until(failed: &str, holds: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            bail!("{failed}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
