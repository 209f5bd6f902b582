//! The line: entering, looking, leaving, and reading the whole of it.

use domain::place::PlaceState;
use domain::{EventId, PlaceId, Seq};

use crate::connect::{Store, StoreError};

/// What became of entering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A new place at the back (also for a token whose earlier place is gone).
    New(Seq),
    /// The token has a place already.
    Held(PlaceState),
    /// There is no such event.
    NoSuchEvent,
    /// The event is a draft.
    NotOpenYet,
    /// No coupon is left and the line does not wait for returns.
    SoldOut,
    /// The event is draining.
    LineClosed,
    /// The event is over.
    EventClosed,
}

/// What the store knows of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is known.
    Known(PlaceState),
    /// Nobody ever entered with this token.
    NoPlace,
    /// There is no such event.
    NoSuchEvent,
}

/// A piece of the line, for loading a mirror of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The ordinals of people waiting, ascending.
    pub seqs: Vec<Seq>,
    /// Where to read on; `None` at the end.
    pub next: Option<Seq>,
}

impl Store {
    /// Enters the line; gathered with other enters of the event into one script call.
    pub async fn enter(&self, event: &EventId, place: &PlaceId) -> Result<Entered, StoreError> {
        let _ = (event, place);
        unimplemented!()
    }

    /// Looks at a place; gathered like [`Self::enter`]. A redeemed place gives its issue, an admitted one its ticket.
    pub async fn look(&self, event: &EventId, place: &PlaceId) -> Result<Look, StoreError> {
        let _ = (event, place);
        unimplemented!()
    }

    /// Leaves the line: gives up a waiting place or a ticket not yet redeemed. Leaving twice, or after the coupon, changes nothing.
    /// Returns what is known of the place afterwards.
    pub async fn leave(&self, event: &EventId, place: &PlaceId) -> Result<Look, StoreError> {
        let _ = (event, place);
        unimplemented!()
    }

    /// The people waiting with an ordinal above `after`, at most `limit` of them.
    pub async fn waiting(
        &self,
        event: &EventId,
        after: Seq,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        let _ = (event, after, limit);
        unimplemented!()
    }

    /// The tickets of these places, in their order; `None` where there is none (any more).
    pub async fn tickets(
        &self,
        event: &EventId,
        places: &[PlaceId],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let _ = (event, places);
        unimplemented!()
    }
}
