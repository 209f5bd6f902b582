//! Events: made, changed, moved, counted, audited.

use domain::event::{Admission, Event};
use domain::phase::PhaseMove;
use domain::place::GoneReason;
use domain::{EventId, Millis, Phase};

use crate::connect::{Store, StoreError};

/// Who makes a change, for the audit.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The actor's name, such as `admin` or `schedule`.
    pub by: &'a str,
}

/// An event as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveEvent {
    /// What is set.
    pub event: Event,
    /// Raised by every change; a put names the version it was made from.
    pub version: u64,
    /// Which life of the event's keys this is; part of every record id.
    pub epoch: u64,
    /// Why everyone in the line was let go, if they were.
    pub ended: Option<GoneReason>,
    /// Coupons not yet issued.
    pub remaining: u64,
    /// The store's time when this was read.
    pub at: Millis,
}

/// What became of a put.
#[derive(Clone, Debug, PartialEq)]
pub enum PutOutcome {
    /// The event is new.
    Created(LiveEvent),
    /// The event was there and is now as put (changed or not).
    Held(LiveEvent),
    /// Somebody else changed the event since `version` was read: read again and merge again.
    Conflict,
}

/// What became of a change to the pace or the phase.
#[derive(Clone, Debug, PartialEq)]
pub enum SetOutcome {
    /// The event as it now stands.
    Set(LiveEvent),
    /// The life of an event has no such move.
    Refused(PhaseMove),
    /// There is no such event.
    NoSuchEvent,
}

/// What became of adding stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockOutcome {
    /// The stock as it now stands.
    Added {
        /// All coupons the event ever had.
        total: u64,
        /// Those not yet issued.
        remaining: u64,
    },
    /// The event would hold more than an event may.
    TooMuch,
    /// There is no such event.
    NoSuchEvent,
}

/// The live figures of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// People in the line; 0 once the line has ended.
    pub waiting: u64,
    /// All ever let in.
    pub admitted: u64,
    /// Those with a live ticket not yet redeemed.
    pub outstanding: u64,
    /// Coupons issued.
    pub redeemed: u64,
    /// Tickets that ended unused.
    pub no_shows: u64,
    /// Visitors who left.
    pub left: u64,
    /// All coupons the event ever had.
    pub total: u64,
    /// Those not yet issued.
    pub remaining: u64,
    /// Records in the outbox that the log has not acknowledged.
    pub outbox_lag: u64,
    /// Records that the ledger has not committed.
    pub ledger_lag: u64,
}

/// One line of an event's audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The entry's id: what `after` names.
    pub id: String,
    /// When, by the store's clock.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// What was done: `created`, `changed`, `admission`, `phase`, `stock`.
    pub action: String,
    /// What it was before, as JSON.
    pub from: serde_json::Value,
    /// What it is now, as JSON.
    pub to: serde_json::Value,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where to read on, if there is more.
    pub next: Option<String>,
}

impl Store {
    /// Makes or changes an event. `version` is the one that `event` was merged from, 0 for a new one. Keeps phase,
    /// and past draft stock, of an event that is there. Appends an `event.changed` record and an audit entry when anything differs.
    pub async fn put_event(
        &self,
        event: &Event,
        version: u64,
        change: Change<'_>,
    ) -> Result<PutOutcome, StoreError> {
        let _ = (event, version, change);
        unimplemented!()
    }

    /// The event, if there is one.
    pub async fn event(&self, event: &EventId) -> Result<Option<LiveEvent>, StoreError> {
        let _ = event;
        unimplemented!()
    }

    /// The ids of all events, in order of id.
    pub async fn events(&self) -> Result<Vec<EventId>, StoreError> {
        unimplemented!()
    }

    /// Sets the pace; in force for the next admission in every replica.
    pub async fn set_admission(
        &self,
        event: &EventId,
        admission: Admission,
        change: Change<'_>,
    ) -> Result<SetOutcome, StoreError> {
        let _ = (event, admission, change);
        unimplemented!()
    }

    /// Moves the event to `phase`, checking the move in the same step.
    pub async fn move_phase(
        &self,
        event: &EventId,
        phase: Phase,
        change: Change<'_>,
    ) -> Result<SetOutcome, StoreError> {
        let _ = (event, phase, change);
        unimplemented!()
    }

    /// Adds coupons.
    pub async fn add_stock(
        &self,
        event: &EventId,
        add: u64,
        change: Change<'_>,
    ) -> Result<StockOutcome, StoreError> {
        let _ = (event, add, change);
        unimplemented!()
    }

    /// The live figures of an event; `None` when there is no such event.
    pub async fn figures(&self, event: &EventId) -> Result<Option<Figures>, StoreError> {
        let _ = event;
        unimplemented!()
    }

    /// A page of the audit, newest first, read on after the entry with the id `after`.
    pub async fn audit(
        &self,
        event: &EventId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let _ = (event, after, limit);
        unimplemented!()
    }
}
