//! An event's definition: what the organiser sets, what may still change, and the ranges of every setting.

mod admission;
mod make;
mod put;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::entry::EntryKey;
use crate::ids::EventId;
use crate::pattern::CodePattern;
use crate::phase::Phase;

pub use admission::{Admission, AdmissionChange, Ramp};
pub(crate) use put::given;
pub use put::{ChangeRefused, EventPut};

/// Most coupons that one event may hold.
pub const MOST_STOCK: u64 = 10_000_000;
/// Most coupons that a direct event may be made with by the direct API, whose clients count in 32 bits.
pub const MOST_AMOUNT: u64 = i32::MAX as u64;
/// Most coupons that one call may add.
pub const MOST_ADDED: u64 = 1_000_000;

/// One field of a request that is not as it must be; `detail` says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {detail}")]
pub struct InvalidField {
    /// The field's path, such as `admission.rate_per_s`.
    pub field: &'static str,
    /// What the field must be.
    pub detail: String,
}

impl InvalidField {
    /// `field` must be as `detail` says.
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field,
            detail: detail.into(),
        }
    }
}

/// What a pass waits for before the holder hears it; `docs/guarantees.md` tells what each survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckLevel {
    /// The script replied.
    Redis,
    /// The log acknowledged the record.
    Log,
    /// The ledger committed the row.
    Ledger,
}

impl AckLevel {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Redis, Self::Log, Self::Ledger];

    /// The level's name, as in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Log => "log",
            Self::Ledger => "ledger",
        }
    }
}

/// A text that names no ack level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ack level is one of redis, log, ledger")]
pub struct NotAnAckLevel;

impl FromStr for AckLevel {
    type Err = NotAnAckLevel;

    fn from_str(text: &str) -> Result<Self, NotAnAckLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or(NotAnAckLevel)
    }
}

/// How the line is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// First come, first served.
    #[default]
    Fifo,
    /// Those who came before the opening are drawn into random order.
    Draw,
}

/// Who a visitor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Whoever holds the place token.
    #[default]
    Place,
    /// The user that the organiser's entry token names.
    EntryToken,
}

/// What happens to the line when the last coupon goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSoldOut {
    /// Everyone waiting is told and let go; the event drains.
    #[default]
    Close,
    /// Those waiting may wait for returns.
    Keep,
}

/// What the organiser sets and the scripts never need: kept as one JSON document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// 1–200 characters.
    pub title: String,
    /// False for an event without a line (direct claims).
    pub line: bool,
    /// Whose coupons it issues: the book of its own id.
    pub book: EventId,
    /// Does its book hold given codes, which it issues? Decided when it is made; else codes are made at issue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_codes: bool,
    /// When a draft becomes a lobby.
    pub lobby_at: Option<Millis>,
    /// When a lobby opens.
    pub opens_at: Option<Millis>,
    /// When it closes, hard.
    pub closes_at: Option<Millis>,
    /// How the line is ordered.
    pub order: Order,
    /// What a pass waits for.
    pub ack: AckLevel,
    /// What the coupons' codes look like.
    pub code_pattern: CodePattern,
    /// Who a visitor is.
    pub identity: Identity,
    /// With entry tokens: the keys that sign them, without their secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entry_keys: Vec<EntryKey>,
    /// Seconds without a sign after which a visitor counts as absent.
    pub presence_s: u64,
    /// Seconds for which an absent visitor keeps the right to be next.
    pub grace_s: u64,
    /// What happens when the last coupon goes.
    pub on_sold_out: OnSoldOut,
}

/// An event as set: the definition and what the scripts keep beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub event: EventId,
    /// What the organiser set.
    #[serde(flatten)]
    pub definition: Definition,
    /// Where it stands in its life.
    pub phase: Phase,
    /// All coupons it ever had, issued or not.
    pub stock: u64,
    /// Its pace.
    pub admission: Admission,
}

impl Definition {
    /// Lobby before opening before closing.
    pub(super) fn times_in_order(&self) -> Result<(), InvalidField> {
        let later = |a: Option<Millis>, b: Option<Millis>| a.zip(b).is_some_and(|(a, b)| a >= b);
        if later(self.lobby_at, self.opens_at) {
            return Err(InvalidField::new(
                "opens_at",
                "must be later than `lobby_at`",
            ));
        }
        if later(self.opens_at, self.closes_at) || later(self.lobby_at, self.closes_at) {
            return Err(InvalidField::new(
                "closes_at",
                "must be later than `lobby_at` and `opens_at`",
            ));
        }
        Ok(())
    }

    /// Entry tokens need keys and a line; without them no key means anything.
    pub(super) fn identity_is_whole(&self) -> Result<(), InvalidField> {
        match self.identity {
            Identity::Place if self.entry_keys.is_empty() => Ok(()),
            Identity::Place => Err(InvalidField::new(
                "entry_keys",
                "need `identity` to be `entry-token`",
            )),
            Identity::EntryToken if !self.line => Err(InvalidField::new(
                "identity",
                "can only be `place` for an event without a line",
            )),
            Identity::EntryToken if self.entry_keys.is_empty() => Err(InvalidField::new(
                "entry_keys",
                "is required with `identity` `entry-token`: a list of 1 to 8 keys",
            )),
            Identity::EntryToken => Ok(()),
        }
    }
}
