//! Books: codes that were given, handed out and used, each step one script and one record.

mod asked;
mod look;
mod stored;

use domain::book::{Book, Coupon};
use domain::{EventId, Holder, Millis};

use crate::connect::{Store, StoreError};
use crate::events::given;
use crate::keys::{EVENTS, Keys};
use crate::script::{Reply, script, tags};
pub use asked::{Assign, Assigned, BookStep, LiveBook, PutBook, StepAsked, SteppedCoupon};
pub use look::{BookLook, BookScan, LookedCode};
use stored::coupon;
pub(crate) use stored::{coupon_text, with_rules};

script!(BOOK = "book");
script!(PUT_BOOK = "put_book", "clock", "records", "book");
script!(once STEP_COUPON = "step_coupon", "clock", "records", "book");
script!(LOOK_AT_CODES = "look_at_codes");
script!(BOOK_COUPON = "book_coupon", "clock", "records", "book");

impl Store {
    /// A book's rules, if there is such a book.
    pub async fn book(&self, book: &EventId) -> Result<Option<LiveBook>, StoreError> {
        tags!(Outcome { Book = "book", NoSuchBook = "no-such-book" });
        let keys = Keys::of(book);
        let mut reply = BOOK
            .keys([keys.book(), keys.event()])
            .run(&self.door)
            .await?;
        let (rules, version, for_event): (String, u64, bool) = match reply.tag()? {
            Outcome::NoSuchBook => return Ok(None),
            Outcome::Book => (reply.take()?, reply.take()?, reply.take()?),
        };
        let rules = serde_json::from_str(&rules);
        let rules = rules.map_err(|error| StoreError::Unexpected(error.to_string()))?;
        let book = Book {
            book: book.clone(),
            rules,
        };
        Ok(Some(LiveBook {
            book,
            version,
            for_event,
        }))
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
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                keys.moves(),
            ])
            .arg(version);
        let mut reply = with_rules(call, &book.rules)?.run(&self.door).await?;
        Ok(match reply.tag()? {
            Outcome::Created => PutBook::Created(reply.take()?),
            Outcome::Held => PutBook::Held(Some(reply.take()?).filter(|&ordinal| ordinal > 0)),
            Outcome::Conflict => PutBook::Conflict,
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
            .arg(self.door.outbox_max())
            .once(&keys, asked.once.as_ref())
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Done => stepped(&mut reply)?,
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

/// What a step that was made answers: its ordinal when it made a record, and the coupon after it when the step shows one.
fn stepped(reply: &mut Reply) -> Result<SteppedCoupon, StoreError> {
    Ok(SteppedCoupon::Done {
        ordinal: Some(reply.take()?).filter(|&ordinal| ordinal > 0),
        at: Millis(reply.take()?),
        coupon: Some(reply.take::<String>()?)
            .filter(|text| !text.is_empty())
            .map(|text| coupon(&text))
            .transpose()?,
    })
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
