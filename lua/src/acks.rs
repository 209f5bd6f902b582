//! How far the log and the ledger have come with an event's outbox, and the news of it.

use domain::EventId;
use domain::event::AckLevel;

use crate::connect::{Settings, Store, StoreError};

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
    _connection: redis::aio::MultiplexedConnection,
}

impl Store {
    /// How far an event has come.
    pub async fn watermarks(&self, event: &EventId) -> Result<Watermarks, StoreError> {
        let _ = event;
        unimplemented!()
    }

    /// Raises a watermark (never lowers it) and tells everyone who listens.
    pub async fn raise_watermark(
        &self,
        event: &EventId,
        level: AckLevel,
        ordinal: u64,
    ) -> Result<(), StoreError> {
        let _ = (event, level, ordinal);
        unimplemented!()
    }
}

impl AckFeed {
    /// Subscribes.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let _ = settings;
        unimplemented!()
    }

    /// The next news; `None` when the connection ended.
    pub async fn next(&mut self) -> Option<Acked> {
        unimplemented!()
    }
}
