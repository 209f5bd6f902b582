//! How far the log and the ledger have come with an event's outbox, and the news of it.

use domain::EventId;
use domain::event::AckLevel;
use futures_util::StreamExt as _;

use crate::connect::{Settings, Store, StoreError};
use crate::keys::{ACKS, Keys};
use crate::script::{script, tags};

script!(RAISE_WATERMARK = "raise_watermark");

/// How far each level has come, as ordinals of the outbox; 0 is "nothing yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Everything up to here is in the log.
    pub log: u64,
    /// Everything up to here is in the ledger.
    pub ledger: u64,
}

impl Watermarks {
    /// Has the record with this ordinal reached `level`? The ledger being past it counts for the log too.
    #[must_use]
    pub fn reached(self, level: AckLevel, ordinal: u64) -> bool {
        match level {
            AckLevel::Redis => true,
            AckLevel::Log => self.log.max(self.ledger) >= ordinal,
            AckLevel::Ledger => self.ledger >= ordinal,
        }
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

/// Hears the news on a connection of its own (Redis pub/sub). News may be missed while it reconnects: after
/// [`AckFeed::next`] returned an error or `None`, read [`Store::watermarks`] of every event that somebody waits for.
pub struct AckFeed {
    subscriber: redis::aio::PubSub,
}

impl Store {
    /// How far an event has come.
    pub async fn watermarks(&self, event: &EventId) -> Result<Watermarks, StoreError> {
        let (log, ledger): (Option<u64>, Option<u64>) = redis::cmd("HMGET")
            .arg(Keys::of(event).acked())
            .arg(&["log", "ledger"])
            .query_async(&mut self.connection.clone())
            .await?;
        Ok(Watermarks {
            log: log.unwrap_or(0),
            ledger: ledger.unwrap_or(0),
        })
    }

    /// Raises a watermark (never lowers it) and tells everyone who listens. The level `redis` needs none: nothing happens.
    pub async fn raise_watermark(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Result<(), StoreError> {
        tags!(Outcome { Raised = "raised", Stands = "stands" });
        if level == AckLevel::Redis {
            return Ok(());
        }
        let mut reply = RAISE_WATERMARK
            .keys([Keys::of(event).acked()])
            .arg(level.as_str())
            .arg(ordinal)
            .arg(ACKS)
            .arg(event.as_str())
            .run(&self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Raised | Outcome::Stands => Ok(()),
        }
    }
}

impl AckFeed {
    /// Subscribes.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let mut subscriber = settings.subscriber().await?;
        subscriber.subscribe(ACKS).await?;
        Ok(Self { subscriber })
    }

    /// The next news; `None` when the connection ended.
    pub async fn next(&mut self) -> Option<Acked> {
        let mut messages = self.subscriber.on_message();
        loop {
            let message = messages.next().await?;
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

/// Reads "event log ledger".
fn acked(told: &str) -> Option<Acked> {
    let mut parts = told.split(' ');
    Some(Acked {
        event: parts.next()?.parse().ok()?,
        marks: Watermarks {
            log: parts.next()?.parse().ok()?,
            ledger: parts.next()?.parse().ok()?,
        },
    })
}
