//! `GET /api/v1/admin/accounts`: every account, a list in order of id, or the one with an address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, bad_after, page_limit};
use chassis::{Problem, Query};
use ledger::Account;
use serde::Deserialize;

use crate::accounts::shown::ShownAccount;
use crate::accounts::{Accounts, ledger_failed};

/// Which accounts.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only the one with this address; capital letters are as small ones.
    #[param(format = Email)]
    email: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1)]
    after: Option<String>,
    /// Most items of the page; 50 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Every account, a list in order of id; with `email` the one that has this address, or none.
#[utoipa::path(
    get, operation_id = "accounts", path = "/api/v1/admin/accounts", tag = "staff",
    params(Asked),
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
    Query(asked): Query<Asked>,
) -> Result<Json<List<ShownAccount>>, Problem> {
    let limit = page_limit(asked.limit)?;
    if let Some(email) = asked.email {
        let email = email.parse().map_err(|_| bad_email())?;
        let found = accounts.ledger.account_of(&email).await;
        let found = found.map_err(ledger_failed)?.into_iter().collect();
        return Ok(Json(List::page(found, limit, |last: &Account| {
            last.id.to_string()
        })));
    }
    let after = asked.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| bad_after())?;
    let found = accounts.ledger.accounts(after.as_ref(), limit + 1).await;
    let found = found.map_err(ledger_failed)?;
    Ok(Json(List::page(found, limit, |last| last.id.to_string())))
}

fn bad_email() -> Problem {
    Problem::field(
        "email",
        "`email` must be an address, such as ana@example.org.",
    )
}
