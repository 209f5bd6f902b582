//! What a measurement of faults runs on: one process of every role, and its stores, which may be taken away.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use testbed::{Kafka, Postgres};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::load::{FULL, Pace, drive};
use crate::redis::{self, Redis};
use crate::server::{Server, TOKEN};

/// How long the ledger may need to catch up.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often everything is asked before some refusals count as for ever.
const ATTEMPTS: usize = 10;

/// A server and its stores.
pub struct Stack {
    /// The server; ends before its stores.
    pub server: Server,
    /// Its stores, unless they are those of the embedded default.
    pub stores: Option<Stores>,
    binary: PathBuf,
    settings: Vec<String>,
}

/// The stores of the full stack.
pub struct Stores {
    /// The store of the line.
    pub redis: Redis,
    /// The log.
    pub kafka: Kafka,
    /// The ledger.
    pub postgres: Postgres,
}

impl Stack {
    /// The embedded default.
    pub fn embedded(binary: &Path) -> Result<Self> {
        Ok(Self {
            server: Server::embedded(binary)?,
            stores: None,
            binary: binary.to_owned(),
            settings: Vec::new(),
        })
    }

    /// A Redis, a Kafka and a PostgreSQL of its own.
    pub fn full(binary: &Path) -> Result<Self> {
        let (kafka, postgres) =
            block_in_place(|| anyhow::Ok((Kafka::start()?, Postgres::start()?)))?;
        let redis = Redis::start()?;
        let (url, brokers, database) = (&redis.url, kafka.brokers(), postgres.database()?);
        let settings: Vec<String> = [
            ["--redis-url", url],
            ["--kafka-brokers", brokers],
            ["--database-url", &database],
        ]
        .as_flattened()
        .iter()
        .map(|&setting| setting.to_owned())
        .collect();
        let arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
        Ok(Self {
            server: Server::start(binary, &arguments)?,
            stores: Some(Stores {
                redis,
                kafka,
                postgres,
            }),
            binary: binary.to_owned(),
            settings,
        })
    }

    /// The stores of the full stack.
    pub fn stores(&mut self) -> Result<&mut Stores> {
        self.stores.as_mut().context("the stack is embedded")
    }

    /// Empties its Redis.
    pub fn flush(&self) -> Result<()> {
        let command = ["flushall"];
        if let Some(stores) = &self.stores {
            stores.redis.ask(&command)?;
        } else {
            let socket = self.server.folder().join("redis/redis.sock");
            redis::ask(&socket, &command)?;
        }
        Ok(())
    }

    /// Waits until the ledger has all records of an event.
    pub async fn is_at_rest(&self, event: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let lag = self.server.ops.event(event).await.map(|e| e.ledger_lag);
            if matches!(lag, Ok(0)) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the ledger does not catch up: {lag:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks everything, and again what is refused for now, as every client does, until all is answered by 200 or 201; the
    /// bodies in the order of the requests.
    pub async fn answered(&self, requests: &Arc<Vec<Vec<u8>>>) -> Result<Vec<Vec<u8>>> {
        let kept = Pace {
            keep_bodies: true,
            ..FULL
        };
        for _ in 0..ATTEMPTS {
            let outcome = drive(self.server.public, Arc::clone(requests), kept).await?;
            let statuses = outcome.statuses;
            if statuses.keys().all(|status| [200, 201].contains(status)) {
                return Ok(outcome.bodies);
            }
            eprintln!("asked again after {statuses:?}");
        }
        bail!("some are never answered")
    }

    /// `stanchion verify` finds nothing unexplained, and everybody counts `issued` coupons.
    pub fn agrees(&self, event: &str, issued: usize) -> Result<()> {
        let output = Command::new(&self.binary)
            .args(["verify", "--json", "--event", event, "--data"])
            .arg(self.server.folder())
            .args(&self.settings)
            .env("STANCHION_ADMIN_TOKEN", TOKEN)
            .output()?;
        let verdict: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let counted = &verdict["events"][0]["issued"];
        let agree = ["redis", "log", "ledger"]
            .iter()
            .all(|station| counted[station] == issued);
        ensure!(
            output.status.success() && verdict["unexplained"] == 0 && agree,
            "{issued} were heard of, and verify says {verdict:#}"
        );
        Ok(())
    }
}
