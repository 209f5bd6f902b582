//! What comes of a ticket.

use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::moment::Moment;

/// What was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    /// The printable string.
    pub code: String,
    /// Its ordinal in the event.
    pub serial: u64,
}

/// What a pass waited for before it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckLevel {
    /// The script replied.
    Redis,
    /// The log acknowledged the record.
    Log,
    /// The ledger committed the row.
    Ledger,
}

/// A coupon was issued and is kept as far as `ack` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pass {
    /// Whose coupon.
    pub event: String,
    /// The coupon.
    pub coupon: Coupon,
    /// Who has it.
    pub holder: String,
    /// When it was issued, by the store's clock.
    pub issued_at: Moment,
    /// The record that tells of it.
    pub record_id: String,
    /// How far it is kept.
    pub ack: AckLevel,
    /// Was this told before?
    pub replayed: bool,
}

/// What came of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Redemption {
    /// A coupon.
    Pass(Pass),
    /// No coupon, and why: `sold-out` or `already-issued`.
    Fail(Problem),
    /// Issued, but not yet kept as far as the event wants, and the caller's patience is over. The same ticket will pass later.
    Pending {
        /// The record that tells of it.
        record_id: String,
    },
}
