//! The persister: makes the ledger equal the log, whether that is Kafka or the outbox itself, and compares Redis, log and
//! ledger on request.

mod compared;
mod ops;
pub mod reconcile;
mod recover;
mod source;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

use std::sync::Arc;

use axum::Router;
use chassis::admin::OpsGuard;
use chassis::{Lifecycle, Role};
use domain::Random;
use ledger::Ledger;
use lua::Store;

pub use ops::api;
use recover::Watcher;
pub use recover::{RecoverError, recognise};
use source::kafka::KafkaSource;
use source::outbox::OutboxSource;
use watch::Watch;

/// What the persister is built from.
pub struct Parts {
    /// The door to Redis.
    pub store: Store,
    /// How to open further connections to it.
    pub redis: lua::Settings,
    /// The ledger, its tables made.
    pub ledger: Ledger,
    /// How to reach Kafka. Without it the outbox is the log.
    pub kafka: Option<kafka::Settings>,
    /// When to stop.
    pub lifecycle: Lifecycle,
    /// Where jitter and the lease's owner come from.
    pub random: Arc<dyn Random>,
    /// Who is let through to the dead letters.
    pub guard: OpsGuard,
}

/// Starts the persister's task and returns the ops door's routes.
#[must_use]
pub fn build(parts: Parts) -> Role {
    let ops = ops::routes(parts.store.clone(), parts.ledger.clone(), &parts.guard);
    let spawner = parts.lifecycle.clone();
    let watcher = Watcher::new(&parts);
    let (random, lifecycle) = (Arc::clone(&parts.random), parts.lifecycle.clone());
    spawner.spawn("watch over redis", async move {
        watcher.run(random, lifecycle).await;
        Ok(())
    });
    let watch = Watch::new(&parts);
    spawner.spawn("comparison", async move {
        watch.run().await;
        Ok(())
    });
    spawner.spawn("persister", async move {
        match parts.kafka.clone() {
            Some(settings) => KafkaSource::new(parts, settings).run().await,
            None => OutboxSource::new(parts).run().await,
        }
        Ok(())
    });
    Role {
        name: "persister",
        public: Router::new(),
        ops,
    }
}
