//! How a coupon of a book stands at a station, and when two standings are the same.

use domain::Millis;
use domain::book::{BookFact, Coupon, CouponState, Rules, StepKind};
use domain::record::{Fact, Record};
use ledger::{BookCoupon, BookRow};
use serde::Serialize;

/// How a coupon of a book stands at one station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeStanding {
    /// Its state, as a record would tell it.
    pub state: CouponState,
    /// Whose it is.
    pub holder: Option<String>,
    /// Since when.
    pub assigned_at: Option<Millis>,
    /// When its last lock ends, or ended.
    pub locked_until: Option<Millis>,
    /// How often it was redeemed.
    pub redemptions: u32,
}

impl CodeStanding {
    /// A code that nobody has.
    pub(super) const FREE: Self = Self {
        state: CouponState::Unassigned,
        holder: None,
        assigned_at: None,
        locked_until: None,
        redemptions: 0,
    };

    /// After a record told this of it.
    pub(super) fn after(before: Option<Self>, told: Told) -> Self {
        let Told::Stepped(mut standing) = told else {
            return Self::FREE;
        };
        if standing.state == CouponState::Unassigned {
            return Self {
                redemptions: standing.redemptions,
                ..Self::FREE
            };
        }
        // When it was assigned is told by that step alone.
        if standing.assigned_at.is_none() {
            standing.assigned_at = before.and_then(|before| before.assigned_at);
        }
        standing
    }

    /// The same as a row of the ledger.
    pub(in crate::reconcile) fn row(self, code: &str) -> BookCoupon {
        BookCoupon {
            code: code.to_owned(),
            state: self.state,
            holder: self.holder,
            assigned_at: self.assigned_at,
            locked_until: self.locked_until,
            redemptions: self.redemptions,
        }
    }
}

impl From<&BookCoupon> for CodeStanding {
    fn from(row: &BookCoupon) -> Self {
        Self {
            state: row.state,
            holder: row.holder.clone(),
            assigned_at: row.assigned_at,
            locked_until: row.locked_until,
            redemptions: row.redemptions,
        }
    }
}

/// What a record tells of one code.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// It came.
    Added,
    /// It made a step, and stands like this; `assigned_at` only where the step assigned it.
    Stepped(CodeStanding),
}

/// Gives each code that a record tells of, with what it tells.
pub(super) fn each_told(record: &Record, mut each: impl FnMut(&str, Told)) {
    let Fact::Book(fact) = &record.fact else {
        return;
    };
    match &**fact {
        BookFact::Changed(_) => {}
        BookFact::CodesAdded(codes) => codes.iter().for_each(|code| each(code, Told::Added)),
        BookFact::Stepped(stepped) => {
            let standing = CodeStanding {
                state: stepped.to,
                holder: Some(stepped.holder.to_string()),
                assigned_at: (stepped.step == StepKind::Assigned).then_some(record.time),
                locked_until: stepped.locked_until,
                redemptions: stepped.redemptions,
            };
            each(&stepped.code, Told::Stepped(standing));
        }
    }
}

/// What standings are measured by: what is the same and only told in other words is no difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// A lock that ended by then is none.
    pub(super) now: Millis,
    /// How often a code may be redeemed.
    pub(super) uses: u32,
    /// Records before this one named the states by other rules.
    pub(super) ruled_since: u64,
    /// Redis may have been put back from the records up to this one, without the locks that they tell of.
    pub(super) unlocked_to: u64,
}

impl Measure {
    /// By the rules of Redis and those of the ledger, with the ordinal of the record that told of those.
    pub(super) fn of(
        now: Millis,
        unlocked_to: u64,
        redis: Option<&Rules>,
        ledger: Option<(&Rules, u64)>,
    ) -> Self {
        let ruled_since = match (redis, ledger) {
            (Some(redis), Some((ledger, ordinal))) if redis == ledger => ordinal,
            // Other rules are on their way.
            _ => u64::MAX,
        };
        let rules = redis.or(ledger.map(|(rules, _)| rules));
        Self {
            now,
            uses: rules.map_or(1, |rules| rules.redemptions_per_code),
            ruled_since,
            unlocked_to,
        }
    }

