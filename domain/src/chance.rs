//! "Will I get one?": whether the coupons left outlast those before a person, told from how many took theirs so far. The formula is in
//! `docs/architecture.md`.

use serde::{Deserialize, Serialize};

/// Before anything is seen it counts as if so many people had had their turn,
const BELIEVED: f64 = 5.0;
/// of whom so many took their coupon.
const BELIEVED_TOOK: f64 = 4.0;
/// What was seen counts as at most so many people: who comes later may be of another kind.
const MOST_SEEN: f64 = 400.0;
/// So many standard deviations of what may be wanted have to lie on one side of what is left.
const ENOUGH: f64 = 2.0;
/// The same where that was shown already: what is shown does not dance.
const STAYS: f64 = 1.5;

/// Whether somebody who waits will get a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chance {
    /// There should be one left.
    Likely,
    /// It depends on how many of those before them take theirs.
    Uncertain,
    /// More of those before them than is to be expected would have to go without.
    Unlikely,
}

impl Chance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Likely, Self::Uncertain, Self::Unlikely];

    /// The name, as in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Uncertain => "uncertain",
            Self::Unlikely => "unlikely",
        }
    }
}

/// What a chance is told from: an event's coupons, and what became of those whose turn came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// People whose turn came and is over: they took a coupon, or went without.
    pub turned: u64,
    /// Those of them who took a coupon.
    pub redeemed: u64,
    /// People with a ticket that is still good.
    pub outstanding: u64,
    /// Coupons not yet issued.
    pub remaining: u64,
}

impl Prospect {
    /// The chance of somebody before whom `ahead` people wait, when `shown` is what they were shown last.
    #[must_use]
    pub fn chance(&self, ahead: u64, shown: Option<Chance>) -> Chance {
        let before = ahead.saturating_add(self.outstanding);
        if self.remaining == 0 {
            return Chance::Unlikely;
        }
        if before < self.remaining {
            // Even when everyone takes one.
            return Chance::Likely;
        }
        let (wanted, deviation) = self.wanted(as_float(before));
        let margin = |chance| {
            let enough = if shown == Some(chance) { STAYS } else { ENOUGH };
            enough * deviation
        };
        let remaining = as_float(self.remaining);
        if wanted + margin(Chance::Likely) < remaining {
            Chance::Likely
        } else if wanted - margin(Chance::Unlikely) >= remaining {
            Chance::Unlikely
        } else {
            Chance::Uncertain
        }
    }

    /// How many coupons so many people are expected to take, and the standard deviation of that: a beta-binomial prediction.
    fn wanted(&self, people: f64) -> (f64, f64) {
        let turned = as_float(self.turned.max(self.redeemed));
        let weight = if turned > MOST_SEEN {
            MOST_SEEN / turned
        } else {
            1.0
        };
        let seen = turned * weight + BELIEVED;
        let share = (as_float(self.redeemed) * weight + BELIEVED_TOOK) / seen;
        let variance = people * share * (1.0 - share) * (people + seen) / (seen + 1.0);
        (people * share, variance.sqrt())
    }
}

