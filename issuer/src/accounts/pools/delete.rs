//! `DELETE /api/v1/admin/pools/{pool}`: takes a pool away.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::Refusal;

use super::named;
use crate::accounts::{Accounts, act, ledger_failed};

/// Takes a pool away, with its list of members. What they hold stays theirs.
#[utoipa::path(
    delete, operation_id = "delete_pool", path = "/api/v1/admin/pools/{pool}", tag = "pools",
    params(("pool" = String, Path, description = "The pool's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-pool`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(pool): Path<String>,
) -> Result<StatusCode, Problem> {
    let pool = named(&pool)?;
    let act = act(&staff, accounts.now().await?);
    let deleted = accounts.ledger.delete_pool(&pool, act).await;
    if deleted.map_err(ledger_failed)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::NoSuchPool.into())
    }
}
