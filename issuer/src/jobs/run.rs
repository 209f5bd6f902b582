//! Runs jobs, one at a time under a lease. Every step may be made again: the store gives no step's effect twice, and a job
//! ends in the ledger only when its report is there. Uploads that somebody began to carry into a book are finished here, too.

use std::time::{Duration, Instant};

use chassis::{Lifecycle, Outage};
use domain::job::{JobState, Mode, Work};
use ledger::{Job, LedgerError};
use lua::{Begun, Lease, StoreError};
use serde_json::Value;

use super::{deal, make, too_few};
use crate::Desk;
use crate::books::kept_at_last;

/// How often the ledger is asked for jobs that another process was given.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked for uploads that were decided on and not carried in: whoever did may be gone.
const FINISH: Duration = Duration::from_mins(1);
/// How often jobs that have ended are looked through.
const SWEEP: Duration = Duration::from_hours(1);
/// How long a job is remembered after it was asked for, once it has ended, in ms: seven days.
const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Why a job could not go on for now.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error("the ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Another job has the book's turn.
    #[error("another job has the turn on the book")]
    Busy,
}

/// What came of a job's work.
pub enum Outcome {
    /// All was done: the report, and the last record.
    Done(Value, Option<u64>),
    /// The store was put back in between, and cannot tell what the job did.
    Lost,
}

/// Runs jobs until the stop.
pub async fn run(desk: &Desk, stop: &Lifecycle) {
    let lease = Lease::new(&desk.store, "jobs", desk.random.as_ref());
    let mut outage = Outage::of("jobs", desk.random.clone());
    while !stop.is_stopping() {
        tokio::select! {
            () = stop.stopping() => break,
            taken = lease.take() => if let Err(error) = taken {
                outage.failed(error).await;
                continue;
            },
        }
        outage.over();
        tokio::select! {
            () = stop.stopping() => break,
            () = lease.keep() => tracing::info!("another process may run jobs now"),
            () = work(desk) => {}
        }
    }
    lease.release().await;
}

/// One job after another; never resolves.
async fn work(desk: &Desk) {
    let mut outage = Outage::of("a job", desk.random.clone());
    let (mut swept, mut finished) = (None, None);
    loop {
        if is_due(&mut swept, SWEEP)
            && let Err(error) = sweep(desk).await
        {
            tracing::warn!(%error, "jobs that ended long ago could not be forgotten; tried again in an hour");
        }
        if is_due(&mut finished, FINISH)
            && let Err(error) = finish_uploads(desk).await
        {
            finished = None;
            outage.failed(error).await;
            continue;
        }
        match step(desk).await {
            Ok(true) => outage.over(),
            Ok(false) => {
                outage.over();
                let _ = tokio::time::timeout(LOOK, desk.new_job.notified()).await;
            }
            Err(error) => outage.failed(error).await,
        }
    }
}

/// Is it so long ago, or was it never? Then it is now.
fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let is_due = last.is_none_or(|at| at.elapsed() >= every);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

/// Carries into their books what somebody began to.
async fn finish_uploads(desk: &Desk) -> Result<(), StoreError> {
    for book in desk.store.unfinished_uploads().await? {
        desk.store.finish_upload(&book).await?;
        tracing::info!(%book, "an upload that was begun is in its book");
    }
    Ok(())
}

/// Forgets the jobs that ended long ago, with their reports.
async fn sweep(desk: &Desk) -> Result<(), RunError> {
    let before = desk.store.now().await?.plus(-REMEMBERED_MS);
    let forgotten = desk.ledger.forget_jobs(before).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "jobs that ended long ago are forgotten");
    }
    Ok(())
}

/// Brings the next job to its end; false when there is none.
async fn step(desk: &Desk) -> Result<bool, RunError> {
    let Some(job) = desk.ledger.next_job().await? else {
        return Ok(false);
    };
    if job.report.is_some() {
        end(desk, &job, None).await?;
        return Ok(true);
    }
    if job.state == JobState::Queued && !begin(desk, &job).await? {
        return Ok(true);
    }
    let outcome = match &job.work {
        Work::Generate {
            count,
            code_pattern,
        } => make::make(desk, &job, *count, code_pattern).await?,
        Work::Distribute {
            mode, per_person, ..
        } => deal::deal(desk, &job, deal::most(*mode, *per_person)).await?,
    };
    match outcome {
        Outcome::Done(report, ordinal) => {
            let held = desk.store.book(&job.book).await?;
            let ack = held.and_then(|held| held.book.rules.ack);
            if kept_at_last(desk, &job.book, ack, ordinal).await.is_err() {
                tracing::warn!(job = %job.id, "the records of a job are not kept yet; it ends without waiting for them");
            }
            desk.ledger.report_job(&job.id, &report).await?;
            end(desk, &job, None).await?;
        }
        Outcome::Lost => end(desk, &job, Some("store-put-back")).await?,
    }
    Ok(true)
}

/// Gives the job its turn; false when it ended instead.
async fn begin(desk: &Desk, job: &Job) -> Result<bool, RunError> {
    let (needed, is_whole) = match &job.work {
        Work::Generate { .. } => (0, true),
        Work::Distribute {
            mode, per_person, ..
        } => {
            let needed = deal::needed_by(desk, job, deal::most(*mode, *per_person)).await?;
            (needed, *mode == Mode::Equal)
        }
    };
    match desk
        .store
        .begin_job(&job.book, &job.id, needed, is_whole)
        .await?
    {
        Begun::Begun(kept) => {
            let total = match &job.work {
                Work::Generate { count, .. } => *count,
                Work::Distribute { .. } => kept,
            };
            desk.ledger.tell_job(&job.id, 0, total).await?;
            Ok(true)
        }
        Begun::TooFew(available) => {
            let report = too_few(needed, available);
            let refused = desk
                .ledger
                .refuse_job(&job.id, needed, &report, "none-left");
            refused.await?;
            Ok(false)
        }
        Begun::Busy(other) => {
            // A turn of which the ledger does not know, or no more, is nobody's.
            let held = desk.ledger.job(&other).await?;
            let is_live = |job: Job| matches!(job.state, JobState::Queued | JobState::Running);
            if !held.is_some_and(is_live) {
                desk.store.end_job(&job.book, &other).await?;
            }
            Err(RunError::Busy)
        }
        Begun::Ended | Begun::NoSuchBook => {
            desk.ledger.end_job(&job.id, Some("store-put-back")).await?;
            Ok(false)
        }
    }
}

/// Ends a job whose report is kept, or that failed: first its turn, then the job.
async fn end(desk: &Desk, job: &Job, error: Option<&str>) -> Result<(), RunError> {
    desk.store.end_job(&job.book, &job.id).await?;
    desk.ledger.end_job(&job.id, error).await?;
    tracing::info!(job = %job.id, book = %job.book, kind = job.work.kind(), error, "a job has ended");
    Ok(())
}
