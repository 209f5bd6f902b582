//! The connection to Redis, and its lock: the scripts of an event run only on the Redis that was last recognised.
//!
//! A script's text begins with the incarnation in which it was loaded (`INCARNATION`, also the epoch of what is made in it), and Redis keeps scripts in memory alone. So one that
//! was restarted, or one that took another's place, knows no script of the present incarnation and says so without running
//! anything; a caller who hears that looks at who answers before it loads the script. Nobody decides anything on a Redis
//! that may have forgotten something.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, Pipeline, RedisFuture, Value};
use tokio::sync::Mutex;

use crate::connect::{Settings, StoreError};
use crate::installation::{INSTALLATION, Standing};
use crate::script::Script;

/// For how long a refusal stands before Redis is looked at again: a crowd of callers asks it a few times a second.
const REFUSED_FOR: Duration = Duration::from_millis(50);

/// The shared connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door {
    connection: ConnectionManager,
    settings: Settings,
    lock: Arc<Lock>,
}

/// What a process knows of the Redis that it calls.
#[derive(Default)]
struct Lock {
    /// The incarnation that this process met last; 0 before it has met one.
    incarnation: AtomicU64,
    /// The last refusal. Held while Redis is looked at, so that one caller looks for all.
    refused: Mutex<Option<(Instant, StoreError)>>,
}

impl Door {
    pub(crate) fn new(connection: ConnectionManager, settings: &Settings) -> Self {
        Self {
            connection,
            settings: settings.clone(),
            lock: Arc::default(),
        }
    }

    /// Most records that may wait in an event's outbox.
    pub(crate) fn outbox_max(&self) -> u64 {
        self.settings.outbox_max
    }

    /// The incarnation whose scripts are called.
    pub(crate) fn incarnation(&self) -> u64 {
        self.lock.incarnation.load(Ordering::Relaxed)
    }

    /// Gives a script to a Redis that does not know it, if it may have it; the incarnation to call it in.
    pub(crate) async fn load(&self, script: &Script) -> Result<u64, StoreError> {
        let mut refused = self.lock.refused.lock().await;
        if let Some((at, error)) = &*refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(error.clone());
        }
        match self.load_if_recognised(script).await {
            Ok(incarnation) => {
                *refused = None;
                self.lock.incarnation.store(incarnation, Ordering::Relaxed);
                Ok(incarnation)
            }
            Err(error) => {
                *refused = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Looks and loads on one connection that is never made again: who is asked and who is given the script is one process.
    async fn load_if_recognised(&self, script: &Script) -> Result<u64, StoreError> {
        let mut connection = self.settings.single_connection().await?;
        let Standing::Known(incarnation) = Standing::read(&mut connection).await? else {
            return Err(recovering());
        };
        script.load(incarnation).exec_async(&mut connection).await?;
        Ok(incarnation)
    }

    /// An answer that a Redis which forgot everything would give too is believed only when it did not.
    pub(crate) async fn confirm(&self) -> Result<(), StoreError> {
        let held: Option<u64> = redis::cmd("HGET")
            .arg(&[INSTALLATION, "incarnation"])
            .query_async(&mut self.connection.clone())
            .await?;
        if held == Some(self.incarnation()) {
            Ok(())
        } else {
            Err(recovering())
        }
    }
}

/// Nothing is decided until the Redis that answers is as it should be.
pub(crate) fn recovering() -> StoreError {
    StoreError::Unavailable(
        "it is not the one that was last recognised, and is being recovered".to_owned(),
    )
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door(incarnation {})", self.incarnation())
    }
}

impl ConnectionLike for Door {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.connection.req_packed_command(command)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}
