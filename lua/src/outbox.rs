//! The outbox: records in the order in which the scripts wrote them. Entries have dense ids (`<ordinal>-0`) and are removed
//! only below what the next station acknowledged, never by length.

use std::time::Duration;

use domain::EventId;
use domain::record::Record;

use crate::connect::{Settings, Store, StoreError};

/// The next records of one event, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxBatch {
    /// Whose.
    pub event: EventId,
    /// Its records, ordinals dense and ascending.
    pub records: Vec<Record>,
}

/// Reads the outboxes of many events on a connection of its own (reading blocks it).
pub struct OutboxReader {
    _connection: redis::aio::MultiplexedConnection,
}

/// The right to move an installation's outboxes on, held by one process at a time so that order is kept; two holders for a
/// moment do no harm, only duplicates. It ends by itself when its holder dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What the lease is for, such as `relay`.
    pub name: &'static str,
    /// Who holds it.
    pub owner: String,
}

impl Store {
    /// Takes or renews a lease for `ttl`; false when another holds it.
    pub async fn hold_lease(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        let _ = (lease, ttl);
        unimplemented!()
    }

    /// Gives a lease back, if it is ours.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let _ = lease;
        unimplemented!()
    }

    /// Removes the records up to and including `ordinal`, which the next station acknowledged.
    pub async fn trim_outbox(&self, event: &EventId, ordinal: u64) -> Result<(), StoreError> {
        let _ = (event, ordinal);
        unimplemented!()
    }

    /// How many records wait in an event's outbox.
    pub async fn outbox_length(&self, event: &EventId) -> Result<u64, StoreError> {
        let _ = event;
        unimplemented!()
    }
}

impl OutboxReader {
    /// Opens a reader.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let _ = settings;
        unimplemented!()
    }

    /// The next records of these events, each after the ordinal named with it (0 for the beginning of what is there),
    /// at most `most` per event; waits at most `patience` for the first.
    pub async fn next(
        &mut self,
        followed: &[(EventId, u64)],
        most: usize,
        patience: Duration,
    ) -> Result<Vec<OutboxBatch>, StoreError> {
        let _ = (followed, most, patience);
        unimplemented!()
    }
}
