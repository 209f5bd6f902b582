//! `GET /api/v1/admin/service-keys`: every service key, without its secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};

use super::ShownKey;
use crate::accounts::{Accounts, ledger_failed};

/// Every service key, a list in order of id.
#[utoipa::path(
    get, operation_id = "service_keys", path = "/api/v1/admin/service-keys", tag = "staff",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownKey>),
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
) -> Result<Json<List<ShownKey>>, Problem> {
    let limit = query.limit()?;
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| bad_after())?;
    let found = accounts
        .ledger
        .service_keys(after.as_ref(), limit + 1)
        .await;
    let found = found.map_err(ledger_failed)?;
    Ok(Json(List::page(found, limit, |last| last.id.to_string())))
}
