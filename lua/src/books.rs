//! Books: codes that were given, handed out and used, each step one script and one record.

mod stored;

use domain::book::{Book, Coupon, CouponState};
use domain::once::Once;
use domain::{EventId, Holder, Millis};

use crate::connect::{Store, StoreError};
use crate::keys::{EVENTS, Keys};
use crate::script::{script, tags};
use stored::{coupon, given};
pub(crate) use stored::{coupon_text, with_rules};

script!(BOOK = "book");
script!(PUT_BOOK = "put_book", "clock", "records", "book");
script!(once ASSIGN = "assign", "clock", "records", "book");
script!(once STEP_COUPON = "step_coupon", "clock", "records", "book");
script!(BOOK_COUPON = "book_coupon", "clock", "records", "book");

/// A book as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveBook {
    /// Its rules.
    pub book: Book,
    /// Raised by every change; a put names the version it was made from.
    pub version: u64,
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

impl Store {
    /// A book's rules, if there is such a book.
    pub async fn book(&self, book: &EventId) -> Result<Option<LiveBook>, StoreError> {
        tags!(Outcome { Book = "book", NoSuchBook = "no-such-book" });
        let mut reply = BOOK.keys([Keys::of(book).book()]).run(&self.door).await?;
        let (rules, version): (String, u64) = match reply.tag()? {
            Outcome::NoSuchBook => return Ok(None),
            Outcome::Book => (reply.take()?, reply.take()?),
        };
        let rules = serde_json::from_str(&rules);
        let rules = rules.map_err(|error| StoreError::Unexpected(error.to_string()))?;
        let book = Book {
            book: book.clone(),
            rules,
        };
        Ok(Some(LiveBook { book, version }))
    }

    /// Makes a book or changes its rules. `version` is the one that `book` was merged from, 0 for a new one.
    pub async fn put_book(&self, book: &Book, version: u64) -> Result<PutBook, StoreError> {
        tags!(Outcome { Created = "created", Held = "held", Conflict = "conflict" });
        if version == 0 {
            // Whoever moves outboxes on finds them in the list of events. Before the book itself, as with events.
            let _: u64 = redis::cmd("SADD")
                .arg(EVENTS)
                .arg(book.book.as_str())
                .query_async(&mut self.connection())
                .await?;
        }
        let keys = Keys::of(&book.book);
        let call = PUT_BOOK
            .keys([keys.event(), keys.counts(), keys.outbox(), keys.book()])
            .arg(version);
        let mut reply = with_rules(call, &book.rules)?.run(&self.door).await?;
        Ok(match reply.tag()? {
            Outcome::Created => PutBook::Created(reply.take()?),
            Outcome::Held => PutBook::Held(Some(reply.take()?).filter(|&ordinal| ordinal > 0)),
            Outcome::Conflict => PutBook::Conflict,
        })
    }

