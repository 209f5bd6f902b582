//! A coupon as issued.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::{Holder, RecordId, Serial};

/// What is issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    /// The printable string.
    pub code: String,
    /// Its ordinal in the event.
    pub serial: Serial,
}

/// One coupon given to one holder: the fact that the record carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What was issued.
    pub coupon: Coupon,
    /// To whom.
    pub holder: Holder,
    /// When, by the store's clock.
    pub issued_at: Millis,
    /// The record that tells of it.
    pub record_id: RecordId,
    /// The record's ordinal in the event's outbox: what an ack level is compared with.
    pub ordinal: u64,
    /// The ticket that was spent for it.
    pub jti: String,
}
