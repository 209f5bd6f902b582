//! Beginning a recovery: which Redis is to be recovered, and by whom.

use std::time::{Duration, Instant};

use domain::EventId;
use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use tokio::time::timeout;

use super::{LEASE_MS, Recovery};
use crate::connect::{Settings, StoreError};
use crate::installation::Standing;
use crate::keys::{self, EVENTS};
use crate::primaries::Primary;
use crate::slots::home;

/// How long other nodes may take to forget their scripts: less than the lease lasts.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many keys one step of a search looks at.
const SEARCHED_AT_ONCE: u32 = 10_000;

impl Recovery {
    /// Begins, unless this Redis is the one that was last recognised or somebody else recovers it; of a cluster with the first
    /// primary that is not. From here on no script of an event that it serves runs.
    pub async fn begin(settings: &Settings) -> Result<Option<Self>, StoreError> {
        let mut primaries = settings.primaries().await?;
        primaries.sort_by_key(|primary| !primary.slots.contains(home()));
        let mut failed = None;
        for primary in &primaries {
            let is_home = primary.slots.contains(home());
            match Self::begin_at(settings, primary, &primaries).await {
                Ok(Begun::Ours(recovery)) => return Ok(Some(*recovery)),
                // Without the list of events no other can be recovered.
                Ok(Begun::Theirs) if is_home => return Ok(None),
                Ok(Begun::Theirs | Begun::Known) => {}
                Err(error) if is_home => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn begin_at(
        settings: &Settings,
        primary: &Primary,
        all: &[Primary],
    ) -> Result<Begun, StoreError> {
        let is_cluster = settings.is_cluster();
        let mut connection = settings.single_connection(&primary.client).await?;
        let (standing, identity) = Standing::read(&mut connection, is_cluster).await?;
        if let Standing::Known(_) = standing {
            return Ok(Begun::Known);
        }
        let lease = keys::recovery(&identity.tag);
        let held_at = Instant::now();
        let Some(owner) = taken(&mut connection, &lease, &identity.run_id).await? else {
            return Ok(Begun::Theirs);
        };
        // Looked at again under the lease: somebody may have recognised it and given the lease back in between.
        let (standing, identity) = Standing::read(&mut connection, is_cluster).await?;
        let noted = match standing {
            Standing::Known(_) => {
                redis::cmd("DEL")
                    .arg(lease)
                    .exec_async(&mut connection)
                    .await?;
                return Ok(Begun::Known);
            }
            Standing::Changed(noted) => noted,
            Standing::Blank => 0,
        };
        forget_scripts(&mut connection).await?;
        if is_cluster {
            others_forget_scripts(settings, &mut connection).await?;
        }
        let is_home = primary.slots.contains(home());
        let mut recovery = Self {
            home: match all.first().filter(|_| !is_home) {
                Some(home) => settings.single_connection(&home.client).await?,
                None => connection.clone(),
            },
            connection,
            identity,
            noted,
            owner,
            held_at,
        };
        if is_home {
            recovery.list_those_of(settings, &all[1..]).await?;
        }
        Ok(Begun::Ours(Box::new(recovery)))
    }

    /// Names in the list of events, which may have lost some, all that other primaries have.
    async fn list_those_of(
        &mut self,
        settings: &Settings,
        others: &[Primary],
    ) -> Result<(), StoreError> {
        for primary in others {
            let mut connection = settings.single_connection(&primary.client).await?;
            let mut cursor = 0_u64;
            loop {
                let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                    .arg(cursor)
                    .arg(&["MATCH", "*}", "COUNT"])
                    .arg(SEARCHED_AT_ONCE)
                    .query_async(&mut connection)
                    .await?;
                let found: Vec<EventId> =
                    keys.iter().filter_map(|key| keys::named_by(key)).collect();
                if !found.is_empty() {
                    let names: Vec<&str> = found.iter().map(EventId::as_str).collect();
                    redis::cmd("SADD")
                        .arg(EVENTS)
                        .arg(names)
                        .exec_async(&mut self.home)
                        .await?;
                }
                self.hold().await?;
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// From here on no script runs that was given to this Redis before.
async fn forget_scripts(connection: &mut MultiplexedConnection) -> Result<(), StoreError> {
    Ok(redis::cmd("SCRIPT")
        .arg(&["FLUSH", "ASYNC"])
        .exec_async(connection)
        .await?)
}

/// A node that was the primary once still has the scripts of then: should it take over again, it shall run none. One that is away has not
/// taken over; most often it is started anew.
async fn others_forget_scripts(
    settings: &Settings,
    connection: &mut MultiplexedConnection,
) -> Result<(), StoreError> {
    let told: String = redis::cmd("CLUSTER")
        .arg("NODES")
        .query_async(connection)
        .await?;
    let others = settings.serving_nothing(&told)?;
    let forgotten = others.iter().map(|other| async move {
        let mut connection = settings.single_connection(other).await?;
        forget_scripts(&mut connection).await
    });
    let _ = timeout(PATIENCE, join_all(forgotten)).await;
    Ok(())
}

/// What came of looking at a Redis.
enum Begun {
    /// Its recovery is ours.
    Ours(Box<Recovery>),
    /// Somebody else recovers it.
    Theirs,
    /// It is the one that was last recognised.
    Known,
}

/// Takes the lease of a recovery, if it is free; its owner's name.
async fn taken(
    connection: &mut MultiplexedConnection,
    lease: &str,
    run_id: &str,
) -> Result<Option<String>, StoreError> {
    let number: u64 = redis::cmd("CLIENT")
        .arg("ID")
        .query_async(connection)
        .await?;
    // A process that is started again on the same files counts its connections from the beginning.
    let owner = format!("connection-{number}-of-{run_id}");
    let taken: bool = redis::cmd("SET")
        .arg(lease)
        .arg(&owner)
        .arg(&["NX", "PX"])
        .arg(LEASE_MS)
        .query_async(connection)
        .await?;
    Ok(taken.then_some(owner))
}
