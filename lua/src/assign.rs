//! Coupons of books for those who ask: many requests share one script call, as claims do.

use domain::event::AckLevel;
use domain::once::Once;
use domain::{EventId, Millis};

use crate::batch::Batch;
use crate::books::{Assign, Assigned};
use crate::connect::{Store, StoreError};
use crate::door::Door;
use crate::keys::Keys;
use crate::script::{Call, parsed, script, tags};

script!(ASSIGN = "assign", "clock", "records", "book", "once");

/// What became of one of many; a full outbox turns away each by itself.
type Answer = Result<Assigned, StoreError>;

/// Assignments under way.
pub(crate) type AssignBatch = Batch<Assign, Answer>;

impl Store {
    /// Gives coupons of a book to somebody, as many as asked or none; a single coupon in one script call with those of others.
    /// On [`StoreError::Unknown`] they may have been given.
    pub async fn assign(&self, book: &EventId, asked: &Assign) -> Result<Assigned, StoreError> {
        let asked = asked.clone();
        if asked.count == 1 {
            return self.batches.assign.ask(book, asked).await?;
        }
        // Many coupons are a call of their own: a hundred times the work for one who asks is nobody else's to wait for.
        let answers = assign(self.door.clone(), book.clone(), vec![asked]).await?;
        let none = || StoreError::Unexpected("an assignment without an answer".to_owned());
        answers.into_iter().next().ok_or_else(none)?
    }
}

/// One call that makes many assignments.
pub(crate) async fn assign(
    door: Door,
    book: EventId,
    requests: Vec<Assign>,
) -> Result<Vec<Answer>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchBook = "no-such-book" });
    tags!(One {
        Assigned = "assigned",
        NoSuchCoupon = "no-such-coupon",
        LimitReached = "limit-reached",
        NoneLeft = "none-left",
        Expired = "coupon-expired",
        Mismatch = "once-mismatch",
        OutboxFull = "outbox-full",
    });
    let call = assign_call(&book, door.outbox_max(), &requests);
    let mut reply = call.run(&door).await?;
    let (uses, ack): (u32, String) = match reply.tag()? {
        Outcome::NoSuchBook => return Ok(vec![Ok(Assigned::NoSuchBook); requests.len()]),
        Outcome::Answers => (reply.take()?, reply.take()?),
    };
    let ack: Option<AckLevel> = (!ack.is_empty()).then(|| parsed(&ack)).transpose()?;
    reply.each_with(&requests, |_, mut answer| {
        Ok(Ok(match answer.tag()? {
            One::Assigned => Assigned::Assigned {
                ordinal: answer.take()?,
                at: Millis(answer.take()?),
                codes: answer.rest()?,
                uses,
                ack,
            },
            One::NoSuchCoupon => Assigned::NoSuchCoupon,
            One::LimitReached => Assigned::LimitReached,
            One::NoneLeft => Assigned::NoneLeft(answer.take()?),
            One::Expired => Assigned::Expired,
            One::Mismatch => Assigned::Mismatch,
            One::OutboxFull => return Ok(Err(StoreError::OutboxFull)),
        }))
    })
}

/// The call in the order of assign.lua's contract.
fn assign_call(book: &EventId, outbox_max: u64, requests: &[Assign]) -> Call<'static> {
    let keys = Keys::of(book);
    let mut all = vec![
        keys.event(),
        keys.counts(),
        keys.outbox(),
        keys.book(),
        keys.free(),
        keys.assigned(),
        keys.holders(),
    ];
    let once = requests.iter().map(|request| request.once.as_ref());
    all.extend(once.map(|once| keys.once(once.map_or("-", Once::name))));
    let mut call = ASSIGN.keys(all).arg(outbox_max);
    for request in requests {
        call = call
            .arg(request.by.as_str())
            .arg(request.holder.as_str())
            .arg(request.count)
            .arg(request.code.as_deref().unwrap_or_default())
            .arg(request.once.as_ref().map_or("", Once::digest));
    }
    call
}
