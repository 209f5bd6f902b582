//! The pace of an event, and changing it.

use serde::{Deserialize, Serialize};

use super::{InvalidField, MOST_STOCK};

/// The pace of an event: what ops change live.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// Visitors let in per second, 0–1,000,000; fractions allowed, 0 stops admission.
    pub rate_per_s: f64,
    /// Most admitted visitors that may be outstanding at once, 1–10,000,000.
    pub capacity: u64,
    /// How long a ticket lasts, in seconds, 1–86,400.
    pub ticket_ttl_s: u64,
    /// On the way to `rate_per_s`: from which rate, since when, until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
}

/// A rate that goes to the one that was set in a straight line, by the store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// Visitors let in per second at its beginning.
    pub from_per_s: f64,
    /// When it began, in milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// When the rate that was set is reached, likewise.
    pub until_ms: i64,
}

/// Any of the pace's settings; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionChange {
    /// See [`Admission::rate_per_s`].
    pub rate_per_s: Option<f64>,
    /// Over how many seconds the rate goes to it from the one in force, 0–3,600; at once when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp_s: Option<u64>,
    /// See [`Admission::capacity`].
    pub capacity: Option<u64>,
    /// See [`Admission::ticket_ttl_s`].
    pub ticket_ttl_s: Option<u64>,
}

impl Admission {
    /// The pace after `change`, whose ramp is for the store to begin; refuses values out of range, naming the field.
    pub fn changed(self, change: AdmissionChange) -> Result<Self, InvalidField> {
        let rate_per_s = change.rate_per_s.unwrap_or(self.rate_per_s);
        let after = Self {
            rate_per_s,
            capacity: change.capacity.unwrap_or(self.capacity),
            ticket_ttl_s: change.ticket_ttl_s.unwrap_or(self.ticket_ttl_s),
            // To set the rate that is being gone to already changes nothing.
            ramp: self
                .ramp
                .filter(|_| rate_per_s.to_bits() == self.rate_per_s.to_bits()),
        };
        if !(0.0..=1_000_000.0).contains(&after.rate_per_s) {
            return Err(InvalidField::new(
                "rate_per_s",
                "must be a number from 0 to 1000000",
            ));
        }
        if change.ramp_s.is_some_and(|ramp_s| ramp_s > 3_600) {
            return Err(InvalidField::new(
                "ramp_s",
                "must be a whole number from 0 to 3600",
            ));
        }
        if change.ramp_s.is_some() && change.rate_per_s.is_none() {
            return Err(InvalidField::new(
                "ramp_s",
                "needs `rate_per_s`, the rate to go to",
            ));
        }
        if !(1..=MOST_STOCK).contains(&after.capacity) {
            return Err(InvalidField::new(
                "capacity",
                "must be a whole number from 1 to 10000000",
            ));
        }
        if !(1..=86_400).contains(&after.ticket_ttl_s) {
            return Err(InvalidField::new(
                "ticket_ttl_s",
                "must be a whole number from 1 to 86400",
            ));
        }
        Ok(after)
    }

    /// The highest rate on the way that is left: what those near the head of the line are reckoned by.
    #[must_use]
    pub fn fastest_per_s(&self) -> f64 {
        self.ramp
            .map_or(self.rate_per_s, |ramp| ramp.from_per_s.max(self.rate_per_s))
    }
}