    /// A coupon of Redis, none for a code that is free.
    pub(super) fn coupon(&self, coupon: Option<&Coupon>) -> CodeStanding {
        let Some(coupon) = coupon else {
            return CodeStanding::FREE;
        };
        let locked_until = coupon.lock.as_ref().map(|lock| lock.until);
        CodeStanding {
            state: if coupon.is_cancelled {
                CouponState::Expired
            } else {
                self.state(coupon.redemptions, locked_until)
            },
            holder: Some(coupon.holder.to_string()),
            assigned_at: Some(coupon.assigned_at),
            locked_until,
            redemptions: coupon.redemptions,
        }
    }

    fn state(&self, redemptions: u32, locked_until: Option<Millis>) -> CouponState {
        if redemptions >= self.uses {
            CouponState::Redeemed
        } else if locked_until.is_some() {
            CouponState::Locked
        } else {
            CouponState::Assigned
        }
    }

    /// What counts of a standing in Redis.
    pub(super) fn in_redis(&self, standing: &CodeStanding) -> CodeStanding {
        self.measured(standing, true)
    }

    /// What counts of a row.
    pub(super) fn row(&self, row: &BookRow) -> CodeStanding {
        self.told(&CodeStanding::from(&row.coupon), row.ordinal)
    }

    /// What counts of a standing that the record with this ordinal told of.
    pub(super) fn told(&self, standing: &CodeStanding, ordinal: u64) -> CodeStanding {
        self.measured(standing, ordinal < self.ruled_since)
    }

    fn measured(&self, standing: &CodeStanding, by_rules: bool) -> CodeStanding {
        let locked_until = standing.locked_until.filter(|until| *until > self.now);
        let state = match standing.state {
            CouponState::Unassigned | CouponState::Expired => standing.state,
            _ if by_rules => self.state(standing.redemptions, locked_until),
            CouponState::Locked if locked_until.is_none() => CouponState::Assigned,
            told => told,
        };
        CodeStanding {
            state,
            locked_until,
            ..standing.clone()
        }
    }

    /// Is what Redis holds what the record with this ordinal told of?
    pub(super) fn agrees(&self, redis: &CodeStanding, told: &CodeStanding, ordinal: u64) -> bool {
        let (redis, mut told) = (self.in_redis(redis), self.told(told, ordinal));
        if ordinal <= self.unlocked_to && redis.locked_until.is_none() {
            told.locked_until = None;
            if told.state == CouponState::Locked {
                told.state = CouponState::Assigned;
            }
        }
        redis == told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Measure = Measure {
        now: Millis(1_000),
        uses: 2,
        ruled_since: 10,
        unlocked_to: 15,
    };

    fn held(state: CouponState, redemptions: u32, locked_until: Option<i64>) -> CodeStanding {
        CodeStanding {
            state,
            holder: Some("me".to_owned()),
            assigned_at: Some(Millis(5)),
            locked_until: locked_until.map(Millis),
            redemptions,
        }
    }

    #[test]
    fn what_is_only_told_in_other_words_is_no_difference() {
        use CouponState::{Assigned, Expired, Locked, Redeemed};
        let agrees =
            |redis: (CouponState, u32, Option<i64>), told: (CouponState, u32, Option<i64>), at| {
                let redis = held(redis.0, redis.1, redis.2);
                MEASURE.agrees(&redis, &held(told.0, told.1, told.2), at)
            };
        let live = Some(1_001);
        assert!(agrees((Locked, 0, live), (Locked, 0, live), 20));
        assert!(!agrees((Locked, 0, live), (Locked, 0, Some(1_002)), 20));
        assert!(
            agrees((Assigned, 0, None), (Locked, 0, Some(1_000)), 20),
            "it ended"
        );
        assert!(!agrees((Assigned, 0, None), (Locked, 0, live), 20));
        assert!(
            agrees((Assigned, 0, None), (Locked, 0, live), 15),
            "Redis was put back"
        );
        assert!(
            agrees((Locked, 0, live), (Locked, 0, live), 15),
            "or it was not"
        );
        assert!(!agrees((Assigned, 1, None), (Redeemed, 1, None), 20));
        assert!(
            agrees((Assigned, 1, None), (Redeemed, 1, None), 9),
            "by other rules"
        );
        assert!(!agrees((Assigned, 1, None), (Redeemed, 2, None), 9));
        assert!(!agrees((Assigned, 1, None), (Expired, 1, None), 9));
    }
}
