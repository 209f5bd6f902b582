//! The system's own clock and randomness: the only place that fetches them.

use domain::{Clock, Millis, Random};

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        unimplemented!()
    }
}

impl Random for SystemRandom {
    fn fill(&self, _bytes: &mut [u8]) {
        unimplemented!()
    }
}
