//! Who a Redis is, and who it was when it was last recognised. What it forgot since, if anything, shows in no key: only in
//! its being another process, another replica, or empty.

use std::collections::HashMap;

use futures_util::future::join_all;
use redis::aio::ConnectionLike;

use crate::connect::{Store, StoreError};
use crate::keys;
use crate::slots::Slots;

/// How a Redis stands to the one that was last recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one, in this incarnation: it has forgotten nothing since.
    Known(u64),
    /// It is another: restarted, or a replica that took over. The last incarnation it knows of is this.
    Changed(u64),
    /// It knows of none: it is new, or it forgot everything.
    Blank,
}

/// Who a Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The process, by its `run_id`.
    pub(crate) run_id: String,
    /// For one that was a replica once, the history that it began when it took over. A master changes its replication id by
    /// itself when replicas come and go, and has no earlier one then.
    pub(crate) lineage: String,
    /// What it serves.
    pub(crate) slots: Slots,
    /// The hash tag of what it knows of itself: in its lowest slot. A Redis that stands alone needs none.
    pub(crate) tag: String,
}

impl Standing {
    /// Reads it, and who it is. One that is a replica is refused, as is one of a cluster that serves nothing: it is not for us
    /// to ask.
    pub(crate) async fn read(
        connection: &mut (impl ConnectionLike + Send),
        is_cluster: bool,
    ) -> Result<(Self, Identity), StoreError> {
        let (slots, tag) = if is_cluster {
            serving(connection).await?
        } else {
            (Slots::all(), String::new())
        };
        let (told, noted): (String, HashMap<String, String>) = redis::pipe()
            .cmd("INFO")
            .arg(&["server", "replication"])
            .hgetall(keys::installation(&tag))
            .query_async(connection)
            .await?;
        if line(&told, "role")? != "master" {
            return Err(StoreError::Unavailable("it is a replica".to_owned()));
        }
        let earlier = line(&told, "master_replid2")?;
        let was_a_replica = earlier.bytes().any(|byte| byte != b'0');
        let lineage = was_a_replica.then(|| line(&told, "master_replid"));
        let identity = Identity {
            run_id: line(&told, "run_id")?.to_owned(),
            lineage: lineage.transpose()?.unwrap_or_default().to_owned(),
            slots,
            tag,
        };
        let incarnation = noted.get("incarnation").and_then(|held| held.parse().ok());
        let standing = match incarnation {
            None => Self::Blank,
            Some(incarnation)
                if noted.get("run_id") == Some(&identity.run_id)
                    && noted.get("lineage") == Some(&identity.lineage) =>
            {
                Self::Known(incarnation)
            }
            Some(incarnation) => Self::Changed(incarnation),
        };
        Ok((standing, identity))
    }
}

/// What a node of a cluster serves, and the hash tag of what it knows of itself.
async fn serving(
    connection: &mut (impl ConnectionLike + Send),
) -> Result<(Slots, String), StoreError> {
    let told: String = redis::cmd("CLUSTER")
        .arg("NODES")
        .query_async(connection)
        .await?;
    let slots = Slots::told(&told);
    match slots.tag() {
        Some(tag) => Ok((slots, tag)),
        None => Err(StoreError::Unavailable("it serves no slots".to_owned())),
    }
}

/// The value of `name` in some sections of `INFO`.
pub(crate) fn line<'a>(sections: &'a str, name: &str) -> Result<&'a str, StoreError> {
    sections
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim_end)
        .ok_or_else(|| StoreError::Unexpected(format!("INFO without `{name}`")))
}

impl Store {
    /// How the Redis that answers stands to the one that was last recognised. While it is not the same, every call about an
    /// event is [`StoreError::Unavailable`]. Of a cluster that is so for the events of each primary that is not the same, and the first
    /// of these is told of; known are they all when every one is, in the last of their incarnations.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let nodes = self.door.nodes_now().await?;
        if nodes.is_empty() {
            let none = "no primary serves anything".to_owned();
            return Err(StoreError::Unavailable(none));
        }
        let asked = nodes.iter().map(|node| node.standing());
        let (mut last, mut failed) = (0, None);
        for standing in join_all(asked).await {
            match standing {
                Ok(Standing::Known(incarnation)) => last = last.max(incarnation),
                // Also when another one is away: this one can be recovered.
                Ok(other) => return Ok(other),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(Standing::Known(last)), Err)
    }
}
