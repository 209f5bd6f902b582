//! Codes that are not the caller's: so many are free, then the caller waits, with a right code too, or a wrong one could be told by
//! how it is refused.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use governor::clock::{Clock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

use super::table::BoundedTable;

/// Most callers that wait at once: whoever comes after them is not kept.
const MOST_WAITING: usize = 65_536;

/// Counts misses by who made them.
pub(super) struct Misses<C: Clock> {
    buckets: RateLimiter<u64, BoundedTable<u64>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    hasher: RandomState,
    waiting: Mutex<HashMap<u64, C::Instant>>,
}

impl<C: Clock + Clone> Misses<C> {
    /// Nobody has missed yet; `quota` misses are free.
    pub(super) fn new(quota: Quota, clock: C) -> Self {
        Self {
            buckets: RateLimiter::new(quota, BoundedTable::default(), clock.clone()),
            clock,
            hasher: RandomState::new(),
            waiting: Mutex::default(),
        }
    }

    /// How long `whom` has to wait, after too many misses.
    pub(super) fn check(&self, whom: &str) -> Result<(), Duration> {
        let whom = self.hasher.hash_one(whom);
        let mut waiting = self.waiting.lock();
        let Some(until) = waiting.get(&whom) else {
            return Ok(());
        };
        let wait = Duration::from(until.duration_since(self.clock.now()));
        if wait.is_zero() {
            waiting.remove(&whom);
            return Ok(());
        }
        Err(wait)
    }

    /// Counts a miss of `whom`.
    pub(super) fn count(&self, whom: &str) {
        let whom = self.hasher.hash_one(whom);
        let Err(until) = self.buckets.check_key(&whom) else {
            return;
        };
        let mut waiting = self.waiting.lock();
        if waiting.len() >= MOST_WAITING {
            let now = self.clock.now();
            waiting.retain(|_, until| *until > now);
        }
        if waiting.len() < MOST_WAITING {
            waiting.insert(whom, until.earliest_possible());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn after_too_many_misses_whoever_made_them_waits_and_nobody_else() {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_minute(NonZeroU32::new(20).unwrap());
        let misses = Misses::new(quota, clock.clone());
        for _ in 0..20 {
            misses.count("ann");
            assert_eq!(misses.check("ann"), Ok(()));
        }
        misses.count("ann");
        let wait = misses.check("ann").unwrap_err();
        assert_eq!(wait, Duration::from_secs(3));
        assert_eq!(misses.check("bob"), Ok(()));
        clock.advance(wait);
        assert_eq!(misses.check("ann"), Ok(()));
    }
}
