//! Issuing: one script spends the ticket, takes the coupon, writes the record. Gathered into batches.

use domain::coupon::Issue;
use domain::ticket::LEEWAY_S;
use domain::{EventId, Holder, Millis, PlaceId};

use crate::batch::Batch;
use crate::connect::{Store, StoreError};
use crate::door::Door;
use crate::keys::Keys;
use crate::places::issue;
use crate::script::{Call, parsed, script, tags};

script!(
    REDEEM = "redeem",
    "clock",
    "moves",
    "records",
    "pace",
    "event",
    "book"
);

/// How many issues one step of a scan looks at.
const SCANNED_AT_ONCE: usize = 1_000;

/// A ticket to be exchanged for a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// The place that the ticket names.
    pub place: PlaceId,
    /// Who will hold the coupon.
    pub holder: Holder,
    /// The ticket's id, as [`domain::place::AdmittedPlace::jti`] makes it: only the ticket of the present admission counts.
    pub jti: String,
    /// From when the ticket may be used (judged by the store's clock with `domain::ticket::LEEWAY_S`).
    pub begins_at: Millis,
    /// Until when.
    pub ends_at: Millis,
    /// The code to use if a coupon is made for this; an event of given codes issues one of those instead.
    pub code: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// A coupon was issued now.
    Pass(Issue),
    /// The same ticket and holder again: the coupon issued then.
    Replayed(Issue),
    /// The holder has a coupon by another ticket.
    AlreadyIssued,
    /// The event issues given codes, and the holder has as many of the book as one may.
    LimitReached,
    /// No coupon is left.
    SoldOut,
    /// The ticket's time is over, or its place left the line.
    Expired,
    /// The ticket's time has not begun.
    NotYetValid,
    /// The event does not redeem in its phase any more.
    EventClosed,
    /// There is no such event.
    NoSuchEvent,
    /// The drawn code is taken: draw another and ask again. Nothing happened.
    CodeTaken,
    /// As many records wait for the log as may ([`Settings::outbox_max`]). Nothing happened: ask again later.
    ///
    /// [`Settings::outbox_max`]: crate::Settings::outbox_max
    OutboxFull,
}

/// Redeems under way.
pub(crate) type RedeemBatch = Batch<Redeem, Redeemed>;

/// One call that redeems many.
pub(crate) async fn redeem(
    door: Door,
    event: EventId,
    requests: Vec<Redeem>,
) -> Result<Vec<Redeemed>, StoreError> {
    tags!(Outcome { Answers = "answers", NoSuchEvent = "no-such-event" });
    tags!(Answer {
        Pass = "pass",
        Replayed = "replayed",
        AlreadyIssued = "already-issued",
        LimitReached = "limit-reached",
        SoldOut = "sold-out",
        Expired = "expired",
        NotYetValid = "not-yet-valid",
        EventClosed = "event-closed",
        CodeTaken = "code-taken",
        OutboxFull = "outbox-full",
    });
    let call = redeem_call(&event, door.outbox_max(), &requests);
    let mut reply = call.run(&door).await?;
    mishaps::cross("redeem.answered")?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![Redeemed::NoSuchEvent; requests.len()]),
        Outcome::Answers => reply.each_with(&requests, |request, mut answer| {
            let holder = request.holder.clone();
            Ok(match answer.tag()? {
                Answer::Pass => Redeemed::Pass(issue(&event, holder, &answer.take::<String>()?)?),
                Answer::Replayed => {
                    Redeemed::Replayed(issue(&event, holder, &answer.take::<String>()?)?)
                }
                Answer::AlreadyIssued => Redeemed::AlreadyIssued,
                Answer::LimitReached => Redeemed::LimitReached,
                Answer::SoldOut => Redeemed::SoldOut,
                Answer::Expired => Redeemed::Expired,
                Answer::NotYetValid => Redeemed::NotYetValid,
                Answer::EventClosed => Redeemed::EventClosed,
                Answer::CodeTaken => Redeemed::CodeTaken,
                Answer::OutboxFull => Redeemed::OutboxFull,
            })
        }),
    }
}

/// The call in the order of redeem.lua's contract.
fn redeem_call(event: &EventId, outbox_max: u64, requests: &[Redeem]) -> Call<'static> {
    let mut call = REDEEM
        .keys(redeem_keys(&Keys::of(event)))
        .arg(LEEWAY_S * 1_000)
        .arg(outbox_max);
    for request in requests {
        call = call
            .arg(request.place.as_str())
            .arg(request.holder.as_str())
            .arg(request.jti.as_str())
            .arg(request.begins_at.0)
            .arg(request.ends_at.0)
            .arg(request.code.as_str());
    }
    call
}

/// The keys in the order of redeem.lua's contract.
fn redeem_keys(keys: &Keys<'_>) -> [String; 20] {
    [
        keys.event(),
        keys.counts(),
        keys.stock(),
        keys.places(),
        keys.seq(),
        keys.admitted(),
        keys.tickets(),
        keys.outstanding(),
        keys.unminted(),
        keys.moves(),
        keys.pace(),
        keys.outbox(),
        keys.audit(),
        keys.participants(),
        keys.issued(),
        keys.coupons(),
        keys.book(),
        keys.free(),
        keys.assigned(),
        keys.holders(),
    ]
}

/// Walks over all coupons issued in an event, for reconciliation.
pub struct IssuedScan {
    connection: Door,
    event: EventId,
    /// Where to go on; `None` at the end.
    cursor: Option<u64>,
}

impl Store {
    /// Exchanges a ticket for a coupon; gathered with other redeems of the event into one script call. On
    /// [`StoreError::Unknown`] the coupon may have been issued: asking again with the same ticket tells.
    pub async fn redeem(&self, event: &EventId, redeem: Redeem) -> Result<Redeemed, StoreError> {
        self.batches.redeem.ask(event, redeem).await
    }

    /// Begins a walk over all issues of an event.
    #[must_use]
    pub fn issued(&self, event: &EventId) -> IssuedScan {
        IssuedScan {
            connection: self.connection(),
            event: event.clone(),
            cursor: Some(0),
        }
    }
}

impl IssuedScan {
    /// The next issues (some may come twice), or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Issue>>, StoreError> {
        let Some(cursor) = self.cursor else {
            return Ok(None);
        };
        let (cursor, held): (u64, Vec<(String, String)>) = redis::cmd("HSCAN")
            .arg(Keys::of(&self.event).issued())
            .arg(cursor)
            .arg("COUNT")
            .arg(SCANNED_AT_ONCE)
            .query_async(&mut self.connection)
            .await?;
        self.cursor = (cursor != 0).then_some(cursor);
        held.iter()
            .map(|(holder, stored)| issue(&self.event, parsed(holder)?, stored))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
