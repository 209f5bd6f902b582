//! Taking a coupon of a direct event for somebody: one step in the store, then the event's ack level.

use domain::coupon::Issue;
use domain::{EventId, Holder, Phase};
use lua::{Claim, Claimed, StoreError};

use crate::Desk;
use crate::redeem::DRAWS;

/// What became of it.
pub enum Taken {
    /// A coupon was issued now.
    Issued {
        /// The coupon.
        issue: Issue,
        /// Coupons left after it.
        remaining: u64,
        /// Is it kept as far as the event wants? Not in five seconds is not never.
        kept: bool,
    },
    /// The holder had one, or as many of the event's book as one may.
    AlreadyIssued,
    /// None is left.
    SoldOut,
    /// The event gives none in this phase.
    NotOpen(Phase),
    /// The event has a line.
    HasALine,
    /// There is no such event.
    NoSuchEvent,
}

/// Why it is not known what became of it.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pattern's codes are used up, as good as never.
    #[error("{DRAWS} codes drawn for {0} were all taken")]
    NoCode(EventId),
}

/// Takes a coupon of `event` for `holder`.
pub async fn take(desk: &Desk, event: &EventId, holder: Holder) -> Result<Taken, TakeError> {
    let Some(terms) = desk.terms.of(event).await? else {
        return Ok(Taken::NoSuchEvent);
    };
    for _ in 0..DRAWS {
        let claim = Claim {
            holder: holder.clone(),
            code: terms.code_pattern.draw(&*desk.random),
        };
        return Ok(match desk.store.claim(event, claim).await? {
            Claimed::CodeTaken => continue,
            Claimed::Claimed { issue, remaining } => {
                let kept = desk.acks.reached(event, terms.ack, issue.ordinal).await;
                Taken::Issued {
                    issue,
                    remaining,
                    kept,
                }
            }
            Claimed::AlreadyClaimed(_) | Claimed::LimitReached => Taken::AlreadyIssued,
            Claimed::SoldOut => Taken::SoldOut,
            Claimed::OutboxFull => {
                return Err(StoreError::OutboxFull.into());
            }
            Claimed::NotOpen(phase) => Taken::NotOpen(phase),
            Claimed::HasALine => Taken::HasALine,
            Claimed::NoSuchEvent => {
                desk.terms.forget(event);
                Taken::NoSuchEvent
            }
        });
    }
    Err(TakeError::NoCode(event.clone()))
}

impl Taken {
    /// Its name in the metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Issued { kept: true, .. } => "claimed",
            Self::Issued { kept: false, .. } => "pending",
            Self::AlreadyIssued => "already-claimed",
            Self::SoldOut => "sold-out",
            Self::NotOpen(_) => "not-open",
            Self::HasALine => "has-a-line",
            Self::NoSuchEvent => "no-such-event",
        }
    }
}

/// Counts what became of a claim.
pub fn count(taken: &Result<Taken, TakeError>) {
    let outcome = taken.as_ref().map_or("failed", Taken::outcome);
    metrics::counter!("stanchion_issuer_claims_total", "outcome" => outcome).increment(1);
}
