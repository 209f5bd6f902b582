//! Who gave a sign, until the store is told of it: many people in one call.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::PlaceId;
use parking_lot::Mutex;

use crate::live::slot::TICK_MS;

/// The store is told once in so many ticks, a second; more often where people count as absent sooner.
const EVERY_TICKS: u64 = 1_000 / TICK_MS;

/// The callers of one line since the store was last told.
#[derive(Debug, Default)]
pub struct Presence {
    callers: Mutex<HashSet<PlaceId>>,
    /// The tick at which the store was last told.
    told: AtomicU64,
}

impl Presence {
    /// Somebody called.
    pub fn saw(&self, place: &PlaceId) {
        self.callers.lock().insert(place.clone());
    }

    /// Those who called, when it is time to tell; a person is told of every `every` ticks.
    pub fn take(&self, tick: u64, every: u64) -> Option<Vec<PlaceId>> {
        let due = self.told.load(Ordering::Relaxed) + every.clamp(1, EVERY_TICKS);
        if tick < due {
            return None;
        }
        self.told.store(tick, Ordering::Relaxed);
        Some(self.callers.lock().drain().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_of_once_a_second_or_as_often_as_absence_comes() {
        let place: PlaceId = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        let presence = Presence::default();
        for _ in 0..3 {
            presence.saw(&place);
        }
        assert_eq!(presence.take(9, 66), None);
        assert_eq!(presence.take(10, 66), Some(vec![place.clone()]));
        assert_eq!(presence.take(20, 66), Some(Vec::new()));
        presence.saw(&place);
        assert_eq!(presence.take(22, 3), None);
        assert_eq!(presence.take(23, 3), Some(vec![place]));
        assert_eq!(presence.take(24, 0), Some(Vec::new()));
    }
}
