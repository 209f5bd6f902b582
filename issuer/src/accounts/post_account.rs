//! `POST /api/v1/accounts`: signs somebody up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::{ClientAddress, Problem};
use domain::Refusal;
use domain::account::{AccountId, Email, Name, Password, Role};
use ledger::{Account, Act};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown::ShownAccount;
use super::{Accounts, ledger_failed};

/// Who signs up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAccount)]
pub struct Body {
    /// One account each.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ana@example.org")]
    email: Email,
    /// 10–128 characters.
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    password: Password,
    /// What the account is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Name>,
}

/// Signs somebody up; the account is a `user`.
#[utoipa::path(
    post, operation_id = "sign_up", path = "/api/v1/accounts", tag = "accounts",
    request_body = Body,
    responses(
        (status = 201, description = "The new account", body = ShownAccount),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 409, description = "`account-exists`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    ClientAddress(address): ClientAddress,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<(StatusCode, Json<ShownAccount>), Problem> {
    accounts.count_guess(address, &body.email)?;
    let new = New {
        email: body.email,
        password: body.password,
        name: body.name,
        role: Role::User,
    };
    let account = make(&accounts, new, None).await?;
    Ok((StatusCode::CREATED, Json(account.into())))
}

/// An account to make.
pub struct New {
    pub email: Email,
    pub password: Password,
    pub name: Option<Name>,
    pub role: Role,
}

/// Makes an account. `by`: the staff that makes it.
pub async fn make(accounts: &Accounts, new: New, by: Option<&str>) -> Result<Account, Problem> {
    let taken = accounts.ledger.credentials(&new.email).await;
    if taken.map_err(ledger_failed)?.is_some() {
        return Err(Refusal::AccountExists.into());
    }
    let hash = accounts
        .passwords
        .hash(&new.password, &accounts.random)
        .await?;
    let account = Account {
        id: AccountId::generate(accounts.random.as_ref()),
        email: new.email,
        name: new.name,
        role: new.role,
        created_at: accounts.now().await?,
    };
    let at = account.created_at;
    let act = by.map(|by| Act { by, at });
    let made = accounts.ledger.create_account(&account, &hash, act).await;
    if made.map_err(ledger_failed)? {
        Ok(account)
    } else {
        Err(Refusal::AccountExists.into())
    }
}
