//! A visitor's place in the line, as the API tells it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Phase;
use crate::moment::Moment;
use crate::redemption::Coupon;

/// The secret that proves a place: 43 characters of base64url, made of 32 random bytes. Whoever has it has the place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceToken(String);

impl PlaceToken {
    /// Wraps a token; the server judges its form.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlaceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceToken(…)")
    }
}

/// A range of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eta {
    /// The optimistic end, in seconds.
    pub low: u64,
    /// The pessimistic end, in seconds.
    pub high: u64,
}

/// Whether there will be a coupon for a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chance {
    /// There should be one.
    Likely,
    /// It depends on how many of those before them take theirs.
    Uncertain,
    /// More of those before them than is to be expected would have to go without.
    Unlikely,
}

/// Why a place is no longer in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoneReason {
    /// Its visitor left.
    Left,
    /// Its ticket ended unused.
    NoShow,
    /// The event closed.
    Closed,
    /// The last coupon went.
    SoldOut,
}

impl fmt::Display for GoneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::NoShow => "no-show",
            Self::Closed => "closed",
            Self::SoldOut => "sold-out",
        })
    }
}

/// What has become of a place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum PlaceState {
    /// In the line.
    Waiting,
    /// Let through.
    Admitted {
        /// What to redeem; it follows the admission by one step.
        #[serde(default)]
        ticket: Option<String>,
        /// When it ends.
        #[serde(default)]
        ticket_expires_at: Option<Moment>,
    },
    /// Holds a coupon.
    Redeemed {
        /// The coupon.
        coupon: Coupon,
    },
    /// No longer in the line.
    Gone {
        /// Why.
        reason: GoneReason,
    },
}

/// A place as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Its public id.
    pub place_id: String,
    /// Its secret, in the answer to entering.
    #[serde(default)]
    pub place_token: Option<PlaceToken>,
    /// What has become of it.
    #[serde(flatten)]
    pub state: PlaceState,
    /// How many stand before it, plus one; only while waiting, and not before a drawn line opens.
    #[serde(default)]
    pub position: Option<u64>,
    /// How many wait in all.
    pub waiting: u64,
    /// The event's phase.
    pub phase: Phase,
    /// The time left; none when nobody is let in.
    #[serde(default)]
    pub eta_s: Option<Eta>,
    /// Will there be a coupon? None where there is no position.
    #[serde(default)]
    pub chance: Option<Chance>,
    /// When a poller should ask again, in milliseconds.
    #[serde(default)]
    pub poll_after_ms: Option<u64>,
    /// Where the live socket is.
    pub live_url: String,
}

/// The answer to entering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// False when the token had a place already.
    pub new: bool,
    /// The place.
    pub place: Place,
}
