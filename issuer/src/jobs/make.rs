//! Making codes: drawn and staged piece by piece, in the book all of them or none.

use std::time::{Duration, Instant};

use chassis::Outage;
use domain::pattern::CodePattern;
use domain::secret::Secret;
use ledger::Job;
use lua::{Added, Staged, StoreError, Upload};
use serde_json::json;

use super::run::{Outcome, RunError};
use crate::Desk;

/// Codes of one call of the store.
const PIECE: usize = 1_000;
/// How often the ledger hears how far it is.
const TELL: Duration = Duration::from_millis(500);

/// Makes `count` codes that the book does not hold.
pub async fn make(
    desk: &Desk,
    job: &Job,
    count: u64,
    pattern: &CodePattern,
) -> Result<Outcome, RunError> {
    loop {
        let name = Secret::generate(&*desk.random).reveal().to_owned();
        let mut upload = Upload::new(job.book.clone(), name, &job.by);
        upload.job = Some(job.id.clone());
        if !stage(desk, job, &mut upload, count, pattern).await? {
            return Ok(Outcome::Lost);
        }
        let added = add(desk, &upload).await?;
        // What was decided on is not there any more; all else is not to count.
        desk.store.forget_upload(&upload).await?;
        match added {
            Added::Added(ordinal) => {
                desk.ledger.tell_job(&job.id, count, count).await?;
                let report = json!({ "generated": count });
                return Ok(Outcome::Done(report, Some(ordinal)));
            }
            // Another upload came first: its codes are looked at, too.
            Added::Overtaken => {}
            Added::JobOver | Added::Rejected | Added::Mismatch => return Ok(Outcome::Lost),
        }
    }
}

/// Puts the codes into the book, as soon as the store answers and the outbox has room for what tells of them. They stay staged
/// meanwhile; when an answer is lost, the store says of the job's codes that they were added.
async fn add(desk: &Desk, upload: &Upload) -> Result<Added, StoreError> {
    let mut outage = Outage::of("store of the codes of a job", desk.random.clone());
    loop {
        match desk.store.add_codes(upload).await {
            Err(
                for_now @ (StoreError::Unavailable(_)
                | StoreError::Unknown(_)
                | StoreError::OutboxFull),
            ) => outage.failed(for_now).await,
            added => {
                outage.over();
                return added;
            }
        }
    }
}

/// Stages codes until there are `count` new ones; false when the book is gone.
async fn stage(
    desk: &Desk,
    job: &Job,
    upload: &mut Upload,
    count: u64,
    pattern: &CodePattern,
) -> Result<bool, RunError> {
    let (mut made, mut told) = (0, None);
    while made < count {
        let wanted = usize::try_from(count - made).unwrap_or(PIECE).min(PIECE);
        let codes: Vec<String> = (0..wanted).map(|_| pattern.draw(&*desk.random)).collect();
        match desk.store.stage_codes(upload, &codes).await? {
            Staged::NoSuchBook => return Ok(false),
            Staged::Staged(taken) => made += (wanted - taken.len()) as u64,
        }
        if told.is_none_or(|at: Instant| at.elapsed() >= TELL) {
            desk.ledger.tell_job(&job.id, made, count).await?;
            told = Some(Instant::now());
        }
    }
    Ok(true)
}
