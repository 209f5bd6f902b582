//! `GET /api/v1/admin/audit`: what staff did to accounts, keys and pools, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};
use domain::Millis;
use ledger::StoredAct;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Accounts, ledger_failed};

/// One act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StaffAct)]
pub struct ShownAct {
    /// Its number.
    id: String,
    /// When, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
    /// Who: `admin` for the admin token's holder, or an account's id.
    by: String,
    /// What was done, such as `account-changed` or `service-key-created`.
    action: String,
    /// To what: an account's id, a key's, a pool's name.
    subject: String,
    /// What it was before; null when it was made.
    from: serde_json::Value,
    /// What it became; null when it was taken away.
    to: serde_json::Value,
}

/// What staff did to accounts, keys and pools, newest first. What happened to an event is in its own audit.
#[utoipa::path(
    get, operation_id = "staff_audit", path = "/api/v1/admin/audit", tag = "staff",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownAct>),
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
) -> Result<Json<List<ShownAct>>, Problem> {
    let limit = query.limit()?;
    let before = query.after.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| bad_after())?;
    let found = accounts.ledger.acts(before, limit + 1).await;
    let found = found.map_err(ledger_failed)?;
    Ok(Json(List::page(found, limit, |last| last.id.to_string())))
}

impl From<StoredAct> for ShownAct {
    fn from(act: StoredAct) -> Self {
        Self {
            id: act.id.to_string(),
            at: act.at,
            by: act.by,
            action: act.action,
            subject: act.subject,
            from: act.was,
            to: act.became,
        }
    }
}
