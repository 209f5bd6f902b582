//! `GET /api/v1/admin/jobs/{id}`: how far a job has come.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use domain::Refusal;
use domain::job::JobId;

use super::Shown;
use crate::Desk;

/// How far a job has come, and what came of it.
#[utoipa::path(
    get, operation_id = "job", path = "/api/v1/admin/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = Shown),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-job`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let id: JobId = id.parse().map_err(|_| Refusal::NoSuchJob)?;
    let job = desk.ledger.job(&id).await.map_err(Problem::try_again)?;
    Ok(Json(job.ok_or(Refusal::NoSuchJob)?.into()))
}
