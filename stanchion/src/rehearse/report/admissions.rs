//! How people were let in: at which pace, how many at once, and in which order.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::per_second;
use crate::rehearse::tally::{Admitted, Book};

/// A crowd that was let in faster was let in at once.
const SECOND: Duration = Duration::from_secs(1);
/// By so much the clocks of crowd and server may differ, in milliseconds.
const SKEW_MS: i64 = 2_000;

/// How people were let in.
#[derive(Debug, Serialize)]
pub struct Admissions {
    /// Tickets heard of.
    pub tickets: u64,
    /// The rate that was set.
    pub rate_per_s: f64,
    /// The rate that was seen.
    pub average_per_s: f64,
    /// Most in any second.
    pub most_in_a_second: u64,
    /// The rate and a burst of one second of it.
    pub allowed_in_a_second: u64,
    /// Most tickets out and not yet redeemed, at once.
    pub most_outstanding: u64,
    /// So many may be.
    pub capacity: u64,
    /// People who were there and were let in a second or more after somebody behind them.
    pub inversions: u64,
}

/// What the ops door said of an event's pace.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Most tickets that may be out at once.
    pub capacity: u64,
    /// Most that were, as often as it was asked.
    pub most_outstanding: u64,
    /// How long somebody counts as there after the last sign, in milliseconds.
    pub presence_ms: i64,
}

impl Admissions {
    /// All tickets last equally long, so those that end in the same second were let in within the same second.
    pub fn of(book: &Book, pace: Pace) -> Self {
        let admitted = &book.admitted;
        let mut ends: Vec<i64> = admitted.iter().map(|one| one.ends_ms).collect();
        ends.sort_unstable();
        let tickets = ends.len() as u64;
        let heard = || admitted.iter().map(|one| one.heard_ms);
        let heard_ms = heard().max().unwrap_or(0) - heard().min().unwrap_or(0);
        let heard = Duration::from_millis(u64::try_from(heard_ms).unwrap_or(0));
        Self {
            tickets,
            rate_per_s: book.rate_per_s,
            average_per_s: per_second(tickets, heard.max(SECOND)),
            most_in_a_second: most_in_a_second(&ends),
            allowed_in_a_second: allowed_in_a_second(book.rate_per_s),
            most_outstanding: pace.most_outstanding.max(most_at_once(&book.held_ms)),
            capacity: pace.capacity,
            inversions: inversions(admitted, pace.presence_ms),
        }
    }
}

/// Most of the ascending moments that lie within 1,000 ms.
fn most_in_a_second(ascending_ms: &[i64]) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, &at) in ascending_ms.iter().enumerate() {
        while ascending_ms[first] <= at - 1_000 {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most as u64
}

/// A second's worth of the rate on top of a full bucket, which holds one second's worth and at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is at most a million"
)]
fn allowed_in_a_second(rate_per_s: f64) -> u64 {
    (rate_per_s + rate_per_s.max(1.0)).ceil() as u64
}

/// Most of these spans that hold one moment.
fn most_at_once(spans_ms: &[(i64, i64)]) -> u64 {
    let begins = spans_ms.iter().map(|(from, _)| (*from, 1));
    // Whoever ends in the millisecond in which another begins has ended.
    let ends = spans_ms.iter().map(|(_, to)| (*to, -1));
    let mut steps: Vec<(i64, i64)> = begins.chain(ends).collect();
    steps.sort_unstable();
    let (mut held, mut most) = (0, 0);
    for (_, step) in steps {
        held += step;
        most = most.max(held);
    }
    u64::try_from(most).unwrap_or(0)
}

/// How many of those who were let in were overtaken: somebody behind them was let in a second or more before them, while they
/// had been connected for long enough to count as there.
fn inversions(admitted: &[Admitted], presence_ms: i64) -> u64 {
    let mut from_behind: Vec<&Admitted> = admitted.iter().collect();
    from_behind.sort_unstable_by_key(|one| std::cmp::Reverse(one.seq));
    let mut behind = BTreeSet::new();
    let mut overtaken = 0;
    for one in from_behind {
        let there_s = (one.since_ms + presence_ms + SKEW_MS) / 1_000 + 1;
        let first_behind = there_s < one.at_s && behind.range(there_s..one.at_s).next().is_some();
        overtaken += u64::from(first_behind);
        behind.insert(one.at_s);
    }
    overtaken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_thousand_milliseconds_wherever_it_begins() {
        assert_eq!(most_in_a_second(&[]), 0);
        assert_eq!(most_in_a_second(&[0, 999, 1_000]), 2);
        assert_eq!(most_in_a_second(&[0, 900, 1_800, 1_899, 1_900]), 3);
    }

    #[test]
    fn a_full_bucket_and_a_second_of_the_rate_may_pass() {
        assert_eq!(allowed_in_a_second(500.0), 1_000);
        assert_eq!(allowed_in_a_second(0.5), 2);
        assert_eq!(allowed_in_a_second(2.5), 5);
    }

    #[test]
    fn as_many_are_out_as_are_held_at_one_moment() {
        assert_eq!(most_at_once(&[]), 0);
        assert_eq!(most_at_once(&[(0, 5), (5, 9), (1, 2), (2, 3)]), 2);
        assert_eq!(most_at_once(&[(0, 9), (1, 8), (2, 7)]), 3);
    }

    #[test]
    fn whoever_was_there_and_came_after_somebody_behind_them_was_overtaken() {
        let one = |seq, at_s, since_s: i64| Admitted {
            seq,
            at_s,
            ends_ms: 0,
            since_ms: since_s * 1_000,
            heard_ms: 0,
        };
        let inversions = |admitted: &[Admitted]| inversions(admitted, 20_000);
        assert_eq!(
            inversions(&[one(1, 100, 0), one(2, 100, 0), one(3, 101, 0)]),
            0
        );
        assert_eq!(inversions(&[one(1, 101, 0), one(2, 100, 0)]), 1);
        assert_eq!(
            inversions(&[one(1, 105, 0), one(2, 105, 0), one(3, 104, 0)]),
            2
        );
        assert_eq!(
            inversions(&[one(1, 101, 90), one(2, 100, 0)]),
            0,
            "away until then"
        );
    }
}
