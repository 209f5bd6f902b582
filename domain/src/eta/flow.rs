//! How a line moved lately, and what that makes of the pace that is set. The formula is in `docs/architecture.md`.

use super::course::{Course, Pace};
use super::outlook::{Outlook, Side};
use crate::Millis;

/// What is remembered of a line fades over this time, in seconds.
const FADES_S: f64 = 30.0;
/// What is to be expected counts as if it had been seen of so many people.
const BELIEF: f64 = 5.0;
/// But at least of as many as come in so many seconds: a fast line that hesitates for a moment, as after a draw, is not slow.
const BELIEF_S: f64 = 1.0;
/// After an opening it may take so many seconds until the first is let in, who has to be known to be there; that is not slowness.
const STARTS_S: f64 = 6.0;
/// Of those believed in, so many take their coupon.
const BELIEVED_TOOK: f64 = 4.0;
/// How long a line has to be watched before most is known of those who leave it, in seconds.
const LEARNT_S: f64 = 5.0;
/// When less than this part of the capacity is free, it is the capacity that holds the line up.
const HARDLY_FREE: u64 = 10;

/// What one reading of an event says of its line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// When, by the store's clock.
    pub at: Millis,
    /// The pace in force; `None` while nobody is let in.
    pub pace: Option<Pace>,
    /// Is its lobby being drawn? Then nobody is let in before that is over.
    pub drawing: bool,
    /// How many wait.
    pub waiting: u64,
    /// All tickets ever given.
    pub admitted: u64,
    /// Those that are out.
    pub outstanding: u64,
    /// Coupons taken.
    pub redeemed: u64,
    /// Coupons left.
    pub remaining: u64,
}

impl Reading {
    /// Tickets that are over: redeemed, lapsed or given back.
    fn over(&self) -> u64 {
        self.admitted.saturating_sub(self.outstanding)
    }

    /// Those of them that gave no coupon.
    fn lapsed(&self) -> u64 {
        self.over().saturating_sub(self.redeemed)
    }

    /// How many tickets more may be out, as far as there are coupons for them.
    fn free_stock(&self) -> u64 {
        self.remaining.saturating_sub(self.outstanding)
    }
}

/// How a line moved lately: what a time left is told from. All but the last reading fades.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    last: Option<Reading>,
    /// What the pace would give from the last reading on.
    course: Course,
    /// People whose turn came, and who left, since the last reading.
    fresh: (f64, f64),
    /// Was its lobby drawn while it was watched?
    drawn: bool,
    /// For how long people might be let in before the first of them was, in seconds.
    still_s: f64,
    /// For how long it was watched while people waited, in seconds.
    watched_s: f64,
    /// Tickets that could be given, by the pace, the capacity and the stock.
    due: f64,
    /// Tickets that were given.
    tickets: f64,
    /// People whose turn came: let in, or passed over.
    reached: f64,
    /// People who left from anywhere in the line.
    left: f64,
    /// People times the seconds they waited.
    waited_s: f64,
    /// Tickets times the seconds they were out.
    out_s: f64,
    /// The same while the capacity held the line up, and the tickets that ended meanwhile.
    held_s: f64,
    ended: f64,
}

impl Flow {
    /// Takes in the next reading.
    pub fn read(&mut self, now: Reading) {
        let (turned, went) = std::mem::take(&mut self.fresh);
        if let Some(before) = self.last {
            let passed_s = seconds_between(before.at, now.at);
            if passed_s > FADES_S {
                *self = Self::default();
            } else {
                self.fade((-passed_s / FADES_S).exp());
                // A line that runs empty moves as fast as people come, which says nothing of how fast it could.
                let people = before.waiting > 0 && now.waiting > 0;
                if let (Some(pace), true) = (before.pace, people)
                    && self.has_begun(&before, &now, passed_s)
                {
                    self.reached += turned;
                    self.left += went;
                    self.watch(&pace, &before, &now, passed_s);
                }
            }
        }
        self.course = now.pace.map_or_else(Course::default, |pace| {
            Course::of(&pace, now.at, f64::INFINITY, false)
        });
        self.drawn |= now.drawing;
        self.last = Some(now);
    }

    /// Was somebody let in since the opening, or has it been too long without?
    fn has_begun(&mut self, before: &Reading, now: &Reading, passed_s: f64) -> bool {
        if before.drawing || self.tickets > 0.0 || now.admitted > before.admitted {
            return !before.drawing;
        }
        self.still_s += passed_s;
        self.still_s > STARTS_S
    }

    fn fade(&mut self, kept: f64) {
        for seen in [
            &mut self.watched_s,
            &mut self.due,
            &mut self.tickets,
            &mut self.reached,
            &mut self.left,
            &mut self.waited_s,
            &mut self.out_s,
            &mut self.held_s,
            &mut self.ended,
        ] {
            *seen *= kept;
        }
    }

