//! A part that does not answer: told once when it begins and once when it is over, tried again ever more seldom between.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use domain::Random;

/// The first wait, in milliseconds; each further one is twice as long.
const FIRST_MS: u32 = 100;

/// The longest wait, in milliseconds: how late it may be noticed that the part is back.
const LONGEST_MS: u32 = 2_000;

/// The failures of one part since it last worked.
pub struct Outage {
    part: &'static str,
    failures: u32,
    random: Arc<dyn Random>,
}

impl Outage {
    /// `part` works so far.
    #[must_use]
    pub fn of(part: &'static str, random: Arc<dyn Random>) -> Self {
        Self {
            part,
            failures: 0,
            random,
        }
    }

    /// The part failed: logs it if it is the first time, then waits before the next try.
    pub async fn failed(&mut self, error: impl Display) {
        if self.failures == 0 {
            tracing::warn!(part = self.part, %error, "a part does not answer; it is tried again until it does");
        }
        tokio::time::sleep(self.next_wait()).await;
    }

    /// The part works.
    pub fn over(&mut self) {
        if self.failures > 0 {
            let failures = self.failures;
            tracing::info!(part = self.part, failures, "the part answers again");
            self.failures = 0;
        }
    }

    /// Anything up to a doubling wait: many processes that lost the same store do not come back in step.
    fn next_wait(&mut self) -> Duration {
        let longest = FIRST_MS
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let wait_ms = self.random.below(longest + 1);
        Duration::from_millis(wait_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemRandom;

    #[test]
    fn waits_grow_stay_bounded_and_start_over() {
        let mut outage = Outage::of("redis", Arc::new(SystemRandom));
        let mut longest = FIRST_MS;
        for _ in 0..50 {
            let wait = outage.next_wait().as_millis();
            assert!(wait <= u128::from(longest));
            longest = (longest * 2).min(LONGEST_MS);
        }
        outage.over();
        assert!(outage.next_wait().as_millis() <= u128::from(FIRST_MS));
    }
}
