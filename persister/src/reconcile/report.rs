//! What a comparison found.

use domain::{EventId, Millis, Serial};
use serde::Serialize;

use super::books::BookReport;

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
    /// The sum of its coupons; none where Redis does not know the event.
    pub balance: Option<Balance>,
    /// Differences that nothing explains, those of its book among them, and one more when the balance does not hold.
    pub unexplained: u64,
    /// The coupons that do not stand alike everywhere, in order of serial.
    pub differences: Vec<Difference>,
    /// The codes of the book of the same id, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub book: Option<BookReport>,
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

/// Coupons issued = all that the event ever had − those left, each of them a row, each row another holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// All coupons that the event ever had: those it began with and those added.
    pub total: u64,
    /// Those left.
    pub remaining: u64,
    /// Those that Redis counted as issued.
    pub issued: u64,
    /// Rows of the ledger.
    pub rows: u64,
    /// Distinct holders among them.
    pub holders: u64,
    /// Does it hold? While coupons are being issued, rows may be behind.
    pub holds: bool,
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
    /// What a station holds beside that under the same serial.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Standing>,
    /// Why, as far as the stations tell.
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
    /// The ledger has two rows with its serial.
    TwiceInLedger,
    /// Two holders have its serial in Redis.
    TwiceInRedis,
    /// The log has it by two records that differ.
    TwiceInLog,
    /// The codes differ.
    CodeDiffers,
    /// The holders differ.
    HolderDiffers,
    /// The record ids differ.
    RecordDiffers,
    /// The states of a book's coupon differ.
    StateDiffers,
    /// How often it was redeemed differs.
    RedemptionsDiffer,
    /// When its lock ends differs.
    LockDiffers,
    /// The times differ.
    TimeDiffers,
}

/// Why a coupon does not stand alike everywhere. Each cause says what mends it, see [`super::Stations::repair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It is on its way: the one cause that needs nobody.
    OnItsWay,
    /// Its record contradicts a row, see the table `anomalies`.
    Anomaly,
    /// Its record is among the dead letters.
    DeadLetter,
    /// The ledger had it and has it no more.
    RowDeleted,
    /// It left the outbox and reached nothing behind it.
    LostOnItsWay,
    /// Redis and the log agree, and the row says something else.
    RowAltered,
    /// A row that neither Redis nor the log knows.
    ForeignRow,
    /// A second row with the serial of another coupon.
    DuplicateRow,
    /// Log and ledger agree, and Redis does not have it.
    LostInRedis,
    /// Log and ledger agree, and Redis says something else.
    AlteredInRedis,
    /// Redis and ledger agree, and the log does not have it.
    LostInLog,
    /// Redis and ledger agree, and the log tells something else beside it.
    ForgedInLog,
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
    /// When it was issued.
    pub issued_at: Millis,
}
