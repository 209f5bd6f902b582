//! Events as the API shows and takes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::moment::Moment;

/// Where an event stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being prepared; nobody may enter.
    Draft,
    /// People may enter and wait for the opening.
    Lobby,
    /// The line moves.
    Open,
    /// The line stands still; tickets may still be redeemed.
    Paused,
    /// Nobody new; those in line are served to the end.
    Draining,
    /// Over.
    Closed,
}

impl Phase {
    /// Every phase, in the order of an event's life.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Lobby,
        Self::Open,
        Self::Paused,
        Self::Draining,
        Self::Closed,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Lobby => "lobby",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no phase.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phase is one of draft, lobby, open, paused, draining, closed")]
pub struct NotAPhase;

impl FromStr for Phase {
    type Err = NotAPhase;

    fn from_str(text: &str) -> Result<Self, NotAPhase> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or(NotAPhase)
    }
}

/// The coupons of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// All it ever had.
    pub total: u64,
    /// Those not yet issued.
    pub remaining: u64,
}

/// People who got their ticket and had been shown a time left before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// All of them.
    pub all: u64,
    /// Those whose wait lay in the range that they were shown first.
    pub in_range: u64,
}

/// What everybody may know of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventStatus {
    /// Its id.
    pub event: String,
    /// Its title.
    pub title: String,
    /// Its phase.
    pub phase: Phase,
    /// When it opens, if a time is set.
    pub opens_at: Option<Moment>,
    /// How many wait.
    pub waiting: u64,
    /// Visitors let in per second.
    pub rate_per_s: f64,
    /// Its coupons.
    pub stock: Stock,
    /// Is every coupon gone?
    pub sold_out: bool,
    /// When this was so.
    pub at: Moment,
}

/// The pace of an event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// Visitors let in per second.
    pub rate_per_s: f64,
    /// Most admitted visitors that may be outstanding at once.
    pub capacity: u64,
    /// How long a ticket lasts, in seconds.
    pub ticket_ttl_s: u64,
    /// On the way to `rate_per_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
}

/// A rate that goes to the one that was set in a straight line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// Visitors let in per second at its beginning.
    pub from_per_s: f64,
    /// When it began.
    pub since: Moment,
    /// When the rate that was set is reached.
    pub until: Moment,
}

/// Redeeming goes badly, so fewer people are let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brake {
    /// What the rate is divided by.
    pub divided_by: u64,
    /// Since when it is on.
    pub since: Moment,
    /// `failed`, `late`, or `calm`: it lets go.
    pub why: String,
    /// The share of the redeems of ten seconds that went so, 0–1.
    pub share: f64,
}

/// Any of the pace's settings; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AdmissionChange {
    /// 0–1,000,000; 0 stops admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Over how many seconds the rate goes to it, 0–3,600; at once when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp_s: Option<u64>,
    /// 1–10,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// 1–86,400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_ttl_s: Option<u64>,
}

impl AdmissionChange {
    /// Does it leave everything as it is?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An event with its live figures, for ops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// Its id.
    pub event: String,
    /// Its title.
    pub title: String,
    /// Its phase.
    pub phase: Phase,
    /// Its pace.
    pub admission: Admission,
    /// Its coupons.
    pub stock: Stock,
    /// People in the line.
    pub waiting: u64,
    /// All ever let in.
    pub admitted: u64,
    /// Those with a live ticket not yet redeemed.
    pub outstanding: u64,
    /// Coupons issued.
    pub redeemed: u64,
    /// Tickets that ended unused.
    pub no_shows: u64,
    /// Visitors who left.
    pub left: u64,
    /// Records that the log has not acknowledged.
    pub outbox_lag: u64,
    /// Records that the ledger has not committed.
    pub ledger_lag: u64,
    /// Whether the time left that people were shown first came true.
    #[serde(default)]
    pub waits: Waits,
    /// Visitors let in per second at present, while that is another rate than the one that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_in_force_per_s: Option<f64>,
    /// The brake, while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
    /// The other settings, as they were put.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// What to make an event of, or to change in it; what is left out stays, or gets its default on a new event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EventPut {
    /// 1–200 characters; required on a new event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Coupons to begin with; required on a new event, unless the book of its id holds given codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u64>,
    /// Counts only when the event is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The pace.
    #[serde(skip_serializing_if = "AdmissionChange::is_empty")]
    pub admission: AdmissionChange,
    /// Any other setting, such as `ack` or `code_pattern`, by its name in the API.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The answer to a put.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// False when the event was there before.
    pub created: bool,
    /// The event as it now is.
    pub event: LiveEvent,
}

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where to read on; none at the end.
    pub next: Option<String>,
}

/// Who changed what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The entry's id.
    pub id: String,
    /// When.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// What was done.
    pub action: String,
    /// What it was before.
    pub from: Value,
    /// What it is now.
    pub to: Value,
}

/// A key that tickets are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    /// What it is used for at present.
    pub state: String,
    /// Since when it signs, or from when it will.
    pub since: Option<Moment>,
    /// When its last ticket ends and it is shown no more, as soon as that is known.
    pub until: Option<Moment>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_says_only_what_it_sets() {
        let put = EventPut {
            title: Some("Demo".into()),
            phase: Some(Phase::Open),
            ..EventPut::default()
        };
        assert_eq!(
            serde_json::to_string(&put).unwrap(),
            r#"{"title":"Demo","phase":"open"}"#
        );
    }

    #[test]
    fn phases_read_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        assert_eq!("Open".parse::<Phase>(), Err(NotAPhase));
    }
}
