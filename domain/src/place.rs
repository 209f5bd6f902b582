//! A place in the line and what has become of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::coupon::Issue;
use crate::ids::{PlaceId, Seq};

/// Why a place is no longer in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoneReason {
    /// Its visitor left.
    Left,
    /// Its ticket ended unused, or they were absent for too long when their turn came.
    NoShow,
    /// The event closed.
    Closed,
    /// The last coupon went.
    SoldOut,
}

impl GoneReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Left, Self::NoShow, Self::Closed, Self::SoldOut];

    /// The reason's name, as in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::NoShow => "no-show",
            Self::Closed => "closed",
            Self::SoldOut => "sold-out",
        }
    }
}

impl fmt::Display for GoneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one of left, no-show, closed, sold-out")]
pub struct NotAReason;

impl FromStr for GoneReason {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, NotAReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or(NotAReason)
    }
}

/// What the store knows of an admitted place: all that its ticket is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedPlace {
    /// Whose ticket.
    pub place: PlaceId,
    /// Its ordinal in the line.
    pub seq: Seq,
    /// When it was admitted, by the store's clock.
    pub admitted_at: Millis,
    /// When its ticket ends.
    pub expires_at: Millis,
    /// The key that signs its ticket, fixed when it was admitted.
    pub kid: String,
}

impl AdmittedPlace {
    /// The ticket's id: one place is admitted at most once in a millisecond.
    #[must_use]
    pub fn jti(&self) -> String {
        format!("{}.{}", self.place, self.admitted_at.0)
    }
}

/// What has become of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceState {
    /// In the line.
    Waiting {
        /// Its ordinal.
        seq: Seq,
    },
    /// Let through. The ticket follows the admission by one step and may not be there yet.
    Admitted {
        /// Its ordinal.
        seq: Seq,
        /// When the ticket ends.
        expires_at: Millis,
        /// The ticket, once minted.
        ticket: Option<String>,
    },
    /// Holds a coupon.
    Redeemed(Issue),
    /// No longer in the line.
    Gone {
        /// Why.
        reason: GoneReason,
    },
}