    /// What happened between two readings under a pace.
    fn watch(&mut self, pace: &Pace, before: &Reading, now: &Reading, passed_s: f64) {
        let capacity = pace.set.capacity;
        let ended = now.over().saturating_sub(before.over());
        let lapsed = now.lapsed().saturating_sub(before.lapsed());
        let room = capacity.saturating_sub(before.outstanding) + ended;
        let coupons = before.free_stock() + lapsed;
        self.watched_s += passed_s;
        self.waited_s += as_float(now.waiting) * passed_s;
        self.due += self.course.come(passed_s).min(as_float(room.min(coupons)));
        self.tickets += as_float(now.admitted.saturating_sub(before.admitted));
        self.out_s += as_float(before.outstanding.midpoint(now.outstanding)) * passed_s;
        if capacity.saturating_sub(now.outstanding) <= capacity / HARDLY_FREE
            && now.remaining > capacity
        {
            self.ended += as_float(ended);
            self.held_s += as_float(now.outstanding) * passed_s;
        }
    }

    /// The turn of so many came at the head.
    pub fn reached(&mut self, people: u64) {
        self.fresh.0 += as_float(people);
    }

    /// So many left from within the line.
    pub fn left(&mut self, people: u64) {
        self.fresh.1 += as_float(people);
    }

    /// What is to be expected from the last reading on; `None` while nobody is let in, and when no coupon is left.
    #[must_use]
    pub fn outlook(&self) -> Option<Outlook> {
        let now = self.last.filter(|now| now.remaining > 0)?;
        let pace = now.pace?;
        let (most_soon, most_late) = self.most_per_s(&pace, now.at);
        let per_s = pace.per_s(now.at).min(most_soon);
        let belief = BELIEF.max(BELIEF_S * per_s);
        let share =
            |part: u64, whole: u64| (as_float(part) + BELIEVED_TOOK) / (as_float(whole) + BELIEF);
        // Of tickets that are out nobody knows: the one side counts all of them as lapsed, the other none.
        let took_most = share(now.redeemed, now.over().max(now.redeemed));
        let took_least = share(now.redeemed, now.admitted.max(now.redeemed));
        let turns = (self.reached + belief) / (self.due + belief);
        let per_ticket = (self.reached + belief) / (self.tickets + belief);
        let (free, out) = (as_float(now.free_stock()), as_float(now.outstanding));
        let side = |most_per_s, lets_go, lapse, out_lapse| {
            let course = Course::of(&pace, now.at, most_per_s, lets_go);
            Side {
                used_up_s: course.until(free * per_ticket, turns, 0.0),
                course,
                lapse,
                out_lapse,
            }
        };
        let starts = self.drawn && self.tickets <= 0.0;
        Some(Outlook {
            starts_s: if starts {
                (STARTS_S - self.still_s).max(0.0)
            } else {
                0.0
            },
            soon: side(most_soon, true, 1.0 - took_least, out),
            late: side(most_late, false, 1.0 - took_most, out * (1.0 - took_most)),
            turns,
            per_ticket,
            leaving: if self.waited_s > 0.0 {
                self.left / self.waited_s
            } else {
                0.0
            },
            free,
            ticket_s: as_float(pace.set.ticket_ttl_s),
            unknown: (BELIEF / (self.reached + BELIEF)).max((-self.watched_s / LEARNT_S).exp()),
        })
    }

