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

/// What the store knows of a place, and when it knew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What it knows.
    pub look: Look,
    /// The last move of the line by then. No mirror that heard no further shows a lower position than one that heard so far.
    pub moves: u64,
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
