//! How far the log and the ledger have come with an event's outbox, and the news of it.

use domain::EventId;
use domain::event::AckLevel;

use crate::connect::{Settings, Store, StoreError};
use crate::keys::{ACKS, Keys};
use crate::script::{script, tags};
use crate::subscription::Subscription;

script!(open RAISE_WATERMARK = "raise_watermark");

/// How far each level has come, as ordinals of the outbox; 0 is "nothing yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Everything up to here is in the log.
    pub log: u64,
    /// Everything up to here is in the ledger, but for those that are buried.
    pub ledger: u64,
    /// How many records are buried: they are among the dead letters, see [`Store::is_buried`].
    pub buried: u64,
    /// The ordinals after the first of these, up to and including the second, will never come: Redis lost what it had begun
    /// to count there, and went on above when it was recovered.
    pub lost: (u64, u64),
}

impl Watermarks {
    /// Has the record with this ordinal reached `level`? The ledger being past it counts for the log too. One that was lost
    /// never does.
    #[must_use]
    pub fn reached(self, level: AckLevel, ordinal: u64) -> bool {
        match level {
            AckLevel::Redis => true,
            AckLevel::Log => self.log.max(self.ledger) >= ordinal && !self.is_lost(ordinal),
            AckLevel::Ledger => self.ledger >= ordinal && !self.is_lost(ordinal),
        }
    }

    /// Was the record with this ordinal lost, if there ever was one?
    #[must_use]
    pub fn is_lost(self, ordinal: u64) -> bool {
        ordinal > self.lost.0 && ordinal <= self.lost.1
    }
}

/// News: an event's watermarks rose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// Whose.
    pub event: EventId,
    /// How far they have come.
    pub marks: Watermarks,
}

/// What is done of a rise, besides telling of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rise {
    /// Nothing is written.
    Told,
    /// It is noted; the outbox keeps the records below.
    Kept,
    /// It is noted, and the outbox forgets the records below.
    Forgotten,
}

/// Hears the news on a connection of its own (Redis pub/sub). News may be missed while it reconnects: after
/// [`AckFeed::next`] returned an error or `None`, read [`Store::watermarks`] of every event that somebody waits for.
pub struct AckFeed {
    subscription: Subscription,
}

impl Store {
    /// How far an event has come.
    pub async fn watermarks(&self, event: &EventId) -> Result<Watermarks, StoreError> {
        let keys = Keys::of(event);
        // One after the other, in no transaction: a full Redis refuses those, and what is buried is so before a mark passes it by.
        let (marks, buried): ([Option<u64>; 4], u64) = redis::pipe()
            .cmd("HMGET")
            .arg(keys.acked())
            .arg(&["log", "ledger", "lost_after", "lost_to"])
            .scard(keys.buried())
            .query_async(&mut self.connection())
            .await?;
        let [log, ledger, lost_after, lost_to] = marks.map(Option::unwrap_or_default);
        Ok(Watermarks {
            log,
            ledger,
            buried,
            lost: (lost_after, lost_to),
        })
    }

    /// Notes that the records with these ordinals are among the dead letters: they are not in the ledger, however high its
    /// watermark is. Comes before the watermark is raised past them.
    pub async fn bury(&self, event: &EventId, ordinals: &[u64]) -> Result<(), StoreError> {
        if ordinals.is_empty() {
            return Ok(());
        }
        Ok(redis::cmd("SADD")
            .arg(Keys::of(event).buried())
            .arg(ordinals)
            .exec_async(&mut self.connection())
            .await?)
    }

    /// Notes that the records with these ordinals are in the ledger after all.
    pub async fn unbury(&self, event: &EventId, ordinals: &[u64]) -> Result<(), StoreError> {
        if ordinals.is_empty() {
            return Ok(());
        }
        Ok(redis::cmd("SREM")
            .arg(Keys::of(event).buried())
            .arg(ordinals)
            .exec_async(&mut self.connection())
            .await?)
    }

    /// The ordinals of all records that are buried.
    pub async fn buried(&self, event: &EventId) -> Result<Vec<u64>, StoreError> {
        Ok(redis::cmd("SMEMBERS")
            .arg(Keys::of(event).buried())
            .query_async(&mut self.connection())
            .await?)
    }

    /// Is the record with this ordinal buried?
    pub async fn is_buried(&self, event: &EventId, ordinal: u64) -> Result<bool, StoreError> {
        Ok(redis::cmd("SISMEMBER")
            .arg(Keys::of(event).buried())
            .arg(ordinal)
            .query_async(&mut self.connection())
            .await?)
    }

    /// Raises a watermark (never lowers it) and tells everyone who listens. The level `redis` needs none: nothing happens.
    pub async fn raise_watermark(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Result<(), StoreError> {
        if level == AckLevel::Redis {
            return Ok(());
        }
        self.raise(event, &[level], ordinal, Rise::Kept).await
    }

    /// The same for what is no longer needed here: in one step the watermarks of `levels` rise, and the outbox forgets the
    /// records up to and including `ordinal`.
    pub async fn raise_and_forget(
        &self,
        event: &EventId,
        levels: &[AckLevel],
        ordinal: u64,
    ) -> Result<(), StoreError> {
        self.raise(event, levels, ordinal, Rise::Forgotten).await
    }

    /// Tells everyone who listens that the watermarks of `levels` rise, and does of it what `rise` says.
    pub(crate) async fn raise(
        &self,
        event: &EventId,
        levels: &[AckLevel],
        ordinal: u64,
        rise: Rise,
    ) -> Result<(), StoreError> {
        tags!(Outcome { Raised = "raised", Stands = "stands" });
        let keys = Keys::of(event);
        let mut call = RAISE_WATERMARK
            .keys([keys.acked(), keys.buried(), keys.outbox()])
            .arg(ordinal)
            .arg(ACKS)
            .arg(event.as_str())
            .arg(match rise {
                Rise::Told => "tell",
                Rise::Kept => "keep",
                Rise::Forgotten => "forget",
            });
        for level in levels {
            call = call.arg(level.as_str());
        }
        let mut reply = call.run(&self.door).await?;
        match reply.tag()? {
            Outcome::Raised | Outcome::Stands => Ok(()),
        }
    }
}

impl AckFeed {
    /// Subscribes.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self {
            subscription: Subscription::of(settings, &[ACKS]).await?,
        })
    }

    /// The next news; `None` when the connection ended.
    pub async fn next(&mut self) -> Option<Acked> {
        loop {
            let message = self.subscription.next().await?;
            // Only the script above publishes here; anything else is not for us.
            if let Some(acked) = message
                .get_payload::<String>()
                .ok()
                .as_deref()
                .and_then(acked)
            {
                return Some(acked);
            }
        }
    }
}

/// Reads `event log ledger buried lost_after lost_to`; the event's name may hold spaces.
pub(crate) fn acked(told: &str) -> Option<Acked> {
    let mut parts = told.rsplitn(6, ' ');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let lost_to = number()?;
    let lost_after = number()?;
    let marks = Watermarks {
        lost: (lost_after, lost_to),
        buried: number()?,
        ledger: number()?,
        log: number()?,
    };
    Some(Acked {
        event: parts.next()?.parse().ok()?,
        marks,
    })
}