    /// Most tickets per second that the capacity allows, at best and at worst: as many as may be out, over how long one is out. That is
    /// known only of a line that was held up by it. Those that were given while it filled up make it seem short, those that ended
    /// since then long, until people have thought it over.
    fn most_per_s(&self, pace: &Pace, at: Millis) -> (f64, f64) {
        if self.held_s <= 0.0 {
            return (f64::INFINITY, f64::INFINITY);
        }
        let capacity = as_float(pace.set.capacity);
        let set_per_s = pace.per_s(at).max(pace.set.rate_per_s / pace.divisor);
        let believed_s = BELIEF * capacity / set_per_s;
        let per_s = |tickets, out_s| capacity * (tickets + BELIEF) / (out_s + believed_s);
        let (given, ended) = (
            per_s(self.tickets, self.out_s),
            per_s(self.ended, self.held_s),
        );
        (given.max(ended), given.min(ended))
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
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::Eta;
    use super::super::outlook::whole_seconds;
    use super::*;
    use crate::event::Admission;

    fn pace(rate_per_s: f64, capacity: u64) -> Pace {
        let set = Admission {
            rate_per_s,
            capacity,
            ticket_ttl_s: 120,
            ramp: None,
        };
        Pace { set, divisor: 1.0 }
    }

    /// A line with room and coupons for everybody, in which so many were let in and took theirs.
    fn reading(second: i64, rate_per_s: f64, waiting: u64, admitted: u64) -> Reading {
        Reading {
            at: Millis(second * 1_000),
            pace: Some(pace(rate_per_s, 1_000_000)),
            drawing: false,
            waiting,
            admitted,
            outstanding: 0,
            redeemed: admitted,
            remaining: 1_000_000,
        }
    }

    /// A line that is watched for so many seconds: per second so many are reached, and so many leave, of `waiting`. Those who are
    /// more than the rate were absent.
    fn watched(rate_per_s: f64, seconds: i64, reached: u64, left: u64, waiting: u64) -> Flow {
        let (mut flow, mut admitted) = (Flow::default(), 0);
        for second in 0..=seconds {
            flow.read(reading(second, rate_per_s, waiting, admitted));
            flow.reached(reached);
            flow.left(left);
            admitted += reached.min(whole_seconds(rate_per_s));
        }
        flow
    }

    fn range(flow: &Flow, position: u64) -> Option<Eta> {
        flow.outlook()?.range(position)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn before_anything_is_seen_the_rate_speaks_in_a_wide_range() {
        let flow = watched(5.0, 0, 0, 0, 500);
        assert_eq!(range(&flow, 100), Some(Eta { low: 9, high: 35 }));
        let head = range(&watched(1_000.0, 0, 0, 0, 500), 1);
        assert_eq!(head, Some(Eta { low: 0, high: 2 }));
    }

    #[test]
    fn what_was_seen_outweighs_the_rate() {
        // Let in as set, held up by something, and hurried by the absent.
        for (reached, expected_s) in [(10, 100), (2, 500), (20, 50)] {
            let eta = range(&watched(10.0, 60, reached, 0, 5_000), 1_000).unwrap();
            assert!(eta.holds(seconds(expected_s)), "{eta:?}");
            assert!(
                eta.low * 2 > expected_s && eta.high < expected_s * 2,
                "{eta:?}"
            );
        }
    }

    #[test]
    fn those_who_leave_shorten_the_wait() {
        let leaving = range(&watched(10.0, 60, 10, 10, 1_000), 1_000).unwrap();
        let staying = range(&watched(10.0, 60, 10, 0, 1_000), 1_000).unwrap();
        // A hundredth leaves each second: ln(1 + 0.01 * 100) / 0.01 = 69 s.
        assert!(leaving.low <= 69 && leaving.high >= 69 && leaving.high < staying.high);
    }

    #[test]
    fn a_fast_line_that_hesitates_for_a_second_is_not_taken_for_a_slow_one() {
        let mut flow = Flow::default();
        for second in 0..=1 {
            flow.read(reading(second, 500.0, 20_000, 0));
        }
        let shown = range(&flow, 4_000).unwrap();
        assert!(shown.holds(seconds(9)), "{shown:?}");
        assert!(shown.high < 40, "{shown:?}");
    }

    #[test]
    fn a_line_that_takes_seconds_to_begin_is_not_taken_for_a_slow_one_and_one_that_never_begins_is()
    {
        let mut flow = Flow::default();
        for second in 0..=4 {
            flow.read(reading(second, 500.0, 20_000, 0));
        }
        let opened = watched(500.0, 0, 0, 0, 20_000);
        assert_eq!(range(&flow, 4_000), range(&opened, 4_000));
        for second in 5..=30 {
            flow.read(reading(second, 500.0, 20_000, 0));
        }
        let stuck = range(&flow, 4_000).unwrap();
        assert!(stuck.low > 30, "{stuck:?}");
    }

    #[test]
    fn a_drawn_line_is_told_at_once_that_it_may_take_seconds_to_begin_and_no_longer_when_it_has() {
        let mut flow = Flow::default();
        for second in 0..=20 {
            let drawing = second < 20;
            let read = reading(second, 500.0, 20_000, 0);
            flow.read(Reading { drawing, ..read });
        }
        assert_eq!(range(&flow, 1_000), Some(Eta { low: 0, high: 10 }));
        flow.read(reading(21, 500.0, 19_500, 500));
        flow.reached(500);
        flow.read(reading(22, 500.0, 19_000, 1_000));
        let begun = range(&flow, 1_000).unwrap();
        assert!(begun.holds(seconds(2)) && begun.high < 10, "{begun:?}");
    }

    #[test]
    fn another_rate_moves_the_range_at_once_and_what_is_known_of_the_people_stays() {
        let mut flow = watched(10.0, 60, 20, 0, 5_000);
        flow.read(reading(61, 40.0, 5_000, 610));
        let eta = range(&flow, 1_000).unwrap();
        // Half of the heads are absent: eighty people a second.
        assert!(eta.holds(seconds(13)) && eta.high <= 20, "{eta:?}");
    }

    #[test]
    fn without_a_rate_or_a_coupon_there_is_no_estimate() {
        let mut flow = watched(10.0, 60, 10, 0, 5_000);
        for rate in [0.0, -1.0, f64::NAN] {
            flow.read(reading(61, rate, 5_000, 600));
            assert_eq!(range(&flow, 10), None, "{rate}");
        }
        let open = reading(62, 10.0, 5_000, 600);
        for none in [
            Reading { pace: None, ..open },
            Reading {
                remaining: 0,
                ..open
            },
        ] {
            flow.read(none);
            assert_eq!(range(&flow, 10), None, "{none:?}");
        }
        flow.read(open);
        assert!(range(&flow, 10).is_some());
    }

    #[test]
    fn a_line_that_runs_empty_says_nothing_of_how_fast_it_could_move() {
        let mut flow = Flow::default();
        for second in 0..60 {
            flow.read(reading(second, 10.0, 0, 0));
            flow.reached(1);
        }
        assert_eq!(range(&flow, 100), range(&watched(10.0, 0, 0, 0, 500), 100));
    }

    #[test]
    fn a_line_that_waits_for_tickets_to_come_back_is_told_by_them_whatever_the_rate() {
        // A hundred may be out, each for ten seconds.
        let (mut flow, mut admitted) = (Flow::default(), 100);
        let mut read = |flow: &mut Flow, second, rate, capacity| {
            let pace = Some(pace(rate, capacity));
            let held = Reading {
                pace,
                outstanding: 100,
                redeemed: admitted - 100,
                ..reading(second, 0.0, 5_000, admitted)
            };
            flow.read(held);
            flow.reached(10);
            admitted += 10;
        };
        for second in 0..60 {
            read(&mut flow, second, 50.0, 100);
        }
        for (rate, capacity, expected_s) in [
            (50.0, 100, 100),
            (200.0, 100, 100),
            (5.0, 100, 200),
            (200.0, 300, 33),
        ] {
            let mut changed = flow.clone();
            read(&mut changed, 60, rate, capacity);
            let eta = range(&changed, 1_000).unwrap();
            assert!(
                eta.holds(seconds(expected_s)) && eta.high < 2 * expected_s,
                "{rate} {capacity}: {eta:?}"
            );
        }
    }

    #[test]
    fn a_ticket_for_which_there_is_no_coupon_is_not_due_however_many_lapsed_before() {
        let mut flow = Flow::default();
        for second in 0..30 {
            flow.read(Reading {
                outstanding: 20,
                redeemed: 30,
                remaining: 20,
                ..reading(second, 10.0, 500, 100)
            });
        }
        assert!(flow.watched_s > 10.0 && flow.due < 0.1, "{flow:?}");
    }

    #[test]
    fn whoever_stands_behind_the_last_coupon_waits_for_tickets_to_lapse() {
        let left = |remaining, outstanding| {
            let mut flow = Flow::default();
            flow.read(Reading {
                outstanding,
                remaining,
                ..reading(0, 10.0, 500, outstanding)
            });
            flow
        };
        let flow = left(100, 0);
        let (before, behind) = (range(&flow, 90).unwrap(), range(&flow, 115).unwrap());
        assert!(before.holds(seconds(9)) && before.high < 20, "{before:?}");
        // Others may leave; else it takes fifteen that lapse, a fifth of 75 that are given: 7.5 s, and 120 s.
        assert!(behind.low < 12 && behind.holds(seconds(128)), "{behind:?}");
        // Eight more than what is out lapse at the latest.
        let held = range(&left(20, 20), 8).unwrap();
        assert!(held.low <= 48 && held.high >= 120, "{held:?}");
    }

    proptest! {
        #[test]
        fn a_steady_line_keeps_what_it_promised(
            speed in 1u64..200, slower in 1u64..5, position in 1u64..20_000, seconds in 20i64..90,
        ) {
            let rate = as_float(speed * slower);
            let eta = range(&watched(rate, seconds, speed, 0, 50_000), position).unwrap();
            let waited = Duration::from_secs_f64(as_float(position) / as_float(speed));
            prop_assert!(eta.holds(waited), "{eta:?} {waited:?}");
            prop_assert!(eta.low < eta.high);
        }

        #[test]
        fn further_back_is_never_sooner(
            near in 1u64..100_000, further in 0u64..100_000, left in 0u64..50, out in 0u64..500, remaining in 500u64..5_000,
        ) {
            let mut flow = watched(50.0, 20, 40, left, 200_000);
            flow.read(Reading { outstanding: out, remaining, ..reading(21, 50.0, 200_000, 1_340) });
            let (near, far) = (range(&flow, near).unwrap(), range(&flow, near + further).unwrap());
            prop_assert!(near.low <= far.low && near.high <= far.high);
        }
    }
}
