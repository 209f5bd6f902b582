//! The system's own clock and randomness: the only place that fetches them.

use std::time::UNIX_EPOCH;

use domain::{Clock, Millis, Random};

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// Random numbers that nobody can guess: `ChaCha12`, seeded by the operating system and again after every 64 KiB. A call into
/// the kernel for each number took a twentieth of a redeem's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that fetches the time"
    )]
    fn now(&self) -> Millis {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Random for SystemRandom {
    /// Panics when the operating system has no seed: no secret may be made from anything else.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that fetches randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rng(), bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_the_present_and_randomness_does_not_repeat() {
        assert!(SystemClock.now() > Millis::parse("2026-01-01T00:00:00Z").unwrap());
        let (mut one, mut two) = ([0; 16], [0; 16]);
        SystemRandom.fill(&mut one);
        SystemRandom.fill(&mut two);
        assert_ne!(one, two);
    }
}
