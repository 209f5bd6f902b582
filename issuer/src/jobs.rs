//! Jobs: what takes longer than a call may. Any issuer runs them, one at a time; what was begun is gone on with after a crash.

mod deal;
mod get;
mod make;
mod run;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{HeaderName, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;
use chassis::admin::{OpsGuard, Staff};
use chassis::{Lifecycle, Problem};
use domain::job::{JobId, JobState, Work};
use domain::once::Once;
use domain::{EventId, Refusal};
use ledger::{Act, Job, JobAsked};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

pub use deal::needed;

use crate::Desk;

/// Users of one step, and codes of one.
const PIECE: usize = 100;

/// A job, as every call shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct Shown {
    /// Its id.
    #[schema(value_type = String)]
    id: JobId,
    /// `generate` or `distribute`.
    kind: &'static str,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(value_type = String, example = "running")]
    state: JobState,
    /// How many codes are made or dealt.
    done: u64,
    /// How many there are to be; 0 while that is not known.
    total: u64,
    /// What came of it. A distribution's: `{given: {user_id: [codes]}, nothing: [{user_id, reason}]}`.
    #[schema(value_type = Option<Object>, required)]
    report: Option<Value>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
}

impl From<Job> for Shown {
    fn from(job: Job) -> Self {
        Self {
            kind: job.work.kind(),
            id: job.id,
            state: job.state,
            done: job.done,
            total: job.total,
            report: job.report,
            error: job.error,
        }
    }
}

/// The answer to a call that began a job.
pub type Accepted = (
    StatusCode,
    [(HeaderName, HeaderValue); 1],
    axum::Json<Shown>,
);

/// The ops door's routes.
pub fn ops(desk: Arc<Desk>, guard: &OpsGuard) -> Router {
    let routes = Router::new().route("/api/v1/admin/jobs/{id}", get(get::handler));
    guard.staff(routes).with_state(desk)
}

/// Runs jobs until the stop.
pub fn start(desk: Arc<Desk>, lifecycle: &Lifecycle) {
    let stop = lifecycle.clone();
    lifecycle.spawn("jobs", async move {
        run::run(&desk, &stop).await;
        Ok(())
    });
}

/// The jobs' part of the API's description.
#[derive(OpenApi)]
#[openapi(
    paths(get::handler),
    tags((name = "jobs", description = "What takes longer than a call may"))
)]
pub struct Api;

/// The job that was asked for under this key before.
pub async fn asked_before(desk: &Desk, once: Option<&Once>) -> Result<Option<Job>, Problem> {
    let Some(once) = once else {
        return Ok(None);
    };
    let asked = desk.ledger.job_asked(once).await;
    match asked.map_err(Problem::try_again)? {
        None | Some(JobAsked::New) => Ok(None),
        Some(JobAsked::Held(job)) => Ok(Some(*job)),
        Some(JobAsked::Mismatch) => Err(Refusal::IdempotencyMismatch.into()),
    }
}

/// Asks for a job, or for the one that was asked for under this key before. With `short`, how many codes are needed and how
/// many there are, it is kept as refused.
pub async fn ask(
    desk: &Desk,
    staff: &Staff,
    book: EventId,
    work: Work,
    once: Option<&Once>,
    short: Option<(u64, u64)>,
) -> Result<Accepted, Problem> {
    let job = Job {
        id: JobId::generate(&*desk.random),
        book,
        work,
        by: staff.name().to_owned(),
        state: if short.is_some() {
            JobState::Failed
        } else {
            JobState::Queued
        },
        done: 0,
        total: 0,
        report: short.map(|(needed, available)| too_few(needed, available)),
        error: short.map(|_| Refusal::NoneLeft.shown().name.to_owned()),
    };
    let act = Act {
        by: staff.name(),
        at: desk.store.now().await.map_err(Problem::try_again)?,
    };
    let asked = desk.ledger.ask_job(&job, once, act).await;
    match asked.map_err(Problem::try_again)? {
        JobAsked::New => {
            desk.new_job.notify_one();
            answer(job)
        }
        JobAsked::Held(held) => answer(*held),
        JobAsked::Mismatch => Err(Refusal::IdempotencyMismatch.into()),
    }
}

/// The answer to whoever asked for this job. One that failed before anything was counted was refused at once.
pub fn answer(job: Job) -> Result<Accepted, Problem> {
    if job.state == JobState::Failed && job.total == 0 {
        let report = job.report.unwrap_or_default();
        return Err(Problem::from(Refusal::NoneLeft)
            .with("needed", &report["needed"])
            .with("available", &report["available"]));
    }
    let location = HeaderValue::try_from(format!("/api/v1/admin/jobs/{}", job.id));
    let location = location.map_err(Problem::try_again)?;
    let head = [(LOCATION, location)];
    Ok((StatusCode::ACCEPTED, head, axum::Json(job.into())))
}

/// The report of a job that did not begin.
fn too_few(needed: u64, available: u64) -> Value {
    json!({ "needed": needed, "available": available })
}
