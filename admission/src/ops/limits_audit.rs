//! `GET /api/v1/admin/limits/audit`: who changed the limits per client address, from what, when; newest first.

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery};
use chassis::{Problem, Query};
use lua::Store;

use super::audit::{Audited, after, shown};
use super::store_failed;

/// Who changed the limits per client address, from what, when; newest first. `null` is what each process's flag says.
#[utoipa::path(
    get, path = "/api/v1/admin/limits/audit", tag = "ops",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<Audited>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn limits_audit(
    State(store): State<Store>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Audited>>, Problem> {
    let page = store.limits_audit(after(&query)?, query.limit()?).await;
    Ok(Json(shown(page.map_err(store_failed)?)))
}
