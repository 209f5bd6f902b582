//! Whether the waits that people were told came true, per event: as metrics of this process, and for the store, where those of
//! all gateways add up.

use std::sync::Arc;
use std::time::Duration;

use domain::EventId;
use domain::eta::Eta;
use lua::{Store, Waits};
use metrics::{Counter, Histogram, counter, histogram};
use parking_lot::Mutex;

use super::line::Line;
use crate::live::slot::TICK_MS;

/// How often the store is told, in ticks: every five seconds, where anybody was counted.
pub(super) const TELLING_TICKS: u64 = 5_000 / TICK_MS;

/// What is counted of one event's waits.
pub struct Accuracy {
    kept: Counter,
    missed: Counter,
    error: Histogram,
    /// What the store was not told yet.
    untold: Mutex<Waits>,
}

impl Accuracy {
    /// Looks the metrics up.
    pub fn of(event: &EventId) -> Self {
        let waits = |in_range| counter!("stanchion_gateway_waits_total", "event" => event.to_string(), "in_range" => in_range);
        Self {
            kept: waits("yes"),
            missed: waits("no"),
            error: histogram!("stanchion_gateway_wait_error_s", "event" => event.to_string()),
            untold: Mutex::default(),
        }
    }

    /// Somebody to whom `promised` was shown first got their ticket after so long.
    pub fn tell(&self, promised: Eta, waited: Duration) {
        let holds = promised.holds(waited);
        let waits = if holds { &self.kept } else { &self.missed };
        waits.increment(1);
        self.error.record(promised.error(waited));
        let mut untold = self.untold.lock();
        untold.all += 1;
        untold.in_range += u64::from(holds);
    }

    /// What was counted since this was asked last, if anything.
    pub fn untold(&self) -> Option<Waits> {
        let waits = std::mem::take(&mut *self.untold.lock());
        (waits.all > 0).then_some(waits)
    }
}

/// Tells the store what was counted. What it could not be told is dropped: it may have counted it all the same.
pub async fn tell(store: Store, line: Arc<Line>, waits: Waits) {
    if let Err(failure) = store.tell_waits(&line.event, waits).await {
        tracing::debug!(%failure, "the store could not be told how right the time left was");
    }
}

impl std::fmt::Debug for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accuracy").finish_non_exhaustive()
    }
}
