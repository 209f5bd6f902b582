//! Issuing: one script spends the ticket, takes the coupon, writes the record. Gathered into batches.

use domain::coupon::Issue;
use domain::{EventId, Holder, Millis, PlaceId};

use crate::connect::{Store, StoreError};

/// A ticket to be exchanged for a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// The place that the ticket names.
    pub place: PlaceId,
    /// Who will hold the coupon.
    pub holder: Holder,
    /// The ticket's id.
    pub jti: String,
    /// From when the ticket may be used (judged by the store's clock with `domain::ticket::LEEWAY_S`).
    pub begins_at: Millis,
    /// Until when.
    pub ends_at: Millis,
    /// The code to use if a coupon is made for this.
    pub code: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// A coupon was issued now.
    Pass(Issue),
    /// The same ticket and holder again: the coupon issued then.
    Replayed(Issue),
    /// The holder has a coupon by another ticket.
    AlreadyIssued,
    /// No coupon is left.
    SoldOut,
    /// The ticket's time is over, or its place left the line.
    Expired,
    /// The ticket's time has not begun.
    NotYetValid,
    /// The event does not redeem in its phase any more.
    EventClosed,
    /// There is no such event.
    NoSuchEvent,
    /// The drawn code is taken: draw another and ask again. Nothing happened.
    CodeTaken,
}

/// Walks over all coupons issued in an event, for reconciliation.
pub struct IssuedScan {
    pub(crate) _cursor: u64,
}

impl Store {
    /// Exchanges a ticket for a coupon; gathered with other redeems of the event into one script call. On
    /// [`StoreError::Unknown`] the coupon may have been issued: asking again with the same ticket tells.
    pub async fn redeem(&self, event: &EventId, redeem: Redeem) -> Result<Redeemed, StoreError> {
        let _ = (event, redeem);
        unimplemented!()
    }

    /// Begins a walk over all issues of an event.
    pub fn issued(&self, event: &EventId) -> IssuedScan {
        let _ = event;
        unimplemented!()
    }
}

impl IssuedScan {
    /// The next issues (some may come twice), or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Issue>>, StoreError> {
        unimplemented!()
    }
}