/// A count as a float: exact up to 2^53, far above any line.
#[expect(
    clippy::cast_precision_loss,
    reason = "a line is far shorter than 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prospect(turned: u64, redeemed: u64, outstanding: u64, remaining: u64) -> Prospect {
        Prospect {
            turned,
            redeemed,
            outstanding,
            remaining,
        }
    }

    #[test]
    fn whoever_has_fewer_before_them_than_coupons_are_left_is_likely_to_get_one() {
        assert_eq!(prospect(0, 0, 200, 1_000).chance(799, None), Chance::Likely);
        assert_ne!(
            prospect(0, 0, 200, 1_000).chance(800, None),
            Chance::Likely,
            "nothing says that anybody goes without"
        );
    }

    #[test]
    fn the_share_that_took_theirs_moves_the_border() {
        // Of a hundred coupons: how many may stand before a person who is likely to get one, and who is not unlikely to?
        let borders = |turned, redeemed| {
            let asked = prospect(turned, redeemed, 0, 100);
            let most = |wanted: &dyn Fn(Chance) -> bool| {
                let those = (0..2_000).filter(|&ahead| wanted(asked.chance(ahead, None)));
                those.max().unwrap()
            };
            (
                most(&|chance| chance == Chance::Likely),
                most(&|chance| chance != Chance::Unlikely),
            )
        };
        assert_eq!(borders(0, 0), (99, 212));
        let all_take = borders(1_000, 1_000);
        assert!(all_take.0 <= 102 && all_take.1 <= 104, "{all_take:?}");
        let half_take = borders(1_000, 500);
        assert!((160..195).contains(&half_take.0), "{half_take:?}");
        assert!((205..245).contains(&half_take.1), "{half_take:?}");
    }

    #[test]
    fn without_coupons_nobody_is_likely_to_get_one_and_a_name_is_as_in_the_api() {
        assert_eq!(prospect(9, 9, 0, 0).chance(0, None), Chance::Unlikely);
        for chance in Chance::ALL {
            assert_eq!(
                serde_json::to_value(chance).unwrap(),
                serde_json::json!(chance.as_str())
            );
        }
    }

    /// Good and bad luck: the greater the better.
    fn luck(chance: Chance) -> u8 {
        match chance {
            Chance::Likely => 2,
            Chance::Uncertain => 1,
            Chance::Unlikely => 0,
        }
    }

    fn any_shown() -> impl Strategy<Value = Option<Chance>> {
        prop::option::of(prop::sample::select(Chance::ALL.to_vec()))
    }

    proptest! {
        #[test]
        fn fewer_before_you_and_more_left_never_make_it_worse(
            turned in 0u64..5_000, part in 0.0..=1.0f64, out in 0u64..500, remaining in 0u64..5_000,
            ahead in 0u64..10_000, fewer in 0u64..500, more in 0u64..500, shown in any_shown(),
        ) {
            let redeemed = (0..=turned).rev().find(|&n| as_float(n) <= as_float(turned) * part).unwrap();
            let now = prospect(turned, redeemed, out, remaining);
            let nearer = now.chance(ahead.saturating_sub(fewer), shown);
            let richer = Prospect { remaining: remaining + more, ..now }.chance(ahead, shown);
            let as_is = luck(now.chance(ahead, shown));
            prop_assert!(luck(nearer) >= as_is && luck(richer) >= as_is);
        }

        #[test]
        fn what_is_shown_stays_unless_it_is_belied(
            turned in 0u64..5_000, went_without in 0u64..5_000, remaining in 1u64..2_000, ahead in 0u64..5_000,
        ) {
            let now = prospect(turned, turned.saturating_sub(went_without), 0, remaining);
            let fresh = now.chance(ahead, None);
            prop_assert_eq!(now.chance(ahead, Some(fresh)), fresh);
        }

        #[test]
        fn what_is_wanted_in_the_end_lies_where_it_was_expected(
            took in 20u64..100, turned in 50u64..2_000, ahead in 0u64..3_000, remaining in 1u64..2_000, seed: u64,
        ) {
            let mut dice = seed;
            let mut takes = || {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % 100 < took
            };
            let redeemed = (0..turned).filter(|_| takes()).count() as u64;
            let wanted = (0..ahead).filter(|_| takes()).count() as u64;
            // Three times the margin that is shown, so that luck alone does not fail the test.
            let now = prospect(turned, redeemed, 0, remaining);
            let (expected, deviation) = now.wanted(as_float(ahead));
            prop_assert!(as_float(wanted) < expected + 6.0 * deviation + 6.0);
            prop_assert!(as_float(wanted) > expected - 6.0 * deviation - 6.0);
        }
    }
}
