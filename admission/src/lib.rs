//! Admission: who is next, at what pace. It holds the private signing key, lets people in event by event, mints their
//! tickets, and brings the ops API and the console to the ops door.
//!
//! Any number of replicas may run: the script that lets people in is the only judge, and a ticket is the same whoever
//! mints it.

mod draw;
mod holdups;
mod keys;
mod mint;
mod ops;
mod pacer;
mod signer;
#[cfg(test)]
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use chassis::admin::OpsGuard;
use chassis::throttle::Limits;
use chassis::{Lifecycle, Role};
use domain::event::AckLevel;
use domain::{Clock, Random};

pub use keys::KeyError;
pub use ops::api;

use pacer::Pacer;
use signer::{KeepError, Signer};

/// What admission is made of.
pub struct Parts {
    /// The door to Redis.
    pub store: lua::Store,
    /// How to open a further connection to it.
    pub redis: lua::Settings,
    /// When to stop.
    pub lifecycle: Lifecycle,
    /// The time shown in live frames.
    pub clock: Arc<dyn Clock>,
    /// For the signing key, and so that replicas do not act in step.
    pub random: Arc<dyn Random>,
    /// The folder of the private signing key; admission's replicas share it.
    pub keys: PathBuf,
    /// The tickets' `iss`.
    pub public_url: String,
    /// Who is let through to the ops API.
    pub guard: OpsGuard,
    /// What a pass of a new event waits for, unless the event says otherwise.
    pub default_ack: AckLevel,
    /// The share of failed redeems from which on admission is braked; none for never.
    pub brake_error_share: Option<f64>,
    /// The limits per client address that this process was started with: those in force where none is set live.
    pub limits: Limits,
}

/// Why admission cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The signing key cannot be made or read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The public keys could not be published.
    #[error("the signing keys could not be published: {0}")]
    Publish(KeepError),
}

/// Loads or makes the signing key, publishes its public half, starts the pacer and returns the ops door's routes.
pub async fn build(parts: Parts) -> Result<Role, BuildError> {
    let signer = Signer::open(&parts.keys, &parts.public_url, parts.random.as_ref())?;
    let signer = Arc::new(signer);
    signer
        .publish(&parts.store)
        .await
        .map_err(BuildError::Publish)?;
    let pacer = Pacer::new(
        parts.store.clone(),
        parts.redis.clone(),
        Arc::clone(&signer),
        Arc::clone(&parts.random),
        parts.lifecycle.clone(),
        parts.brake_error_share,
    );
    parts.lifecycle.spawn("pacer", Arc::new(pacer).run());
    Ok(Role {
        name: "admission",
        public: axum::Router::new(),
        ops: ops::routes(&parts, signer),
    })
}
