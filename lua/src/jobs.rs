//! Jobs on a book: one at a time has the turn, and what it did is kept beside the book until the ledger tells of it.

use domain::job::JobId;
use domain::{EventId, Holder};

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(BEGIN_JOB = "begin_job");
script!(DEAL = "deal", "clock", "records", "book");
script!(END_JOB = "end_job");

/// What became of a job's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It has the turn; so many codes were kept for it.
    Begun(u64),
    /// So many codes are free, fewer than it needs: it was not begun.
    TooFew(u64),
    /// Another job has the turn.
    Busy(JobId),
    /// It had its turn before.
    Ended,
    /// There is no such book.
    NoSuchBook,
}

/// A round of a distribution, for some users.
#[derive(Clone, Copy, Debug)]
pub struct Deal<'a> {
    /// The job.
    pub job: &'a JobId,
    /// Who does it, for the records.
    pub by: &'a str,
    /// From 1: whoever got as many coupons of the job gets none.
    pub round: u32,
    /// At most a few hundred.
    pub users: &'a [Holder],
}

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// So many of the users have got as many coupons as there were rounds.
    Dealt {
        /// How many users.
        have: u64,
        /// The last record; none when nothing was given.
        ordinal: Option<u64>,
    },
    /// The job has lost its turn: the store was put back and cannot tell what the job did.
    Gone,
}

impl Store {
    /// Gives a job its turn on a book and keeps `needed` free codes for it; fewer only when not `whole`.
    pub async fn begin_job(
        &self,
        book: &EventId,
        job: &JobId,
        needed: u64,
        whole: bool,
    ) -> Result<Begun, StoreError> {
        tags!(Outcome {
            Begun = "begun",
            TooFew = "too-few",
            Busy = "busy",
            Ended = "ended",
            NoSuchBook = "no-such-book",
        });
        let keys = Keys::of(book);
        let mut reply = BEGIN_JOB
            .keys([keys.book(), keys.free(), keys.event()])
            .arg(job.as_str())
            .arg(needed)
            .arg(u8::from(whole))
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Begun => Begun::Begun(reply.take()?),
            Outcome::TooFew => Begun::TooFew(reply.take()?),
            Outcome::Busy => Begun::Busy(reply.parse()?),
            Outcome::Ended => Begun::Ended,
            Outcome::NoSuchBook => Begun::NoSuchBook,
        })
    }

    /// Gives each of some users one coupon more. A round that was dealt before gives nothing.
    pub async fn deal(&self, book: &EventId, deal: Deal<'_>) -> Result<Dealt, StoreError> {
        tags!(Outcome { Dealt = "dealt", Gone = "gone" });
        let keys = Keys::of(book);
        let users: Vec<&str> = deal.users.iter().map(Holder::as_str).collect();
        let mut reply = DEAL
            .keys([
                keys.event(),
                keys.counts(),
                keys.outbox(),
                keys.book(),
                keys.free(),
                keys.assigned(),
                keys.holders(),
                keys.dealt(),
            ])
            .arg(deal.job.as_str())
            .arg(deal.by)
            .arg(deal.round)
            .arg(self.door.outbox_max())
            .arg(users)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Dealt => Dealt::Dealt {
                have: reply.take()?,
                ordinal: Some(reply.take()?).filter(|&ordinal| ordinal > 0),
            },
            Outcome::Gone => Dealt::Gone,
        })
    }

    /// What each of some users got of the job that has the turn: codes, or why there are none. In the order of `users`.
    pub async fn dealt(
        &self,
        book: &EventId,
        users: &[Holder],
    ) -> Result<Vec<Result<Vec<String>, String>>, StoreError> {
        let names: Vec<&str> = users.iter().map(Holder::as_str).collect();
        let held: Vec<Option<String>> = redis::cmd("HMGET")
            .arg(Keys::of(book).dealt())
            .arg(names)
            .query_async(&mut self.connection())
            .await?;
        let read = |held: Option<String>| match held {
            Some(codes) if codes.starts_with(' ') => {
                Ok(codes.split_whitespace().map(str::to_owned).collect())
            }
            Some(reason) => Err(reason),
            None => Err("none-left".to_owned()),
        };
        Ok(held.into_iter().map(read).collect())
    }

    /// How many coupons of a book each of some users has, in their order.
    pub async fn held_of_book(
        &self,
        book: &EventId,
        users: &[Holder],
    ) -> Result<Vec<u32>, StoreError> {
        let names: Vec<&str> = users.iter().map(Holder::as_str).collect();
        let held: Vec<Option<u32>> = redis::cmd("HMGET")
            .arg(Keys::of(book).holders())
            .arg(names)
            .query_async(&mut self.connection())
            .await?;
        Ok(held.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// How many codes of a book may be given to somebody: none of those that the event of its id issues.
    pub async fn free_codes(&self, book: &EventId) -> Result<u64, StoreError> {
        let keys = Keys::of(book);
        let (free, given): (u64, Option<String>) = redis::pipe()
            .scard(keys.free())
            .hget(keys.event(), "given")
            .query_async(&mut self.connection())
            .await?;
        let for_event = given.is_some_and(|given| given == "1");
        Ok(if for_event { 0 } else { free })
    }

    /// Takes its turn from a job; what it did is in the ledger by now.
    pub async fn end_job(&self, book: &EventId, job: &JobId) -> Result<(), StoreError> {
        tags!(Outcome { Ended = "ended" });
        let keys = Keys::of(book);
        let mut reply = END_JOB
            .keys([keys.book(), keys.dealt()])
            .arg(job.as_str())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Ended => Ok(()),
        }
    }
}
