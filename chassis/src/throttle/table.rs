//! A table of buckets that does not grow past its bound: idle buckets make room for new ones, and while none is idle,
//! newcomers share coarse buckets.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use governor::nanos::Nanos;
use governor::state::StateStore;
use parking_lot::Mutex;

/// Parts of the table, each with a lock and a coarse bucket of its own.
const PARTS: usize = 64;

/// Buckets in one part: 262,144 addresses in all, about 10 MB.
const MOST_PER_PART: usize = 4_096;

/// After a sweep that found nothing idle, so many newcomers are sent to the coarse bucket before the next sweep.
const NEWCOMERS_BETWEEN_SWEEPS: u32 = 512;

/// The state of governor's buckets, keyed by whom they count.
pub(super) struct BoundedTable<K> {
    parts: Vec<Mutex<Part<K>>>,
    hasher: RandomState,
}

struct Part<K> {
    buckets: HashMap<K, Nanos>,
    coarse: Option<Nanos>,
    newcomers: u32,
}

impl<K> Default for BoundedTable<K> {
    fn default() -> Self {
        let part = || {
            Mutex::new(Part {
                buckets: HashMap::new(),
                coarse: None,
                newcomers: 0,
            })
        };
        Self {
            parts: std::iter::repeat_with(part).take(PARTS).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> StateStore for BoundedTable<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.hasher.hash_one(key);
        let [low, ..] = hash.to_le_bytes();
        let mut part = self.parts[usize::from(low) % PARTS].lock();
        if let Some(bucket) = part.buckets.get_mut(key) {
            let (outcome, after) = measure(Some(*bucket))?;
            *bucket = after;
            return Ok(outcome);
        }
        let (outcome, fresh) = measure(None)?;
        if part.has_room(fresh) {
            part.buckets.insert(key.clone(), fresh);
            return Ok(outcome);
        }
        let (outcome, after) = measure(part.coarse)?;
        part.coarse = Some(after);
        Ok(outcome)
    }
}

impl<K: Hash + Eq> Part<K> {
    /// Is there room for one more? A bucket is idle when it is no fuller than `fresh`, one that was used for the first time now.
    fn has_room(&mut self, fresh: Nanos) -> bool {
        if self.buckets.len() < MOST_PER_PART {
            return true;
        }
        if self.newcomers.is_multiple_of(NEWCOMERS_BETWEEN_SWEEPS) {
            self.buckets.retain(|_, bucket| *bucket > fresh);
        }
        self.newcomers = self.newcomers.wrapping_add(1);
        self.buckets.len() < MOST_PER_PART
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use governor::middleware::NoOpMiddleware;
    use governor::{Quota, RateLimiter};

    use super::*;

    type Buckets = RateLimiter<u64, BoundedTable<u64>, FakeRelativeClock, NoOpMiddleware<Nanos>>;

    fn buckets(clock: &FakeRelativeClock) -> Buckets {
        let quota = Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::new(2).unwrap());
        RateLimiter::new(quota, BoundedTable::default(), clock.clone())
    }

    fn size(buckets: Buckets) -> usize {
        let parts = buckets.into_state_store().parts;
        parts.iter().map(|part| part.lock().buckets.len()).sum()
    }

    #[test]
    fn a_flood_of_addresses_neither_fills_memory_nor_frees_those_already_counted() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(&clock);
        let visitor = u64::MAX;
        assert!(buckets.check_key(&visitor).is_ok());
        assert!(buckets.check_key(&visitor).is_ok());
        let flood = 3 * (PARTS * MOST_PER_PART) as u64;
        let mut passed = 0_usize;
        for address in 0..flood {
            // Twice each, so that no bucket is idle.
            let (first, second) = (buckets.check_key(&address), buckets.check_key(&address));
            passed += usize::from(first.is_ok()) + usize::from(second.is_ok());
        }
        assert!(buckets.check_key(&visitor).is_err());
        assert_eq!(size(buckets), PARTS * MOST_PER_PART);
        // Two calls for each address with a bucket (the visitor's was spent), two for each coarse bucket.
        assert_eq!(passed, 2 * (PARTS * MOST_PER_PART - 1) + 2 * PARTS);
    }

    #[test]
    fn idle_buckets_make_room() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(&clock);
        for address in 0..2 * (PARTS * MOST_PER_PART) as u64 {
            let _ = (buckets.check_key(&address), buckets.check_key(&address));
        }
        clock.advance(Duration::from_mins(1));
        let newcomer = u64::MAX;
        for address in 0..u64::from(NEWCOMERS_BETWEEN_SWEEPS) * 4 * PARTS as u64 {
            let _ = buckets.check_key(&(newcomer - address));
        }
        assert!(size(buckets) < PARTS * MOST_PER_PART / 2);
    }
}
