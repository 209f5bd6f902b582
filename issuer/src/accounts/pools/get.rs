//! `GET /api/v1/admin/pools/{pool}`: a pool.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};

use super::{ShownPool, named, shown};
use crate::accounts::Accounts;

/// A pool and how many are in it.
#[utoipa::path(
    get, operation_id = "pool", path = "/api/v1/admin/pools/{pool}", tag = "pools",
    params(("pool" = String, Path, description = "The pool's id")),
    responses(
        (status = 200, description = "The pool", body = ShownPool),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-pool`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    Path(pool): Path<String>,
) -> Result<Json<ShownPool>, Problem> {
    let pool = named(&pool)?;
    Ok(Json(shown(&accounts, &pool).await?))
}
