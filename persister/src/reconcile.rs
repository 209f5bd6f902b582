//! Reconciliation: does every coupon stand alike in Redis, in the log and in the ledger? Correct while the drop runs.
//!
//! The stations are read against the stream, ledger before log before Redis, so that whatever a later station holds an
//! earlier one must hold too, or the two differ. The other way round, a coupon may still be on its way: that is believed
//! only when it is above the watermark of the station where it is missing and something that moves it on still has it.

mod compare;
mod gather;

use std::collections::BTreeSet;

use domain::{EventId, Serial};
use kafka::LogError;
use ledger::{Ledger, LedgerError};
use lua::{Store, StoreError};
use serde::Serialize;

/// The comparison of some events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Differences that nothing explains, in all events.
    pub unexplained: u64,
    /// The events, in order of id.
    pub events: Vec<EventReport>,
}

/// The comparison of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventReport {
    /// Which.
    pub event: EventId,
    /// How many coupons each station counts.
    pub issued: Issued,
    /// Differences that nothing explains.
    pub unexplained: u64,
    /// The coupons that do not stand alike everywhere, in order of serial.
    pub differences: Vec<Difference>,
}

/// How many coupons each station counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// Redis.
    pub redis: u64,
    /// The log; without Kafka that is the ledger's rows and what the outbox still holds.
    pub log: u64,
    /// The ledger.
    pub ledger: u64,
}

/// A coupon that does not stand alike everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub serial: Serial,
    /// What differs.
    pub kind: Kind,
    /// What Redis holds.
    pub redis: Option<Standing>,
    /// What the log holds.
    pub log: Option<Standing>,
    /// What the ledger holds.
    pub ledger: Option<Standing>,
    /// Why.
    pub cause: Cause,
}

/// What differs; the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The ledger does not have the coupon.
    MissingInLedger,
    /// Redis does not have it.
    MissingInRedis,
    /// The log does not have it.
    MissingInLog,
    /// The log has it by two records that differ.
    TwiceInLog,
    /// The codes differ.
    CodeDiffers,
    /// The holders differ.
    HolderDiffers,
    /// The record ids differ.
    RecordDiffers,
}

/// Why a coupon does not stand alike everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It is on its way: the one cause that needs nobody.
    OnItsWay,
    /// Its record contradicts a row, see the table `anomalies`.
    Anomaly,
    /// Its record is among the dead letters.
    DeadLetter,
    /// Nothing explains it.
    Unknown,
}

/// How a coupon stands at one station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its code.
    pub code: String,
    /// Its holder.
    pub holder: String,
    /// The record that tells of it.
    pub record_id: String,
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

/// Compares one event, or all of them, at the three stations. The coupons of the events that are compared are held in
/// memory, about half a kilobyte each.
pub async fn reconcile(
    store: &Store,
    redis: &lua::Settings,
    ledger: &Ledger,
    log: Option<&kafka::Settings>,
    event: Option<&EventId>,
) -> Result<Report, ReconcileError> {
    let mut events: BTreeSet<EventId> = store.events().await?.into_iter().collect();
    events.extend(
        ledger
            .events()
            .await?
            .into_iter()
            .map(|row| row.event.event),
    );
    if let Some(event) = event {
        if !events.contains(event) {
            return Err(ReconcileError::NoSuchEvent(event.clone()));
        }
        events.retain(|held| held == event);
    }
    let stations = gather::Stations {
        store,
        redis,
        ledger,
        log,
    };
    let mut report = Report::default();
    for (event, found) in stations.gather(&events).await? {
        let compared = compare::compare(event, found);
        report.unexplained += compared.unexplained;
        report.events.push(compared);
    }
    Ok(report)
}
