//! `GET /api/v1/admin/accounts`: every account, a list in order of id.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};

use crate::accounts::shown::ShownAccount;
use crate::accounts::{Accounts, ledger_failed};

/// Every account, a list in order of id.
#[utoipa::path(
    get, operation_id = "accounts", path = "/api/v1/admin/accounts", tag = "staff",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownAccount>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownAccount>>, Problem> {
    let limit = query.limit()?;
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| bad_after())?;
    let mut found = accounts
        .ledger
        .accounts(after.as_ref(), limit + 1)
        .await
        .map_err(ledger_failed)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    Ok(Json(List {
        next: next.map(|last| last.id.to_string()),
        items: found.into_iter().map(ShownAccount::from).collect(),
    }))
}
