//! `DELETE /api/v1/admin/accounts/{account_id}`: takes an account away.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::{Path, Problem};

use super::{named, settled};
use crate::accounts::{Accounts, act, ledger_failed};

/// Takes an account away, with its sessions, at once. Its coupons stay on the record under its id.
#[utoipa::path(
    delete, operation_id = "delete_account", path = "/api/v1/admin/accounts/{account_id}", tag = "staff",
    params(("account_id" = String, Path, description = "The account's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-account`"),
        (status = 409, description = "`last-admin`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(account_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = named(&account_id)?;
    let act = act(&staff, accounts.now().await?);
    let deleted = accounts.ledger.delete_account(&id, act).await;
    settled(&accounts, deleted.map_err(ledger_failed)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
