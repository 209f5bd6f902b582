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
}

/// Any of the pace's settings; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionChange {
    /// See [`Admission::rate_per_s`].
    pub rate_per_s: Option<f64>,
    /// See [`Admission::capacity`].
    pub capacity: Option<u64>,
    /// See [`Admission::ticket_ttl_s`].
    pub ticket_ttl_s: Option<u64>,
}

impl Admission {
    /// The pace after `change`; refuses values out of range, naming the field.
    pub fn changed(self, change: AdmissionChange) -> Result<Self, InvalidField> {
        let after = Self {
            rate_per_s: change.rate_per_s.unwrap_or(self.rate_per_s),
            capacity: change.capacity.unwrap_or(self.capacity),
            ticket_ttl_s: change.ticket_ttl_s.unwrap_or(self.ticket_ttl_s),
        };
        if !(0.0..=1_000_000.0).contains(&after.rate_per_s) {
            return Err(InvalidField::new(
                "rate_per_s",
                "must be a number from 0 to 1000000",
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
}
