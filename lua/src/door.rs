//! The connections to Redis, and their locks: the scripts of an event run only on a Redis that was recognised.
//!
//! A script's text begins with the incarnation in which it was loaded (`INCARNATION`, also the epoch of what is made in it), and Redis keeps scripts in memory alone. So one that
//! was restarted, or one that took another's place, knows no script of the present incarnation and says so without running
//! anything; a caller who hears that looks at who answers before it loads the script. Nobody decides anything on a Redis
//! that may have forgotten something.

use std::sync::Arc;
use std::time::Instant;

use domain::EventId;
use redis::aio::ConnectionLike;
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};

use crate::cluster::Cluster;
use crate::connect::{Settings, StoreError};
use crate::keys::Keys;
use crate::node::Node;
use crate::primaries::Primary;
use crate::slots::slot_of;

/// The shared connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door {
    outbox_max: u64,
    behind: Behind,
}

/// What lies behind the door. Where one Redis stands alone, nobody asks for the slot of a key.
#[derive(Clone)]
enum Behind {
    Alone(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl Door {
    /// Connects to a Redis that stands alone; to the primaries of a cluster when they are first called.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let behind = if settings.is_cluster() {
            Behind::Cluster(Arc::new(Cluster::open(settings).await?))
        } else {
            let node = Node::open(settings, Primary::alone(settings)?).await?;
            Behind::Alone(Arc::new(node))
        };
        Ok(Self {
            outbox_max: settings.outbox_max,
            behind,
        })
    }

    /// Most records that may wait in an event's outbox.
    pub(crate) fn outbox_max(&self) -> u64 {
        self.outbox_max
    }

    /// Each Redis that serves something, as last heard of.
    pub(crate) fn nodes(&self) -> Arc<[Arc<Node>]> {
        match &self.behind {
            Behind::Alone(node) => [Arc::clone(node)].into(),
            Behind::Cluster(cluster) => cluster.nodes(),
        }
    }

    /// The same, as the cluster tells of them now.
    pub(crate) async fn nodes_now(&self) -> Result<Arc<[Arc<Node>]>, StoreError> {
        if let Behind::Cluster(cluster) = &self.behind {
            cluster.look_again(Instant::now()).await?;
        }
        Ok(self.nodes())
    }

    /// The one that serves a slot.
    pub(crate) fn node(&self, slot: impl FnOnce() -> u16) -> Result<Arc<Node>, RedisError> {
        match &self.behind {
            Behind::Alone(node) => Ok(Arc::clone(node)),
            Behind::Cluster(cluster) => cluster.node(slot()),
        }
    }

    /// Calls the one that serves a slot.
    pub(crate) async fn at<T, F: Future<Output = Result<T, RedisError>>>(
        &self,
        slot: impl FnOnce() -> u16,
        call: impl Fn(Arc<Node>) -> F,
    ) -> Result<T, RedisError> {
        match &self.behind {
            Behind::Alone(node) => call(Arc::clone(node)).await,
            Behind::Cluster(cluster) => Box::pin(cluster.at(slot(), call)).await,
        }
    }

    /// An answer about an event that a Redis which forgot everything would give too is believed only when it did not.
    pub(crate) async fn confirm(&self, event: &EventId) -> Result<(), StoreError> {
        let node = self.node(|| slot_of(Keys::of(event).event().as_bytes()))?;
        node.confirm().await
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
        f.debug_list().entries(self.nodes().iter()).finish()
    }
}

impl ConnectionLike for Door {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match &self.behind {
            Behind::Alone(node) => {
                let mut connection = node.connection();
                Box::pin(async move { connection.send_packed_command(command).await })
            }
            Behind::Cluster(cluster) => Box::pin(cluster.send(command)),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &self.behind {
            Behind::Alone(node) => {
                let mut connection = node.connection();
                let sent = async move {
                    connection
                        .send_packed_commands(pipeline, offset, count)
                        .await
                };
                Box::pin(sent)
            }
            Behind::Cluster(cluster) => Box::pin(cluster.send_all(pipeline, offset, count)),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}
