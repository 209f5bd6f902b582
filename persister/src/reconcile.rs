//! Reconciliation: does every coupon stand alike in Redis, in the log and in the ledger? Correct while the drop runs.
//!
//! What is settled is compared by one hash per thousand serials, and coupon by coupon only where two hashes differ. What is
//! newer is compared coupon by coupon. The stations are read against the stream, ledger before log before Redis, so that
//! whatever a later station holds an earlier one must hold too, or the two differ. The other way round, a coupon may still
//! be on its way: that is believed only when it is above the watermark of the station where it is missing and something that
//! moves it on still has it.

mod compare;
mod digest;
mod found;
mod gather;
mod log;
mod quiet;
mod repair;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use domain::EventId;
use kafka::LogError;
use ledger::{Ledger, LedgerError};
use lua::{Store, StoreError};

use log::LogMemory;
use quiet::RedisMemory;
pub use repair::{Outcome, Repaired};
pub use report::{Balance, Cause, Difference, EventReport, Issued, Kind, Report, Standing};

/// The three stations.
#[derive(Clone, Copy)]
pub struct Stations<'a> {
    /// Redis.
    pub store: &'a Store,
    /// How to open further connections to it.
    pub redis: &'a lua::Settings,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// How to reach the log. Without Kafka the outbox and the ledger are the log.
    pub log: Option<&'a kafka::Settings>,
}

/// What is known from earlier comparisons: nothing at first.
#[derive(Debug, Default)]
pub struct Memory {
    log: LogMemory,
    redis: RedisMemory,
}

/// The comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Nobody knows the event.
    #[error("there is no event `{0}`")]
    NoSuchEvent(EventId),
    /// Redis failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Stations<'_> {
    /// Compares one event, or all of them. With what is in `memory` from before, of the log only what is new is read, and of
    /// Redis only events in which something was issued, or that did not stand alike everywhere. Of what is settled some twenty
    /// bytes a coupon and station are held in memory.
    pub async fn reconcile(
        &self,
        event: Option<&EventId>,
        memory: &mut Memory,
    ) -> Result<Report, ReconcileError> {
        let events = self.events(event).await?;
        let mut compared = BTreeMap::new();
        let mut suspects: BTreeMap<EventId, BTreeSet<u64>> = BTreeMap::new();
        for (event, found) in self.gather(&events, memory).await? {
            let suspected = compare::suspects(&found, memory.log.digest(&event));
            if !suspected.is_empty() {
                suspects.insert(event.clone(), suspected);
            }
            compared.insert(event, found);
        }
        let mut closer = if suspects.is_empty() {
            BTreeMap::new()
        } else {
            self.gather_again(suspects).await?
        };
        let mut events = Vec::new();
        for (event, mut found) in compared {
            let (open, closer) = (found.open(), closer.remove(&event));
            let was_suspected = closer.is_some();
            let report = compare::compare(event, &mut found, closer);
            if !was_suspected {
                memory.redis.keep(&report, found, open);
            }
            events.push(report);
        }
        Ok(Report {
            unexplained: events.iter().map(|event| event.unexplained).sum(),
            events,
        })
    }

    /// The events that are known to Redis or to the ledger, or that have rows.
    async fn events(&self, event: Option<&EventId>) -> Result<BTreeSet<EventId>, ReconcileError> {
        let mut events: BTreeSet<EventId> = self.store.events().await?.into_iter().collect();
        let known = self.ledger.events().await?.into_iter();
        events.extend(known.map(|row| row.event.event));
        events.extend(self.ledger.events_with_rows().await?);
        if let Some(event) = event {
            if !events.contains(event) {
                return Err(ReconcileError::NoSuchEvent(event.clone()));
            }
            events.retain(|held| held == event);
        }
        Ok(events)
    }
}
