//! What is asked of books, and what becomes of it.

use domain::book::{Book, Coupon, CouponState};
use domain::event::AckLevel;
use domain::once::Once;
use domain::{Holder, Millis};

/// A book as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveBook {
    /// Its rules.
    pub book: Book,
    /// Raised by every change; a put names the version it was made from.
    pub version: u64,
    /// Does the event of its id issue its codes?
    pub for_event: bool,
}

/// What became of putting a book. The ordinal is its record's, `None` when nothing differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBook {
    /// The book is new.
    Created(u64),
    /// It was there and is now as put.
    Held(Option<u64>),
    /// Somebody else changed it since `version` was read: read again and merge again.
    Conflict,
}

/// Who wants which coupons of a book.
#[derive(Clone, Debug)]
pub struct Assign {
    /// Who does it, for the record.
    pub by: String,
    /// Who will have them.
    pub holder: Holder,
    /// How many; 1 when a code is wanted.
    pub count: u32,
    /// The code that is wanted; none takes any, at random.
    pub code: Option<String>,
    /// What keeps it from taking effect twice.
    pub once: Option<Once>,
}

/// What became of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// The holder has these codes now.
    Assigned {
        /// The codes.
        codes: Vec<String>,
        /// When, by the store's clock.
        at: Millis,
        /// The last of their records.
        ordinal: u64,
        /// How often each may be redeemed.
        uses: u32,
        /// The book's own ack level, if it has one.
        ack: Option<AckLevel>,
    },
    /// The wanted code is somebody's, or does not exist.
    NoSuchCoupon,
    /// The holder would have more than one may.
    LimitReached,
    /// So many are left: fewer than asked.
    NoneLeft(u64),
    /// The book is over.
    Expired,
    /// Something else was asked under the same idempotency key before.
    Mismatch,
    /// There is no such book.
    NoSuchBook,
}

/// A step in the life of a coupon that somebody has.
#[derive(Clone, Debug)]
pub struct StepAsked {
    /// Who does it, for the record.
    pub by: String,
    /// Which.
    pub code: String,
    /// Whose it must be; none for the organiser.
    pub holder: Option<Holder>,
    /// What is to be done.
    pub step: BookStep,
    /// What the caller gives with it, as JSON.
    pub metadata: Option<String>,
    /// What keeps it from taking effect twice.
    pub once: Option<Once>,
}

/// A step as the store is asked for it: [`domain::book::Step`], with what the book's rules fill in left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookStep {
    /// Lock it.
    Lock {
        /// The new lock's secret.
        token: String,
        /// For how long; none is as long as the book says.
        lock_s: Option<u64>,
    },
    /// End a lock.
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

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SteppedCoupon {
    /// It was made.
    Done {
        /// The coupon as it is now; none for one that went back to the free ones.
        coupon: Option<Coupon>,
        /// When, by the store's clock.
        at: Millis,
        /// Its record; none when nothing changed.
        ordinal: Option<u64>,
    },
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
    /// The coupon or its book is over.
    Expired,
    /// Something else was asked under the same idempotency key before.
    Mismatch,
    /// It does not exist, or is somebody else's.
    NoSuchCoupon,
    /// There is no such book.
    NoSuchBook,
}

impl BookStep {
    /// Its name, token and time as `step_coupon.lua` wants them.
    pub(super) fn told(&self) -> (&'static str, &str, Option<u64>) {
        match self {
            Self::Lock { token, lock_s } => ("lock", token, *lock_s),
            Self::Unlock { token } => ("unlock", token, None),
            Self::Redeem { token } => ("redeem", token.as_deref().unwrap_or("-"), None),
            Self::Cancel => ("cancel", "-", None),
        }
    }
}
