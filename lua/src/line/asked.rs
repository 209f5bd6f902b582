//! What is asked of the line, and what becomes of it.

use domain::place::PlaceState;
use domain::{Holder, PlaceId, Seq};

/// What became of entering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A new place at the back (also for a token whose earlier place is gone).
    New(Seq),
    /// The token has a place already.
    Held(PlaceState),
    /// There is no such event.
    NoSuchEvent,
    /// The event is a direct one: its coupons are claimed without a line.
    NoLine,
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

/// Who enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    pub(super) place: PlaceId,
    /// With entry tokens: the id of the place token that they came with, and the user.
    pub(super) user: Option<(PlaceId, Holder)>,
}

/// Somebody known by their place token alone.
impl From<PlaceId> for Entrant {
    fn from(place: PlaceId) -> Self {
        Self { place, user: None }
    }
}

/// A piece of the line, for loading a mirror of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The ordinals of those whose turn has not come yet, ascending.
    pub seqs: Vec<Seq>,
    /// The ordinals of those who were passed over and may still be next, ascending.
    pub passed: Vec<Seq>,
    /// Where to read on; `None` at the end.
    pub next: Option<Seq>,
}
