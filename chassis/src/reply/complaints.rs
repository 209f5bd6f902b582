//! Failed requests in the log: each with its request's id, but never more of them than anybody reads. A store that is away
//! fails every request of a crowd.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// So many failed requests are logged per second.
const MOST_PER_S: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Whose turn it is to be logged.
pub(super) struct Complaints<C: Clock = DefaultClock> {
    turns: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    unsaid: AtomicU64,
}

impl Default for Complaints {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock> Complaints<C> {
    fn new(clock: C) -> Self {
        let state = InMemoryState::default();
        Self {
            turns: RateLimiter::new(Quota::per_second(MOST_PER_S), state, clock),
            unsaid: AtomicU64::new(0),
        }
    }

    /// The number of failures passed over since the last one that was logged; `None` when this one is passed over too.
    pub fn turn(&self) -> Option<u64> {
        if self.turns.check().is_ok() {
            Some(self.unsaid.swap(0, Ordering::Relaxed))
        } else {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_by_the_next_that_has_a_turn() {
        let clock = FakeRelativeClock::default();
        let complaints = Complaints::new(clock.clone());
        let logged = (0..1_000).filter(|_| complaints.turn().is_some()).count();
        assert_eq!(logged, 10);
        clock.advance(Duration::from_secs(1));
        assert_eq!(complaints.turn(), Some(990));
        assert_eq!(complaints.turn(), Some(0));
    }
}
