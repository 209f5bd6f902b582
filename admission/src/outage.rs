//! An outage of the store as one thing: told when it begins and when it is over, however many loops it hits, and waited
//! out with growing, jittered pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Random;
use lua::StoreError;

use crate::keys::CannotSign;

/// The first pause, in milliseconds; each failure in a row doubles it.
const FIRST_MS: u32 = 100;
/// The longest pause, in milliseconds: how late we may notice that the store is back.
const LONGEST_MS: u32 = 2_000;

/// Why a loop did not get through.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// We did not do ours.
    #[error(transparent)]
    Sign(#[from] CannotSign),
}

impl Failure {
    /// Does it pass by itself once the store answers again? Otherwise something is broken.
    fn is_outage(&self) -> bool {
        match self {
            Self::Store(StoreError::Unavailable(_) | StoreError::Unknown(_)) => true,
            Self::Store(StoreError::Unexpected(_)) | Self::Sign(_) => false,
        }
    }
}

/// Counts the loops that the store fails at present.
#[derive(Clone, Default)]
pub struct Outage {
    hit: Arc<AtomicUsize>,
}

/// How one loop stands with the store.
pub struct Standing {
    outage: Outage,
    failures: u32,
    hit: bool,
}

impl Outage {
    /// Of a loop that has not failed yet.
    pub fn standing(&self) -> Standing {
        Standing {
            outage: self.clone(),
            failures: 0,
            hit: false,
        }
    }
}

impl Standing {
    /// The loop got through.
    pub fn well(&mut self) {
        self.failures = 0;
        if self.leave() {
            tracing::info!("the store answers admission again");
        }
    }

    /// The loop failed; returns how long to wait before the next try. An outage is told once for all loops, anything
    /// else once per loop.
    pub fn failed(&mut self, failure: &Failure, random: &dyn Random) -> Duration {
        if failure.is_outage() {
            if !std::mem::replace(&mut self.hit, true)
                && self.outage.hit.fetch_add(1, Ordering::Relaxed) == 0
            {
                tracing::warn!(error = %failure, "the store does not answer admission, trying until it does");
            }
        } else if self.failures == 0 {
            tracing::error!(error = %failure, "admission is broken, trying on");
        }
        let ceiling = FIRST_MS
            .saturating_mul(1 << self.failures.min(8))
            .min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let wait_ms = ceiling / 2 + random.below(ceiling / 2 + 1);
        Duration::from_millis(u64::from(wait_ms))
    }

    /// True when this was the last loop that the outage hit.
    fn leave(&mut self) -> bool {
        std::mem::take(&mut self.hit) && self.outage.hit.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use chassis::system::SystemRandom;

    use super::*;

    fn away() -> Failure {
        StoreError::Unavailable("refused".into()).into()
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut standing = Outage::default().standing();
        let mut ceiling = u64::from(FIRST_MS);
        for _ in 0..50 {
            let wait = standing.failed(&away(), &SystemRandom).as_millis();
            assert!((u128::from(ceiling / 2)..=u128::from(ceiling)).contains(&wait));
            ceiling = (ceiling * 2).min(u64::from(LONGEST_MS));
        }
        standing.well();
        let wait = standing.failed(&away(), &SystemRandom).as_millis();
        assert!(wait <= u128::from(FIRST_MS), "a success starts over");
    }

    #[test]
    fn an_outage_is_over_when_the_last_loop_got_through() {
        let outage = Outage::default();
        let hit = || outage.hit.load(Ordering::Relaxed);
        let (mut one, mut two, mut three) =
            (outage.standing(), outage.standing(), outage.standing());
        for _ in 0..3 {
            one.failed(&away(), &SystemRandom);
            two.failed(&away(), &SystemRandom);
        }
        three.failed(&StoreError::Unexpected("?".into()).into(), &SystemRandom);
        assert_eq!(
            hit(),
            2,
            "a loop is hit once, a broken contract is no outage"
        );
        one.well();
        assert_eq!(hit(), 1);
        drop(two);
        assert_eq!(hit(), 0, "a loop that ended counts no more");
        three.well();
        assert_eq!(hit(), 0);
    }
}
