//! A book: codes that were given, the rules they are handed out by, and the life of each coupon as one state machine. Lua
//! carries the same life out; a test holds the two together.

mod fact;
mod rules;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::Holder;

pub use fact::{BookFact, StepKind, Stepped};
pub use rules::{Book, BookPut, OnCancel, Rules};

/// Most codes that one assignment hands out.
pub const MOST_AT_ONCE: u32 = 100;
/// The longest lock, in seconds.
pub const LONGEST_LOCK_S: u64 = 3_600;
/// The largest metadata of a redemption, in bytes of JSON.
pub const MOST_METADATA: usize = 4 * 1_024;
/// The longest code, in characters.
pub const LONGEST_CODE: usize = 64;

/// Is this a code that a book may hold? Visible ASCII without spaces, so that it survives print, speech and spreadsheets.
#[must_use]
pub fn is_code(text: &str) -> bool {
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Where a coupon of a book stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CouponState {
    /// In the book, nobody's.
    Unassigned,
    /// Somebody's, to be used.
    Assigned,
    /// About to be used: only whoever locked it may, until the lock ends.
    Locked,
    /// Used as often as it may be.
    Redeemed,
    /// Over, used or not.
    Expired,
}

impl CouponState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Unassigned,
        Self::Assigned,
        Self::Locked,
        Self::Redeemed,
        Self::Expired,
    ];

    /// The state's name, as in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Assigned => "assigned",
            Self::Locked => "locked",
            Self::Redeemed => "redeemed",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for CouponState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a state is one of unassigned, assigned, locked, redeemed, expired")]
pub struct NotAState;

impl FromStr for CouponState {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(NotAState)
    }
}

/// A lock: whoever holds its token may redeem, nobody else, until it ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The secret.
    pub token: String,
    /// When it ends, by the store's clock.
    pub until: Millis,
}

impl Lock {
    /// A lock of `lock_s` seconds from `now` on.
    fn new(token: String, lock_s: u64, now: Millis) -> Self {
        let lasts_ms = i64::try_from(lock_s)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        Self {
            token,
            until: now.plus(lasts_ms),
        }
    }
}

/// A coupon that left the unassigned ones. Its state is told by [`Self::state`], for a lock and a book end by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Whose it is.
    pub holder: Holder,
    /// Since when.
    pub assigned_at: Millis,
    /// How often it was redeemed.
    pub redemptions: u32,
    /// Its last lock, ended or not.
    pub lock: Option<Lock>,
    /// Taken out of the book by the organiser, for good.
    pub is_cancelled: bool,
}

/// What may be done with an assigned coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Keep everybody else from redeeming it for a while.
    Lock {
        /// The new lock's secret.
        token: String,
        /// For how long.
        lock_s: u64,
    },
    /// End a lock before its time.
    Unlock {
        /// Its secret.
        token: String,
    },
    /// Use it.
    Redeem {
        /// The secret of the lock, if it is locked.
        token: Option<String>,
    },
    /// Take it from its holder.
    Cancel,
}

/// Why a step is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRefused {
    /// The coupon, or its book, is over.
    Expired,
    /// It is locked, and the token is not the lock's.
    Locked,
    /// Its holder has redeemed as often as one may.
    LimitReached,
    /// The life of a coupon has no such move.
    Move {
        /// Where it stands.
        from: CouponState,
        /// Where it was to go.
        to: CouponState,
    },
}

impl Coupon {
    /// Where it stands at `now`, by the rules of its book.
    #[must_use]
    pub fn state(&self, rules: &Rules, now: Millis) -> CouponState {
        let is_used_up = self.redemptions >= rules.redemptions_per_code;
        if self.is_cancelled || (!is_used_up && rules.are_over(now)) {
            CouponState::Expired
        } else if is_used_up {
            CouponState::Redeemed
        } else if self.live_lock(now).is_some() {
            CouponState::Locked
        } else {
            CouponState::Assigned
        }
    }

    /// The lock, if it has not ended.
    #[must_use]
    pub fn live_lock(&self, now: Millis) -> Option<&Lock> {
        self.lock.as_ref().filter(|lock| lock.until > now)
    }

    /// How often it may still be redeemed.
    #[must_use]
    pub fn remaining(&self, rules: &Rules) -> u32 {
        rules.redemptions_per_code.saturating_sub(self.redemptions)
    }

    /// The coupon after a step; `None` when it went back to the unassigned ones. `redeemed` is how often its holder redeemed
    /// coupons of the book.
    pub fn step(
        &self,
        rules: &Rules,
        step: &Step,
        redeemed: u32,
        now: Millis,
    ) -> Result<Option<Self>, StepRefused> {
        if self.is_cancelled || rules.are_over(now) {
            return Err(StepRefused::Expired);
        }
        let from = self.state(rules, now);
        let mut after = self.clone();
        match step {
            Step::Lock { token, lock_s } => {
                may_leave(from, CouponState::Locked)?;
                if from == CouponState::Locked {
                    return Err(StepRefused::Locked);
                }
                after.lock = Some(Lock::new(token.clone(), *lock_s, now));
            }
            Step::Unlock { token } => {
                may_leave(from, CouponState::Assigned)?;
                self.opened_by(Some(token), now)?;
                after.lock = None;
            }
            Step::Redeem { token } => {
                may_leave(from, CouponState::Redeemed)?;
                self.opened_by(token.as_ref(), now)?;
                let most = rules.max_redemptions_per_person;
                if most.is_some_and(|most| redeemed >= most) {
                    return Err(StepRefused::LimitReached);
                }
                after.redemptions += 1;
                after.lock = None;
            }
            Step::Cancel => match rules.on_cancel {
                OnCancel::Return => return Ok(None),
                OnCancel::Keep => {
                    after.is_cancelled = true;
                    after.lock = None;
                }
            },
        }
        Ok(Some(after))
    }

