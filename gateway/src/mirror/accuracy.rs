//! Whether the waits that people were told came true, per event, as metrics.

use std::time::Duration;

use domain::EventId;
use domain::eta::Eta;
use metrics::{Counter, Histogram, counter, histogram};

/// What is counted of one event's waits.
pub struct Accuracy {
    kept: Counter,
    missed: Counter,
    error: Histogram,
}

impl Accuracy {
    /// Looks the metrics up.
    pub fn of(event: &EventId) -> Self {
        let waits = |in_range| counter!("stanchion_gateway_waits_total", "event" => event.to_string(), "in_range" => in_range);
        Self {
            kept: waits("yes"),
            missed: waits("no"),
            error: histogram!("stanchion_gateway_wait_error_seconds", "event" => event.to_string()),
        }
    }

    /// Somebody to whom `promised` was shown first got their ticket after so long.
    pub fn tell(&self, promised: Eta, waited: Duration) {
        let waits = if promised.holds(waited) {
            &self.kept
        } else {
            &self.missed
        };
        waits.increment(1);
        self.error.record(promised.error(waited));
    }
}

impl std::fmt::Debug for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accuracy").finish_non_exhaustive()
    }
}
