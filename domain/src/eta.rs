//! The time left as a range, from how a line moved lately and the rate that is set. The formula is in `docs/architecture.md`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Millis;

/// What is remembered of a line fades over this time, in seconds.
const FADES_S: f64 = 30.0;
/// The rate that is set counts as if so many people had been let in at it.
const BELIEF: f64 = 5.0;
/// But at least as what it lets in in so many seconds: a fast line that hesitates for a moment, as after a draw, is not slow.
const BELIEF_S: f64 = 1.0;
/// How long a line has to be watched before most is known of those who leave it, in seconds.
const LEARNT_S: f64 = 5.0;

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

/// How a line moved lately, and the rate that is set: what a time left is told from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    rate_per_s: f64,
    waiting: u64,
    at: Millis,
    /// For how long it was watched while people waited, in seconds; this and what follows fades.
    watched_s: f64,
    /// People whose turn came: let in, or passed over.
    reached: f64,
    /// People who left from anywhere in the line.
    left: f64,
    /// People times the seconds they waited.
    waited_s: f64,
}

impl Flow {
    /// At this time of the store so many are let in per second (0 while nobody is) and so many wait. Under another rate what
    /// was seen before says nothing.
    pub fn read(&mut self, at: Millis, rate_per_s: f64, waiting: u64) {
        let passed_s = seconds_between(self.at, at);
        if rate_per_s.to_bits() != self.rate_per_s.to_bits() || passed_s > FADES_S {
            *self = Self {
                rate_per_s,
                waiting,
                at,
                ..Self::default()
            };
            return;
        }
        // A line that runs empty moves as fast as people come, which says nothing of how fast it could.
        if self.waiting > 0 && waiting > 0 {
            let kept = (-passed_s / FADES_S).exp();
            self.reached *= kept;
            self.left *= kept;
            self.watched_s = self.watched_s * kept + passed_s;
            self.waited_s = self.waited_s * kept + as_float(waiting) * passed_s;
        }
        self.waiting = waiting;
        self.at = self.at.max(at);
    }

    /// The turn of so many came at the head.
    pub fn reached(&mut self, people: u64) {
        if self.waiting > 0 && self.rate_per_s > 0.0 {
            self.reached += as_float(people);
        }
    }

    /// So many left from within the line.
    pub fn left(&mut self, people: u64) {
        if self.waiting > 0 && self.rate_per_s > 0.0 {
            self.left += as_float(people);
        }
    }