    /// Gives coupons of a book to somebody, as many as asked or none.
    pub async fn assign(&self, book: &EventId, asked: &Assign) -> Result<Assigned, StoreError> {
        tags!(Outcome {
            Assigned = "assigned",
            NoSuchCoupon = "no-such-coupon",
            LimitReached = "limit-reached",
            NoneLeft = "none-left",
            Expired = "coupon-expired",
            Mismatch = "once-mismatch",
            NoSuchBook = "no-such-book",
        });
        let keys = Keys::of(book);
        let mut reply = ASSIGN
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                keys.free(),
                keys.assigned(),
                keys.holders(),
            ])
            .arg(asked.by.as_str())
            .arg(asked.holder.as_str())
            .arg(asked.count)
            .arg(asked.code.as_deref().unwrap_or_default())
            .once(&keys, asked.once.as_ref())
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Assigned => Assigned::Assigned {
                ordinal: reply.take()?,
                at: Millis(reply.take()?),
                codes: reply.rest()?,
            },
            Outcome::NoSuchCoupon => Assigned::NoSuchCoupon,
            Outcome::LimitReached => Assigned::LimitReached,
            Outcome::NoneLeft => Assigned::NoneLeft(reply.take()?),
            Outcome::Expired => Assigned::Expired,
            Outcome::Mismatch => Assigned::Mismatch,
            Outcome::NoSuchBook => Assigned::NoSuchBook,
        })
    }

    /// Makes a step in the life of a coupon.
    pub async fn step_coupon(
        &self,
        book: &EventId,
        asked: &StepAsked,
    ) -> Result<SteppedCoupon, StoreError> {
        tags!(Outcome {
            Done = "done",
            Locked = "coupon-locked",
            LimitReached = "limit-reached",
            Move = "state-move",
            Expired = "coupon-expired",
            Mismatch = "once-mismatch",
            NoSuchCoupon = "no-such-coupon",
            NoSuchBook = "no-such-book",
        });
        let (step, token, lock_s) = asked.step.told();
        let keys = Keys::of(book);
        let mut reply = STEP_COUPON
            .keys(step_keys(&keys))
            .arg(asked.by.as_str())
            .arg(step)
            .arg(asked.code.as_str())
            .arg(asked.holder.as_ref().map_or("", Holder::as_str))
            .arg(token)
            .arg(given(lock_s.map(|lock_s| lock_s.saturating_mul(1_000))))
            .arg(asked.metadata.as_deref().unwrap_or_default())
            .once(&keys, asked.once.as_ref())
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Done => SteppedCoupon::Done {
                ordinal: Some(reply.take()?).filter(|&ordinal| ordinal > 0),
                at: Millis(reply.take()?),
                coupon: Some(reply.take::<String>()?)
                    .filter(|text| !text.is_empty())
                    .map(|text| coupon(&text))
                    .transpose()?,
            },
            Outcome::Locked => SteppedCoupon::Locked,
            Outcome::LimitReached => SteppedCoupon::LimitReached,
            Outcome::Move => SteppedCoupon::Move {
                from: reply.parse()?,
                to: reply.parse()?,
            },
            Outcome::Expired => SteppedCoupon::Expired,
            Outcome::Mismatch => SteppedCoupon::Mismatch,
            Outcome::NoSuchCoupon => SteppedCoupon::NoSuchCoupon,
            Outcome::NoSuchBook => SteppedCoupon::NoSuchBook,
        })
    }

    /// A coupon of a book for its holder, and the store's time; `None` for one that does not exist or is somebody else's.
    pub async fn book_coupon(
        &self,
        book: &EventId,
        code: &str,
        holder: &Holder,
    ) -> Result<Option<(Coupon, Millis)>, StoreError> {
        tags!(Outcome {
            Coupon = "coupon",
            NoSuchCoupon = "no-such-coupon",
            NoSuchBook = "no-such-book",
        });
        let keys = Keys::of(book);
        let mut reply = BOOK_COUPON
            .keys([keys.book(), keys.assigned()])
            .arg(code)
            .arg(holder.as_str())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Coupon => {
                let at = Millis(reply.take()?);
                Ok(Some((coupon(&reply.take::<String>()?)?, at)))
            }
            Outcome::NoSuchCoupon | Outcome::NoSuchBook => Ok(None),
        }
    }
}

impl BookStep {
    /// Its name, token and time as `step_coupon.lua` wants them.
    fn told(&self) -> (&'static str, &str, Option<u64>) {
        match self {
            Self::Lock { token, lock_s } => ("lock", token, *lock_s),
            Self::Unlock { token } => ("unlock", token, None),
            Self::Redeem { token } => ("redeem", token.as_deref().unwrap_or("-"), None),
            Self::Cancel => ("cancel", "-", None),
        }
    }
}

/// The keys in the order of `step_coupon.lua`'s contract.
fn step_keys(keys: &Keys<'_>) -> [String; 8] {
    [
        keys.event(),
        keys.counts(),
        keys.outbox(),
        keys.book(),
        keys.free(),
        keys.assigned(),
        keys.holders(),
        keys.redeemers(),
    ]
}
