//! Who a Redis is, and who it was when it was last recognised. What it forgot since, if anything, shows in no key: only in
//! its being another process, another replica, or empty.

use std::collections::HashMap;

use redis::aio::ConnectionLike;

use crate::connect::{Store, StoreError};

/// Who Redis was when it was last recognised (hash: `incarnation`, `run_id`, `lineage`).
pub(crate) const INSTALLATION: &str = "installation";

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
}

impl Standing {
    /// Reads it. One that is a replica is refused: it is not for us to ask.
    pub(crate) async fn read(
        connection: &mut (impl ConnectionLike + Send),
    ) -> Result<Self, StoreError> {
        Ok(Self::with_identity(connection).await?.0)
    }

    pub(crate) async fn with_identity(
        connection: &mut (impl ConnectionLike + Send),
    ) -> Result<(Self, Identity), StoreError> {
        let (told, noted): (String, HashMap<String, String>) = redis::pipe()
            .cmd("INFO")
            .arg(&["server", "replication"])
            .hgetall(INSTALLATION)
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
    /// event is [`StoreError::Unavailable`].
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        Standing::read(&mut self.connection()).await
    }
}
