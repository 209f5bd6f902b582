//! A private Kafka: one node, broker and controller in one, the real thing in a small JVM; topics only when somebody makes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::free_port;
use crate::guard::{Folder, Guard, run};

/// Any 16 bytes in base64url name a cluster; nobody else will ever meet this one.
const CLUSTER_ID: &str = "c3RhbmNoaW9uLXRlc3RlZA";
/// What the broker logs when it serves.
const SERVING: &str = "Kafka Server started";

/// A running broker; gone when dropped.
pub struct Kafka {
    guard: Guard,
    brokers: String,
    port: u16,
}

impl Kafka {
    /// Formats a new log folder and starts the broker on it.
    pub fn start() -> Result<Self> {
        Self::new(None)
    }

    /// The same, reached by clients through `port` of this machine: for a proxy that stands between.
    pub fn start_behind(port: u16) -> Result<Self> {
        Self::new(Some(port))
    }

    fn new(advertised: Option<u16>) -> Result<Self> {
        let classes = format!("{}/*", jars()?.display());
        let folder = Folder::make(None)?;
        let (port, controller) = (free_port()?, free_port()?);
        let settings = folder.path().join("server.properties");
        fs::write(
            &settings,
            properties(folder.path(), port, advertised.unwrap_or(port), controller),
        )?;
        run(folder
            .command("java")
            .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", &classes])
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&settings))?;
        let arguments = [
            "-Xms128m",
            "-Xmx384m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dlog4j2.level=INFO",
            "-cp",
            &classes,
            "kafka.Kafka",
            &settings.display().to_string(),
        ]
        .map(str::to_owned);
        let server = Self {
            guard: Guard::keep(folder, "KILL", Path::new("java"), &arguments)?,
            brokers: format!("127.0.0.1:{port}"),
            port,
        };
        server.start_again()?;
        Ok(server)
    }

    /// The broker that all tests of this process share, started by the first to ask.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its server")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().expect("cannot start a private Kafka"))
    }

    /// Its address, as `host:port`.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process that guards it: the broker is its child.
    #[must_use]
    pub fn guard_pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Kills the broker.
    pub fn stop(&self) -> Result<()> {
        self.guard.stop()
    }

    /// Starts it again on the same log and port, and waits until it answers.
    pub fn start_again(&self) -> Result<()> {
        let before = self.starts();
        self.guard.start(|| self.starts() > before)
    }

    /// How often the broker has come up so far.
    fn starts(&self) -> usize {
        self.guard.log().matches(SERVING).count()
    }
}

/// The folder with Kafka's jars.
fn jars() -> Result<PathBuf> {
    let home = std::env::var_os("STANCHION_KAFKA_HOME").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/kafka"),
        PathBuf::from,
    );
    let jars = home.join("libs");
    if !jars.is_dir() {
        bail!(
            "Kafka's jars are not in {}: run tools/provision",
            jars.display()
        );
    }
    fs::canonicalize(&jars).context("Kafka's jars cannot be read")
}

/// The broker's settings: one node does everything, and a short session lets it back in soon after a kill.
fn properties(folder: &Path, port: u16, advertised: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={}\n\
         auto.create.topics.enable=false\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         broker.session.timeout.ms=1000\n\
         broker.heartbeat.interval.ms=200\n\
         group.consumer.min.session.timeout.ms=1000\n\
         group.min.session.timeout.ms=1000\n\
         log.cleaner.enable=false\n",
        folder.join("logs").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn it_answers_again_after_a_kill_and_leaves_nothing_behind() {
        let server = Kafka::start().unwrap();
        TcpStream::connect(server.brokers()).unwrap();
        server.stop().unwrap();
        assert!(TcpStream::connect(server.brokers()).is_err());
        server.start_again().unwrap();
        TcpStream::connect(server.brokers()).unwrap();

        let folder = server.guard.folder().path().to_owned();
        let brokers = server.brokers().to_owned();
        drop(server);
        assert!(!folder.exists());
        assert!(TcpStream::connect(brokers).is_err());
    }
}
