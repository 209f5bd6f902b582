//! One Redis of the installation: its connection, and what this process knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::Client;
use redis::aio::ConnectionManager;
use tokio::sync::Mutex;

use crate::connect::{Settings, StoreError};
use crate::door::recovering;
use crate::installation::{Identity, Standing};
use crate::keys;
use crate::primaries::Primary;
use crate::script::Script;
use crate::slots::Slots;

/// For how long a refusal stands before Redis is looked at again: a crowd of callers asks it a few times a second.
const REFUSED_FOR: Duration = Duration::from_millis(50);

/// A Redis and its lock.
pub(crate) struct Node {
    name: String,
    client: Client,
    connection: ConnectionManager,
    slots: Slots,
    settings: Settings,
    lock: Arc<Lock>,
}

/// What a process knows of the Redis that it calls.
#[derive(Default)]
struct Lock {
    /// The incarnation that this process met last; 0 before it has met one.
    incarnation: AtomicU64,
    /// Where that is written down there.
    installation: parking_lot::Mutex<String>,
    /// The last refusal. Held while Redis is looked at, so that one caller looks for all.
    refused: Mutex<Option<(Instant, StoreError)>>,
}

impl Node {
    /// Connects at once to one that stands alone, else when it is first called.
    pub(crate) async fn open(settings: &Settings, primary: Primary) -> Result<Self, StoreError> {
        let Primary {
            name,
            client,
            slots,
            ..
        } = primary;
        let remade = settings.remade();
        let connection = if settings.is_cluster() {
            client.get_connection_manager_lazy(remade)
        } else {
            client.get_connection_manager_with_config(remade).await
        };
        Ok(Self {
            name,
            connection: connection.map_err(|error| StoreError::Unavailable(error.to_string()))?,
            client,
            slots,
            settings: settings.clone(),
            lock: Arc::default(),
        })
    }

    /// The same, serving these slots.
    pub(crate) fn serving(&self, slots: Slots) -> Self {
        Self {
            name: self.name.clone(),
            client: self.client.clone(),
            connection: self.connection.clone(),
            slots,
            settings: self.settings.clone(),
            lock: Arc::clone(&self.lock),
        }
    }

    /// Its address; nothing for one that stands alone.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Is it one of a Redis Cluster?
    pub(crate) fn is_of_cluster(&self) -> bool {
        self.settings.is_cluster()
    }

    pub(crate) fn serves(&self, slot: u16) -> bool {
        self.slots.contains(slot)
    }

    pub(crate) fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// The incarnation whose scripts are called.
    pub(crate) fn incarnation(&self) -> u64 {
        self.lock.incarnation.load(Ordering::Relaxed)
    }

    /// How it stands to the one that was last recognised.
    pub(crate) async fn standing(&self) -> Result<Standing, StoreError> {
        let mut connection = self.connection();
        let read = Standing::read(&mut connection, self.is_of_cluster());
        let standing = read.await?.0;
        if let Standing::Known(_) = standing {
            // Whoever hears so calls next, and is not refused for what was before.
            *self.lock.refused.lock().await = None;
        }
        Ok(standing)
    }

    /// Gives a script to a Redis that does not know it, if it may have it.
    pub(crate) async fn load(&self, script: &Script) -> Result<(), StoreError> {
        let mut refused = self.lock.refused.lock().await;
        if let Some((at, error)) = &*refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(error.clone());
        }
        match self.load_if_recognised(script).await {
            Ok((incarnation, identity)) => {
                *refused = None;
                *self.lock.installation.lock() = keys::installation(&identity.tag);
                self.lock.incarnation.store(incarnation, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                *refused = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Looks and loads on one connection that is never made again: who is asked and who is given the script is one process.
    async fn load_if_recognised(&self, script: &Script) -> Result<(u64, Identity), StoreError> {
        let mut connection = self.settings.single_connection(&self.client).await?;
        let read = Standing::read(&mut connection, self.is_of_cluster());
        let (Standing::Known(incarnation), identity) = read.await? else {
            return Err(recovering());
        };
        script.load(incarnation).exec_async(&mut connection).await?;
        Ok((incarnation, identity))
    }

    /// An answer that a Redis which forgot everything would give too is believed only when it did not.
    pub(crate) async fn confirm(&self) -> Result<(), StoreError> {
        if self.incarnation() == 0 {
            return Err(recovering());
        }
        let installation = self.lock.installation.lock().clone();
        let held: Option<u64> = redis::cmd("HGET")
            .arg(&[installation.as_str(), "incarnation"])
            .query_async(&mut self.connection())
            .await?;
        if held == Some(self.incarnation()) {
            Ok(())
        } else {
            Err(recovering())
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Node({} in incarnation {})",
            self.name,
            self.incarnation()
        )
    }
}
