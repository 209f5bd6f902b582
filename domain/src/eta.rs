//! The time left as a range, from how a line moved lately and the rate that is set. The formula is in `docs/architecture.md`.

mod course;
mod flow;
mod outlook;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use course::Pace;
pub use flow::{Flow, Reading};
pub use outlook::Outlook;

/// A range of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eta {
    /// The optimistic end, in seconds.
    pub low: u64,
    /// The pessimistic end, in seconds; never below `low`.
    pub high: u64,
}

impl Eta {
    /// Does this range hold a wait that turned out to be so long?
    #[must_use]
    pub fn holds(self, waited: Duration) -> bool {
        Duration::from_secs(self.low) <= waited && waited <= Duration::from_secs(self.high)
    }

    /// How far a wait lay from the middle of this range.
    #[must_use]
    pub fn error(self, waited: Duration) -> Duration {
        waited.abs_diff(Duration::from_secs(self.low + self.high) / 2)
    }

    /// The range that is left of this one when so many seconds of it have passed.
    #[must_use]
    pub fn counted_down(self, passed_s: u64) -> Self {
        let low = self.low.saturating_sub(passed_s);
        let high = self.high.saturating_sub(passed_s).max(low + 1);
        Self { low, high }
    }

    /// What to show after `shown`, counted down, when this is the newest range: the shown one, for as long as it is not
    /// belied. It does not dance.
    #[must_use]
    pub fn after(self, shown: Self) -> Self {
        let middle = self.low.midpoint(self.high);
        let believed = (shown.low..=shown.high).contains(&middle);
        let as_narrow = shown.high - shown.low <= 2 * (self.high - self.low);
        if believed && as_narrow { shown } else { self }
    }
}

/// To what so many seconds are rounded, so that it reads well.
fn step(seconds: u64) -> u64 {
    match seconds {
        0..30 => 1,
        30..120 => 5,
        120..600 => 15,
        600..3_600 => 60,
        _ => 300,
    }
}