    /// A lock that lasts is opened by its own token alone; one that ended hinders nobody.
    fn opened_by(&self, token: Option<&String>, now: Millis) -> Result<(), StepRefused> {
        match self.live_lock(now) {
            Some(lock) if Some(&lock.token) != token => Err(StepRefused::Locked),
            _ => Ok(()),
        }
    }
}

/// A coupon that is used up goes nowhere.
fn may_leave(from: CouponState, to: CouponState) -> Result<(), StepRefused> {
    if from == CouponState::Redeemed {
        Err(StepRefused::Move { from, to })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Rules {
        let put: BookPut = serde_json::from_str(json).unwrap();
        Book::create("book".parse().unwrap(), put).unwrap().rules
    }

    fn coupon() -> Coupon {
        Coupon {
            holder: "me".parse().unwrap(),
            assigned_at: Millis(0),
            redemptions: 0,
            lock: None,
            is_cancelled: false,
        }
    }

    fn lock(token: &str) -> Step {
        Step::Lock {
            token: token.into(),
            lock_s: 10,
        }
    }

    fn redeem(token: Option<&str>) -> Step {
        Step::Redeem {
            token: token.map(Into::into),
        }
    }

    fn unlock(token: &str) -> Step {
        Step::Unlock {
            token: token.into(),
        }
    }

    #[test]
    fn a_lock_keeps_others_off_and_ends_by_itself() {
        let rules = rules(r#"{"title":"x"}"#);
        let step = |coupon: &Coupon, step, at| coupon.step(&rules, &step, 0, Millis(at));
        let locked = step(&coupon(), lock("a"), 1_000).unwrap().unwrap();
        assert_eq!(locked.state(&rules, Millis(10_999)), CouponState::Locked);
        for refused in [lock("b"), redeem(None), redeem(Some("b")), unlock("b")] {
            assert_eq!(step(&locked, refused, 10_999), Err(StepRefused::Locked));
        }
        assert_eq!(locked.state(&rules, Millis(11_000)), CouponState::Assigned);
        let by_another = step(&locked, lock("b"), 11_000).unwrap().unwrap();
        assert_eq!(by_another.lock.unwrap().token, "b");
        assert!(step(&locked, redeem(None), 11_000).is_ok());
        let open = step(&locked, unlock("a"), 2_000).unwrap().unwrap();
        assert_eq!(open.state(&rules, Millis(2_000)), CouponState::Assigned);
        let used = step(&locked, redeem(Some("a")), 2_000).unwrap().unwrap();
        assert_eq!(used.state(&rules, Millis(2_000)), CouponState::Redeemed);
    }

    #[test]
    fn a_code_of_many_uses_stays_assigned_until_its_last_and_a_person_has_a_limit_too() {
        let rules =
            rules(r#"{"title":"x","redemptions_per_code":2,"max_redemptions_per_person":3}"#);
        let used = |coupon: Coupon, before| coupon.step(&rules, &redeem(None), before, Millis(5));
        let once = used(coupon(), 0).unwrap().unwrap();
        assert_eq!(
            (once.state(&rules, Millis(5)), once.remaining(&rules)),
            (CouponState::Assigned, 1)
        );
        assert_eq!(used(once.clone(), 3), Err(StepRefused::LimitReached));
        let twice = used(once, 1).unwrap().unwrap();
        assert_eq!(twice.state(&rules, Millis(5)), CouponState::Redeemed);
        let (from, to) = (CouponState::Redeemed, CouponState::Redeemed);
        assert_eq!(used(twice.clone(), 2), Err(StepRefused::Move { from, to }));
        let to = CouponState::Locked;
        let locked = twice.step(&rules, &lock("a"), 2, Millis(5));
        assert_eq!(locked, Err(StepRefused::Move { from, to }));
    }

    #[test]
    fn what_is_over_is_over_before_anything_else() {
        let rules = rules(r#"{"title":"x","expires_at":"1970-01-01T00:00:10Z"}"#);
        let used = coupon()
            .step(&rules, &redeem(None), 0, Millis(9_999))
            .unwrap()
            .unwrap();
        for step in [lock("a"), unlock("a"), redeem(None), Step::Cancel] {
            for coupon in [&coupon(), &used] {
                let refused = coupon.step(&rules, &step, 0, Millis(10_000));
                assert_eq!(refused, Err(StepRefused::Expired), "{step:?}");
            }
        }
        assert_eq!(coupon().state(&rules, Millis(10_000)), CouponState::Expired);
        assert_eq!(
            used.state(&rules, Millis(10_000)),
            CouponState::Redeemed,
            "a used one stays used"
        );
    }

    #[test]
    fn a_cancelled_coupon_goes_back_or_is_over_as_the_organiser_chose() {
        let back = rules(r#"{"title":"x"}"#);
        assert_eq!(coupon().step(&back, &Step::Cancel, 0, Millis(0)), Ok(None));
        let keep = rules(r#"{"title":"x","on_cancel":"keep"}"#);
        let over = coupon()
            .step(&keep, &Step::Cancel, 0, Millis(0))
            .unwrap()
            .unwrap();
        assert_eq!(over.state(&keep, Millis(0)), CouponState::Expired);
        assert_eq!(
            over.step(&keep, &Step::Cancel, 0, Millis(0)),
            Err(StepRefused::Expired)
        );
    }

    #[test]
    fn codes_are_visible_ascii() {
        assert!(is_code("SUMMER-26") && is_code(&"x".repeat(64)));
        for bad in ["", "a b", "ä", "a\t", &"x".repeat(65)] {
            assert!(!is_code(bad), "{bad:?}");
        }
    }
}
