//! `PATCH /api/v1/admin/accounts/{account_id}`: changes somebody's role, name or password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::account::{Name, Password, Role};
use ledger::AccountChange;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{named, settled};
use crate::accounts::shown::{RoleSchema, ShownAccount};
use crate::accounts::{Accounts, act, ledger_failed};

/// What changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChangeByStaff)]
pub struct Body {
    /// What it may do from now on. Another role ends its sessions.
    #[schema(value_type = Option<RoleSchema>)]
    role: Option<Role>,
    /// What it is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Name>,
    /// A new password, 10–128 characters, for somebody who forgot theirs. It ends its sessions.
    #[schema(value_type = Option<String>, min_length = 10, max_length = 128)]
    password: Option<Password>,
}

/// Changes somebody's role, name or password. Another role or password ends their sessions at once.
#[utoipa::path(
    patch, operation_id = "change_account", path = "/api/v1/admin/accounts/{account_id}", tag = "staff",
    params(("account_id" = String, Path, description = "The account's id")),
    request_body = Body,
    responses(
        (status = 200, description = "The account as it is now", body = ShownAccount),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-account`"),
        (status = 409, description = "`last-admin`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(account_id): Path<String>,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<Json<ShownAccount>, Problem> {
    let id = named(&account_id)?;
    let password_hash = match &body.password {
        Some(password) => {
            let hash = accounts.passwords.hash(password, &accounts.random).await?;
            Some(hash)
        }
        None => None,
    };
    let change = AccountChange {
        name: body.name,
        role: body.role,
        password_hash,
        keeping: None,
    };
    let act = act(&staff, accounts.now().await?);
    let changed = accounts
        .ledger
        .change_account(&id, &change, act, true)
        .await;
    let account = settled(&accounts, changed.map_err(ledger_failed)?).await?;
    Ok(Json(account.into()))
}
