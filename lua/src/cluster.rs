//! The primaries of a Redis Cluster: each is a Redis of its own, with its own lock. A call goes to the one that serves the slot of its
//! keys; it is made a second time only when the first was sent elsewhere, which is never carried out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use parking_lot::RwLock;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, Value};
use tokio::sync::Mutex;

use crate::connect::{Settings, StoreError};
use crate::node::Node;
use crate::primaries::Primary;
use crate::slots::{home, lies_in_one_slot, slot_of_command};

/// A node that gave trouble makes a process look for the primaries again, at most so often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// With these a primary refuses what it does not serve: a command, and a transaction of which it refused a command.
const ELSEWHERE: [&str; 2] = ["MOVED", "EXECABORT"];

/// Its primaries, as last heard of.
pub(crate) struct Cluster {
    settings: Settings,
    nodes: RwLock<Arc<[Arc<Node>]>>,
    /// When they were last looked for. Held while they are.
    looked: Mutex<Instant>,
}

impl Cluster {
    /// Finds the primaries; each is connected to when it is first called.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let mut nodes = Vec::new();
        for primary in settings.primaries().await? {
            nodes.push(Arc::new(Node::open(settings, primary).await?));
        }
        Ok(Self {
            settings: settings.clone(),
            nodes: RwLock::new(nodes.into()),
            looked: Mutex::new(Instant::now()),
        })
    }

    pub(crate) fn nodes(&self) -> Arc<[Arc<Node>]> {
        Arc::clone(&self.nodes.read())
    }

    /// The primary that serves a slot.
    pub(crate) fn node(&self, slot: u16) -> Result<Arc<Node>, RedisError> {
        let nodes = self.nodes.read();
        let serving = nodes.iter().find(|node| node.serves(slot));
        serving.cloned().ok_or_else(|| {
            let told = "no primary serves the slot of these keys";
            RedisError::from((ErrorKind::ClusterConnectionNotFound, told))
        })
    }

    /// Calls the primary that serves a slot, and where that one serves it no more, once the one that does now.
    pub(crate) async fn at<T, F: Future<Output = Result<T, RedisError>>>(
        self: &Arc<Self>,
        slot: u16,
        call: impl Fn(Arc<Node>) -> F,
    ) -> Result<T, RedisError> {
        let asked = Instant::now();
        let answered = match self.node(slot) {
            Ok(node) => call(node).await,
            Err(nobody) => Err(nobody),
        };
        let Err(error) = answered else {
            return answered;
        };
        match error.code() {
            Some(code) if ELSEWHERE.contains(&code) => {
                self.look_again(asked).await?;
                call(self.node(slot)?).await
            }
            Some("NOSCRIPT") => Err(error),
            _ => {
                let cluster = Arc::clone(self);
                // Whoever asks waits for nothing more.
                tokio::spawn(async move {
                    let lately = Instant::now().checked_sub(LOOK_AGAIN).unwrap_or(asked);
                    // What went wrong was told already.
                    let _ = cluster.look_again(lately).await;
                });
                Err(error)
            }
        }
    }

    /// Sends a command.
    pub(crate) async fn send(self: &Arc<Self>, command: &Cmd) -> Result<Value, RedisError> {
        let sent =
            |node: Arc<Node>| async move { command.query_async(&mut node.connection()).await };
        self.at(slot_of_command(command), sent).await
    }

    /// Sends a pipeline: as one where its keys lie in one slot, else each command by itself. The keys of a transaction, whose
    /// answers stand behind those of its commands, lie in one slot.
    pub(crate) async fn send_all(
        self: &Arc<Self>,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Result<Vec<Value>, RedisError> {
        if offset == 0 && !lies_in_one_slot(pipeline) {
            return try_join_all(pipeline.cmd_iter().map(|command| self.send(command))).await;
        }
        let slot = pipeline
            .cmd_iter()
            .next()
            .map_or_else(home, slot_of_command);
        let sent = |node: Arc<Node>| async move {
            let mut connection = node.connection();
            let values = connection.send_packed_commands(pipeline, offset, count);
            nothing_done(values.await?)
        };
        self.at(slot, sent).await
    }

    /// Looks for the primaries, unless somebody did so after `heard`.
    pub(crate) async fn look_again(&self, heard: Instant) -> Result<(), RedisError> {
        let mut looked = self.looked.lock().await;
        if *looked > heard {
            return Ok(());
        }
        let found = match self.settings.primaries().await {
            Ok(primaries) => self.met(primaries).await,
            Err(error) => Err(error),
        };
        *looked = Instant::now();
        let found = found.map_err(|error| {
            let told = "the primaries of the cluster cannot be told";
            RedisError::from((
                ErrorKind::ClusterConnectionNotFound,
                told,
                error.to_string(),
            ))
        })?;
        *self.nodes.write() = found.into();
        Ok(())
    }

    /// The primaries as nodes: those that are known keep connection and lock.
    async fn met(&self, primaries: Vec<Primary>) -> Result<Vec<Arc<Node>>, StoreError> {
        let known = self.nodes();
        let mut nodes = Vec::with_capacity(primaries.len());
        for primary in primaries {
            let same = known.iter().find(|node| node.name() == primary.name);
            nodes.push(Arc::new(match same {
                Some(node) => node.serving(primary.slots),
                None => Node::open(&self.settings, primary).await?,
            }));
        }
        Ok(nodes)
    }
}

/// The answers to a pipeline; where every command was refused as not served here, that refusal. One whose slot left in the midst of it
/// is not sent again: what came first was carried out.
fn nothing_done(values: Vec<Value>) -> Result<Vec<Value>, RedisError> {
    let refused = |value: &Value| matches!(value, Value::ServerError(error) if ELSEWHERE.contains(&error.code()));
    match values.first() {
        Some(Value::ServerError(error)) if values.iter().all(refused) => Err(error.clone().into()),
        _ => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_of_which_something_was_carried_out_is_not_sent_again() {
        let refused = redis::parse_redis_value(b"-MOVED 7 a:1\r\n").unwrap();
        let all = nothing_done(vec![refused.clone(), refused.clone()]);
        assert_eq!(all.unwrap_err().code(), Some("MOVED"));
        for some in [vec![Value::Okay, refused], vec![Value::Okay], Vec::new()] {
            assert_eq!(nothing_done(some.clone()).unwrap(), some);
        }
    }
}