    /// How long a person at `position` (from 1) may still wait; `None` when nobody is let in.
    #[must_use]
    pub fn range(&self, position: u64) -> Option<Eta> {
        let rate_per_s = self.rate_per_s;
        if !(rate_per_s > 0.0 && rate_per_s.is_finite()) {
            return None;
        }
        let belief = BELIEF.max(BELIEF_S * rate_per_s);
        let speed = (self.reached + belief) / (self.watched_s + belief / rate_per_s);
        let plain_s = as_float(position) / speed;
        let leaving = if self.waited_s > 0.0 {
            self.left / self.waited_s
        } else {
            0.0
        };
        // The line before a person shrinks at its head by `speed`, and everywhere by those who leave.
        let expected_s = if leaving * plain_s > 1e-6 {
            (leaving * plain_s).ln_1p() / leaving
        } else {
            plain_s
        };
        let unknown = (BELIEF / (self.reached + BELIEF)).max((-self.watched_s / LEARNT_S).exp());
        let low = whole_seconds(expected_s * (0.8 - 0.35 * unknown));
        let high = whole_seconds((expected_s * (1.25 + 0.25 * unknown)).ceil()) + 1;
        Some(Eta {
            low: low - low % step(low),
            high: high.next_multiple_of(step(high)),
        })
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

/// The seconds from one moment to a later one; none when the clock stepped back.
fn seconds_between(from: Millis, to: Millis) -> f64 {
    let passed_ms = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    as_float(passed_ms) / 1_000.0
}

/// A count as a float: exact up to 2^53, far above any line.
#[expect(
    clippy::cast_precision_loss,
    reason = "a line is far shorter than 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// A non-negative float as whole seconds, saturating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is what is wanted"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.min(1e15) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line that is watched for so many seconds: per second so many are reached, and so many leave, of `waiting`.
    fn watched(rate_per_s: f64, seconds: i64, reached: u64, left: u64, waiting: u64) -> Flow {
        let mut flow = Flow::default();
        for second in 0..=seconds {
            flow.read(Millis(second * 1_000), rate_per_s, waiting);
            if second < seconds {
                flow.reached(reached);
                flow.left(left);
            }
        }
        flow
    }

    #[test]
    fn before_anything_is_seen_the_rate_speaks_in_a_wide_range() {
        let flow = watched(5.0, 0, 0, 0, 500);
        assert_eq!(flow.range(100), Some(Eta { low: 9, high: 35 }));
        let head = watched(1_000.0, 0, 0, 0, 500).range(1);
        assert_eq!(head, Some(Eta { low: 0, high: 2 }));
    }

    #[test]
    fn what_was_seen_outweighs_the_rate() {
        // Let in as set, held up by the capacity, and hurried by the absent.
        for (reached, expected_s) in [(10, 100), (2, 500), (20, 50)] {
            let eta = watched(10.0, 60, reached, 0, 5_000).range(1_000).unwrap();
            assert!(eta.holds(Duration::from_secs(expected_s)), "{eta:?}");
            assert!(
                eta.low * 2 > expected_s && eta.high < expected_s * 2,
                "{eta:?}"
            );
        }
    }

    #[test]
    fn those_who_leave_shorten_the_wait() {
        let leaving = watched(10.0, 60, 10, 10, 1_000).range(1_000).unwrap();
        let staying = watched(10.0, 60, 10, 0, 1_000).range(1_000).unwrap();
        // A hundredth leaves each second: ln(1 + 0.01 * 100) / 0.01 = 69 s.
        assert!(leaving.low <= 69 && leaving.high >= 69 && leaving.high < staying.high);
    }

    #[test]
    fn a_fast_line_that_hesitates_for_a_second_is_not_taken_for_a_slow_one() {
        let mut flow = Flow::default();
        for at_ms in [0, 1_000] {
            flow.read(Millis(at_ms), 500.0, 20_000);
        }
        let shown = flow.range(4_000).unwrap();
        assert!(shown.holds(Duration::from_secs(9)), "{shown:?}");
        assert!(shown.high < 40, "{shown:?}");
    }

    #[test]
    fn another_rate_begins_anew_and_no_rate_gives_no_estimate() {
        let mut flow = watched(10.0, 60, 1, 0, 5_000);
        flow.read(Millis(61_000), 20.0, 5_000);
        assert_eq!(flow.range(100), watched(20.0, 0, 0, 0, 5_000).range(100));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            flow.read(Millis(62_000), rate, 5_000);
            assert_eq!(flow.range(10), None, "{rate}");
        }
    }

    #[test]
    fn a_line_that_runs_empty_says_nothing_of_how_fast_it_could_move() {
        let mut flow = watched(10.0, 0, 0, 0, 0);
        for second in 1..60 {
            flow.reached(1);
            flow.read(Millis(second * 1_000), 10.0, 0);
        }
        assert_eq!(flow.range(100), watched(10.0, 0, 0, 0, 500).range(100));
    }

    proptest! {
        #[test]
        fn a_steady_line_keeps_what_it_promised(
            speed in 1u64..200, slower in 1u64..5, position in 1u64..20_000, seconds in 20i64..90,
        ) {
            let rate = as_float(speed * slower);
            let eta = watched(rate, seconds, speed, 0, 50_000).range(position).unwrap();
            let waited = Duration::from_secs_f64(as_float(position) / as_float(speed));
            prop_assert!(eta.holds(waited), "{eta:?} {waited:?}");
            prop_assert!(eta.low < eta.high);
        }

        #[test]
        fn further_back_is_never_sooner(near in 1u64..100_000, further in 0u64..100_000, left in 0u64..50) {
            let flow = watched(50.0, 20, 40, left, 200_000);
            let (near, far) = (flow.range(near).unwrap(), flow.range(near + further).unwrap());
            prop_assert!(near.low <= far.low && near.high <= far.high);
        }

        #[test]
        fn a_range_that_still_holds_only_counts_down(low in 0u64..500, width in 1u64..200, passed in 0u64..600, by in 0u64..20) {
            let shown = Eta { low, high: low + width }.counted_down(passed);
            let newest = Eta { low: shown.low + by.min(shown.high - shown.low), high: shown.high };
            let next = newest.after(shown);
            prop_assert!(next == shown || next == newest);
            if by == 0 {
                prop_assert_eq!(next, shown);
            }
            let belied = Eta { low: shown.high + 1, high: shown.high + 20 };
            prop_assert_eq!(belied.after(shown), belied);
        }
    }
}
