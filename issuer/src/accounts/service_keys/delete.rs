//! `DELETE /api/v1/admin/service-keys/{id}`: ends a service key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::Refusal;
use domain::account::ServiceKeyId;

use crate::accounts::{Accounts, act, ledger_failed};

/// Ends a service key at once.
#[utoipa::path(
    delete, operation_id = "delete_service_key", path = "/api/v1/admin/service-keys/{id}", tag = "staff",
    params(("id" = String, Path, description = "The key's id, not the key")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(id): Path<ServiceKeyId>,
) -> Result<StatusCode, Problem> {
    let act = act(&staff, accounts.now().await?);
    let deleted = accounts.ledger.delete_service_key(&id, act).await;
    if deleted.map_err(ledger_failed)? {
        accounts.service_keys.forget(&id);
        Ok(StatusCode::NO_CONTENT)
    } else {
        let detail = "There is no service key with this id.";
        Err(Problem::new(Refusal::NotFound, detail))
    }
}
