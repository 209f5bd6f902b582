//! What keeps people of an event from being let in as fast as was set: told when it begins and when it ends.

use std::collections::HashSet;

use domain::EventId;
use lua::AdmitRound;
use metrics::gauge;
use parking_lot::Mutex;

/// The events that were held up in their last round.
#[derive(Default)]
pub struct HoldUps {
    braked: Mutex<HashSet<EventId>>,
    full: Mutex<HashSet<EventId>>,
}

impl HoldUps {
    /// Hears what a round of an event told.
    pub fn hear(&self, event: &EventId, round: &AdmitRound) {
        self.brake(event, round.divisor);
        self.outbox(event, round.outbox_full);
    }

    /// The brake divides the rate by this; an event that was never braked has no gauge.
    fn brake(&self, event: &EventId, divisor: u64) {
        let (mut braked, is_braked) = (self.braked.lock(), divisor > 1);
        let was_braked = braked.contains(event);
        if is_braked && !was_braked {
            braked.insert(event.clone());
            tracing::warn!(%event, divisor, "admission is braked: too many redeems fail or take too long");
        } else if was_braked && !is_braked {
            braked.remove(event);
            tracing::info!(%event, "admission is no longer braked");
        }
        if is_braked || was_braked {
            #[expect(clippy::cast_precision_loss, reason = "it is 16 at most")]
            gauge!("stanchion_admission_brake", "event" => event.to_string()).set(divisor as f64);
        }
    }

    fn outbox(&self, event: &EventId, is_full: bool) {
        let mut full = self.full.lock();
        if is_full && full.insert(event.clone()) {
            tracing::warn!(%event, "nobody is let in: as many records wait for the log as may (--outbox-max)");
        } else if !is_full && full.remove(event) {
            tracing::info!(%event, "the log has taken some records: people are let in again");
        }
    }
}
