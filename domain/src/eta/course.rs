//! How fast tickets come from now on: the rate that is set as straight stretches of time, and how long those before a person last
//! under it.

use crate::Millis;
use crate::event::Admission;

/// Between two steps of a brake that lets go, in seconds; each halves what the rate is divided by.
const BRAKE_STEP_S: f64 = 10.0;
/// Below this product of two small numbers the formula without leaving is the more exact one.
const HARDLY: f64 = 1e-6;
/// How exact a moment on a ramp is told, in seconds.
const EXACT_S: f64 = 0.005;

/// The pace in force: what is set, and by what a brake divides its rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// What is set.
    pub set: Admission,
    /// By what the rate is divided; 1 without a brake.
    pub divisor: f64,
}

impl Pace {
    /// Tickets per second at this time, but for the brake.
    fn unbraked(&self, at_ms: f64) -> f64 {
        let to = self.set.rate_per_s;
        let Some(ramp) = self.set.ramp else { return to };
        let (since_ms, until_ms) = (as_float(ramp.since_ms), as_float(ramp.until_ms));
        if at_ms >= until_ms {
            return to;
        }
        ramp.from_per_s
            + (to - ramp.from_per_s) * (at_ms - since_ms).max(0.0) / (until_ms - since_ms)
    }

    /// Tickets per second at this time.
    #[must_use]
    pub fn per_s(&self, at: Millis) -> f64 {
        self.unbraked(as_float(at.0)) / self.divisor
    }
}

/// A part of a course: from one rate to another in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    seconds: f64,
    from_per_s: f64,
    to_per_s: f64,
}

/// The tickets per second from a moment on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// One after the other.
    stretches: Vec<Stretch>,
    /// Behind the last of them, for ever.
    then_per_s: f64,
}

impl Course {
    /// Under this pace from `at` on, never above `most_per_s`. The brake stays as it is, or lets go from now on.
    #[must_use]
    pub fn of(pace: &Pace, at: Millis, most_per_s: f64, lets_go: bool) -> Self {
        let at_ms = as_float(at.0);
        let ramp_s = pace
            .set
            .ramp
            .map_or(0.0, |ramp| (as_float(ramp.until_ms) - at_ms) / 1_000.0);
        let mut course = Self::default();
        let (mut from_s, mut divisor) = (0.0, pace.divisor);
        loop {
            let releases = lets_go && divisor > 1.0;
            let step_s = if releases {
                (from_s / BRAKE_STEP_S).floor() * BRAKE_STEP_S + BRAKE_STEP_S
            } else {
                f64::INFINITY
            };
            let to_s = if ramp_s > from_s {
                step_s.min(ramp_s)
            } else {
                step_s
            };
            if to_s.is_infinite() {
                break;
            }
            let per_s = |s: f64| pace.unbraked(at_ms + s * 1_000.0) / divisor;
            course.go_on(to_s - from_s, per_s(from_s), per_s(to_s), most_per_s);
            from_s = to_s;
            if from_s >= step_s {
                divisor /= 2.0;
            }
        }
        course.then_per_s = (pace.set.rate_per_s / divisor).min(most_per_s);
        course
    }

    /// Goes on in a straight line, cut off at `most_per_s`.
    fn go_on(&mut self, seconds: f64, from_per_s: f64, to_per_s: f64, most_per_s: f64) {
        let mut add = |seconds, from_per_s: f64, to_per_s: f64| {
            self.stretches.push(Stretch {
                seconds,
                from_per_s: from_per_s.min(most_per_s),
                to_per_s: to_per_s.min(most_per_s),
            });
        };
        if (from_per_s < most_per_s) == (to_per_s < most_per_s) {
            add(seconds, from_per_s, to_per_s);
        } else {
            let below_s = seconds * (most_per_s - from_per_s) / (to_per_s - from_per_s);
            add(below_s, from_per_s, most_per_s);
            add(seconds - below_s, most_per_s, to_per_s);
        }
    }

    /// How many tickets come in the first so many seconds.
    #[must_use]
    pub fn come(&self, seconds: f64) -> f64 {
        let (mut tickets, mut left_s) = (0.0, seconds);
        for stretch in &self.stretches {
            let of_it = stretch.seconds.min(left_s);
            tickets += of_it * (stretch.from_per_s + stretch.slope() * of_it / 2.0);
            left_s -= of_it;
        }
        tickets + left_s * self.then_per_s
    }

    /// After how many seconds `ahead` people have had their turn or left, when each ticket is the turn of so many, and this share
    /// of those in line leaves per second. `None` when the rate ends before.
    #[must_use]
    pub fn until(&self, ahead: f64, turns: f64, leaving: f64) -> Option<f64> {
        let (mut ahead, mut passed_s) = (ahead, 0.0);
        for stretch in &self.stretches {
            let left = stretch.left(ahead, turns, leaving, stretch.seconds);
            if left <= 0.0 {
                return Some(passed_s + stretch.until(ahead, turns, leaving));
            }
            ahead = left;
            passed_s += stretch.seconds;
        }
        let plain_s = ahead / (self.then_per_s * turns);
        let last_s = if leaving * plain_s > HARDLY {
            (leaving * plain_s).ln_1p() / leaving
        } else {
            plain_s
        };
        (last_s.is_finite() && last_s >= 0.0).then_some(passed_s + last_s)
    }
}

