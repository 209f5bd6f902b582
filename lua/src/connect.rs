//! Connecting to Redis and checking that its settings can keep our promises.

use std::time::Duration;

use redis::aio::ConnectionManager;

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://…`, `rediss://…` or `redis+unix:///path/to/socket`.
    pub url: String,
    /// How long a script may take before its outcome counts as unknown.
    pub response_timeout: Duration,
}

/// A failed call to Redis. Whether it was carried out is what the variants tell apart.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis could not be reached, or refused the call before running it: nothing happened.
    #[error("redis is not available: {0}")]
    Unavailable(String),
    /// The reply was lost or late: the call may have been carried out.
    #[error("redis did not answer in time, the call may have been carried out: {0}")]
    Unknown(String),
    /// The reply is not what the script's contract says.
    #[error("redis answered something unexpected: {0}")]
    Unexpected(String),
}

/// A setting of Redis with which we cannot keep a promise, and its mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, such as `maxmemory-policy`.
    pub setting: String,
    /// What it holds.
    pub held: String,
    /// What it must be, as one sentence that says what to do.
    pub mend: String,
}

/// The door to Redis. Cheap to clone; concurrent calls share one pipelined connection.
#[derive(Clone)]
pub struct Store {
    pub(crate) connection: ConnectionManager,
}

impl Store {
    /// Connects, and starts the tasks that gather concurrent enters, looks and redeems into batches.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let _ = settings;
        unimplemented!()
    }

    /// Redis answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// The settings that must not be: an evicting `maxmemory-policy`, no AOF, `appendfsync` other than `always`.
    /// A Redis that refuses `CONFIG GET` (managed services) gives one fault that says so.
    pub async fn faults(&self) -> Result<Vec<Fault>, StoreError> {
        unimplemented!()
    }

    /// The present moment by the store's clock (`TIME`).
    pub async fn now(&self) -> Result<domain::Millis, StoreError> {
        unimplemented!()
    }
}
