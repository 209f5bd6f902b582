//! Dealing coupons: round after round, one coupon to each user, in an order that is drawn anew for every round.

use std::time::{Duration, Instant};

use domain::job::{JobId, Mode};
use domain::{EventId, Holder, Random};
use ledger::{Job, LedgerError};
use lua::{Deal, Dealt, StoreError};
use serde_json::{Map, Value, json};

use super::PIECE;
use super::run::{Outcome, RunError};
use crate::Desk;

/// Users of one page of the ledger.
const PAGE: usize = 1_000;
/// How often the ledger hears how far it is.
const TELL: Duration = Duration::from_millis(500);

/// Most that one user gets now.
pub fn most(mode: Mode, per_person: Option<u32>) -> u32 {
    match mode {
        Mode::Equal => per_person.unwrap_or(1),
        Mode::Random => per_person.unwrap_or(u32::MAX),
    }
}

/// How many codes it takes to give each of `users` as many as `most` and the book's limit allow.
pub async fn needed(
    desk: &Desk,
    book: &EventId,
    users: &[Holder],
    [most, limit]: [u32; 2],
) -> Result<u64, StoreError> {
    let mut needed = 0;
    for piece in users.chunks(PAGE) {
        let held = desk.store.held_of_book(book, piece).await?;
        let may = held
            .iter()
            .map(|held| u64::from(limit.saturating_sub(*held).min(most)));
        needed += may.sum::<u64>();
    }
    Ok(needed)
}

/// How many codes a job needs.
pub async fn needed_by(desk: &Desk, job: &Job, most: u32) -> Result<u64, RunError> {
    let limit = desk.store.book(&job.book).await?;
    let limit = limit.map_or(0, |held| held.book.rules.max_per_person);
    let users = users(desk, &job.id).await?;
    Ok(needed(desk, &job.book, &users, [most, limit]).await?)
}

/// Deals until everybody has as many as `most` or can get no more.
pub async fn deal(desk: &Desk, job: &Job, most: u32) -> Result<Outcome, RunError> {
    let mut users = users(desk, &job.id).await?;
    let (mut done, mut last, mut told) = (0, None, None);
    for round in 1..=most {
        shuffle(&mut users, &*desk.random);
        let before = done;
        for piece in users.chunks(PIECE) {
            let deal = Deal {
                job: &job.id,
                by: &job.by,
                round,
                users: piece,
            };
            match desk.store.deal(&job.book, deal).await? {
                Dealt::Gone => return Ok(Outcome::Lost),
                Dealt::Dealt { have, ordinal } => {
                    done += have;
                    last = ordinal.or(last);
                }
            }
            if told.is_none_or(|at: Instant| at.elapsed() >= TELL) {
                desk.ledger
                    .tell_job(&job.id, done, job.total.max(done))
                    .await?;
                told = Some(Instant::now());
            }
        }
        // Nobody has as many coupons as there were rounds: nobody can get more.
        if done == before {
            break;
        }
    }
    let report = report(desk, job, &mut users).await?;
    desk.ledger.tell_job(&job.id, done, done).await?;
    Ok(Outcome::Done(report, last))
}

/// Who got what, and who got nothing and why.
async fn report(desk: &Desk, job: &Job, users: &mut [Holder]) -> Result<Value, RunError> {
    users.sort_unstable();
    let (mut given, mut nothing) = (Map::new(), Vec::new());
    for piece in users.chunks(PAGE) {
        let dealt = desk.store.dealt(&job.book, piece).await?;
        for (user, got) in piece.iter().zip(dealt) {
            match got {
                Ok(codes) => {
                    given.insert(user.to_string(), codes.into());
                }
                Err(reason) => nothing.push(json!({ "user_id": user, "reason": reason })),
            }
        }
    }
    Ok(json!({ "given": given, "nothing": nothing }))
}

/// Everybody to whom the job deals, in order of id.
async fn users(desk: &Desk, job: &JobId) -> Result<Vec<Holder>, LedgerError> {
    let mut users: Vec<Holder> = Vec::new();
    loop {
        let page = desk.ledger.job_users(job, users.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(users);
        }
        users.extend(page);
    }
}

/// Every order is as likely as any other (Fisher and Yates).
fn shuffle(users: &mut [Holder], random: &dyn Random) {
    for last in (1..users.len()).rev() {
        let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
        users.swap(last, random.below(bound) as usize);
    }
}