impl Stretch {
    /// By how much the rate grows per second.
    fn slope(&self) -> f64 {
        if self.seconds > 0.0 {
            (self.to_per_s - self.from_per_s) / self.seconds
        } else {
            0.0
        }
    }

    /// How many of `ahead` people are left after so many seconds of it: each of them leaves now and then, and those at the head
    /// have their turn. Below nothing when others had it as well.
    fn left(&self, ahead: f64, turns: f64, leaving: f64, seconds: f64) -> f64 {
        let (stay, once, grown) = if leaving * seconds > HARDLY {
            let once = -(-leaving * seconds).exp_m1() / leaving;
            ((-leaving * seconds).exp(), once, (seconds - once) / leaving)
        } else {
            (1.0, seconds, seconds * seconds / 2.0)
        };
        ahead * stay - turns * (self.from_per_s * once + self.slope() * grown)
    }

    /// The moment in it at which nobody is left of `ahead`, or a little later.
    fn until(&self, ahead: f64, turns: f64, leaving: f64) -> f64 {
        let (mut too_early, mut enough) = (0.0, self.seconds);
        while enough - too_early > EXACT_S {
            let middle = f64::midpoint(too_early, enough);
            if self.left(ahead, turns, leaving, middle) > 0.0 {
                too_early = middle;
            } else {
                enough = middle;
            }
        }
        enough
    }
}

/// A time in milliseconds as a float: exact for hundreds of thousands of years.
#[expect(clippy::cast_precision_loss, reason = "a time is far below 2^53 ms")]
fn as_float(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Ramp;

    /// From one rate to another over so many seconds, begun at 0.
    fn pace(from_per_s: f64, rate_per_s: f64, over_s: i64, divisor: f64) -> Pace {
        let ramp = Ramp {
            from_per_s,
            since_ms: 0,
            until_ms: over_s * 1_000,
        };
        Pace {
            set: Admission {
                rate_per_s,
                capacity: 1_000,
                ticket_ttl_s: 120,
                ramp: (over_s > 0).then_some(ramp),
            },
            divisor,
        }
    }

    /// The same in steps of a hundredth of a second, as one would count it on fingers.
    fn naive(
        pace: &Pace,
        at_s: f64,
        most: f64,
        lets_go: bool,
        people: f64,
        turns: f64,
        leaving: f64,
    ) -> Option<f64> {
        let (mut left, mut divisor) = (people, pace.divisor);
        for step in 0..1_000_000_u32 {
            let passed_s = f64::from(step) / 100.0;
            if step > 0 && step % 1_000 == 0 && lets_go && divisor > 1.0 {
                divisor /= 2.0;
            }
            let per_s = pace.unbraked((at_s + passed_s + 0.005) * 1_000.0) / divisor;
            left -= (per_s.min(most) * turns + left * leaving) / 100.0;
            if left <= 0.0 {
                return Some(passed_s);
            }
        }
        None
    }

    #[test]
    fn a_ramp_is_the_area_under_it() {
        // From 0 to 10 in 20 s: a hundred in the first twenty, ten a second behind.
        let course = Course::of(&pace(0.0, 10.0, 20, 1.0), Millis(0), f64::INFINITY, false);
        assert_eq!(course.until(100.0, 1.0, 0.0).map(f64::round), Some(20.0));
        assert_eq!(course.until(25.0, 1.0, 0.0).map(f64::round), Some(10.0));
        assert_eq!(course.until(200.0, 1.0, 0.0).map(f64::round), Some(30.0));
        assert!((course.come(30.0) - 200.0).abs() < 1e-9);
        // Down to nothing: whoever stands behind its last ticket is not told a time.
        let course = Course::of(&pace(10.0, 0.0, 20, 1.0), Millis(0), f64::INFINITY, false);
        assert!(course.until(99.0, 1.0, 0.0).is_some());
        assert_eq!(course.until(101.0, 1.0, 0.0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_time_is_what_a_naive_sum_finds(
            from in 0.0..40.0f64, to in 1.0..40.0f64, over_s in 0i64..120, begun_s in 0i64..60, brakes in 0i32..5,
            lets_go: bool, most in 2.0..60.0f64, people in 1.0..1_000.0f64, turns in 0.5..3.0f64, leaving in 0.0..0.02f64,
        ) {
            let pace = pace(from, to, over_s, 2f64.powi(brakes));
            let at = Millis(begun_s * 1_000);
            let found = Course::of(&pace, at, most, lets_go).until(people, turns, leaving).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "below 60")]
            let counted = naive(&pace, begun_s as f64, most, lets_go, people, turns, leaving).unwrap();
            prop_assert!((found - counted).abs() < 0.05 + found * 0.002, "{found} {counted}");
        }

        #[test]
        fn more_people_never_take_less_time(
            from in 0.0..40.0f64, to in 0.0..40.0f64, over_s in 0i64..120, people in 1.0..2_000.0f64, more in 0.0..500.0f64,
            leaving in 0.0..0.5f64,
        ) {
            let course = Course::of(&pace(from, to, over_s, 1.0), Millis(0), 30.0, false);
            let (few, many) = (course.until(people, 1.0, leaving), course.until(people + more, 1.0, leaving));
            prop_assert!(many.is_none_or(|many| few.is_some_and(|few| few <= many + 1e-6)), "{few:?} {many:?}");
        }
    }
}
