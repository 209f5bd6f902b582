//! Direct events: coupons that are claimed without a line. Claims are gathered into batches as redeems are.

use domain::coupon::Issue;
use domain::{EventId, Holder, Phase};

use crate::batch::Batch;
use crate::connect::{Store, StoreError};
use crate::door::Door;
use crate::keys::Keys;
use crate::places::issue;
use crate::script::{parsed, script, tags};

script!(CLAIM = "claim", "clock", "moves", "records", "book");
script!(COUPON = "coupon");

/// How many holders one step of a walk over the claims names.
const NAMED_AT_ONCE: u64 = 1_000;

/// A coupon that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who will hold it.
    pub holder: Holder,
    /// The code to use if a coupon is made for this; an event of given codes issues one of those instead.
    pub code: String,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// A coupon was issued now.
    Claimed {
        /// The coupon.
        issue: Issue,
        /// Coupons left after it.
        remaining: u64,
    },
    /// The holder has a coupon: the one issued then.
    AlreadyClaimed(Issue),
    /// The event issues given codes, and the holder has as many of the book as one may.
    LimitReached,
    /// No coupon is left.
    SoldOut,
    /// The event is in this phase, and only an open one gives coupons to claim.
    NotOpen(Phase),
    /// The event has a line: its coupons want a ticket.
    HasALine,
    /// There is no such event.
    NoSuchEvent,
    /// The drawn code is taken: draw another and ask again. Nothing happened.
    CodeTaken,
    /// As many records wait for the log as may. Nothing happened: ask again later.
    OutboxFull,
}

/// A direct event as those who claim see it; its figures are of one moment.
pub struct DirectEvent {
    /// Where it stands in its life.
    pub phase: Phase,
    /// All coupons it ever had.
    pub total: u64,
    /// Those not yet claimed.
    pub remaining: u64,
    /// How many claims there are.
    pub claimed: u64,
    /// Their holders, in order of claim.
    pub claims: Claims,
}

/// Walks over the claims that there were when it was made, in order of claim.
pub struct Claims {
    connection: Door,
    event: EventId,
    /// Read and not yet handed over.
    named: Vec<String>,
    next: u64,
    end: u64,
}

/// Claims under way.
pub(crate) type ClaimBatch = Batch<Claim, Claimed>;

/// One call that makes many claims.
pub(crate) async fn claim(
    door: Door,
    event: EventId,
    requests: Vec<Claim>,
) -> Result<Vec<Claimed>, StoreError> {
    tags!(Outcome {
        Answers = "answers",
        NoSuchEvent = "no-such-event",
        HasALine = "has-a-line",
    });
    tags!(Answer {
        Claimed = "claimed",
        AlreadyClaimed = "already-claimed",
        LimitReached = "limit-reached",
        NotOpen = "not-open",
        SoldOut = "sold-out",
        CodeTaken = "code-taken",
        OutboxFull = "outbox-full",
    });
    let mut call = CLAIM
        .keys(claim_keys(&Keys::of(&event)))
        .arg(door.outbox_max());
    for request in &requests {
        call = call.arg(request.holder.as_str()).arg(request.code.as_str());
    }
    let mut reply = call.run(&door).await?;
    match reply.tag()? {
        Outcome::NoSuchEvent => Ok(vec![Claimed::NoSuchEvent; requests.len()]),
        Outcome::HasALine => Ok(vec![Claimed::HasALine; requests.len()]),
        Outcome::Answers => reply.each_with(&requests, |request, mut answer| {
            let holder = request.holder.clone();
            Ok(match answer.tag()? {
                Answer::Claimed => Claimed::Claimed {
                    issue: issue(&event, holder, &answer.take::<String>()?)?,
                    remaining: answer.take()?,
                },
                Answer::AlreadyClaimed => {
                    Claimed::AlreadyClaimed(issue(&event, holder, &answer.take::<String>()?)?)
                }
                Answer::LimitReached => Claimed::LimitReached,
                Answer::NotOpen => Claimed::NotOpen(answer.parse()?),
                Answer::SoldOut => Claimed::SoldOut,
                Answer::CodeTaken => Claimed::CodeTaken,
                Answer::OutboxFull => Claimed::OutboxFull,
            })
        }),
    }
}

/// The keys in the order of claim.lua's contract.
fn claim_keys(keys: &Keys<'_>) -> [String; 14] {
    [
        keys.event(),
        keys.counts(),
        keys.stock(),
        keys.seq(),
        keys.moves(),
        keys.outbox(),
        keys.participants(),
        keys.issued(),
        keys.coupons(),
        keys.claims(),
        keys.book(),
        keys.free(),
        keys.assigned(),
        keys.holders(),
    ]
}

impl Store {
    /// Claims a coupon of a direct event; gathered with other claims of the event into one script call. On
    /// [`StoreError::Unknown`] the coupon may have been issued: claiming again tells.
    pub async fn claim(&self, event: &EventId, claim: Claim) -> Result<Claimed, StoreError> {
        self.batches.claim.ask(event, claim).await
    }

    /// A direct event; `None` when there is none of this name, or one with a line.
    pub async fn direct_event(&self, event: &EventId) -> Result<Option<DirectEvent>, StoreError> {
        tags!(Outcome { Coupon = "coupon", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let mut reply = COUPON
            .keys([keys.event(), keys.stock(), keys.claims()])
            .arg(NAMED_AT_ONCE)
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::NoSuchEvent => Ok(None),
            Outcome::Coupon => {
                let (phase, total, remaining) = (reply.parse()?, reply.take()?, reply.take()?);
                let claimed = reply.take()?;
                Ok(Some(DirectEvent {
                    phase,
                    total,
                    remaining,
                    claimed,
                    claims: Claims {
                        connection: self.connection(),
                        event: event.clone(),
                        named: reply.rest()?,
                        next: 0,
                        end: claimed,
                    },
                }))
            }
        }
    }

    /// The coupon that a holder has of an event, if any.
    pub async fn issue_of(
        &self,
        event: &EventId,
        holder: &Holder,
    ) -> Result<Option<Issue>, StoreError> {
        let held: Option<String> = redis::cmd("HGET")
            .arg(Keys::of(event).issued())
            .arg(holder.as_str())
            .query_async(&mut self.connection())
            .await?;
        if held.is_none() {
            self.door.confirm(event).await?;
        }
        held.map(|held| issue(event, holder.clone(), &held))
            .transpose()
    }
}

impl Claims {
    /// The next holders, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Holder>>, StoreError> {
        if self.next == self.end {
            return Ok(None);
        }
        let mut named = std::mem::take(&mut self.named);
        if named.is_empty() {
            let last = (self.next + NAMED_AT_ONCE).min(self.end) - 1;
            named = redis::cmd("LRANGE")
                .arg(Keys::of(&self.event).claims())
                .arg(self.next)
                .arg(last)
                .query_async(&mut self.connection)
                .await?;
        }
        if named.is_empty() {
            return Err(StoreError::Unexpected("claims that are gone".to_owned()));
        }
        self.next += named.len() as u64;
        named
            .iter()
            .map(|holder| parsed(holder))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
