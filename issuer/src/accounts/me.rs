//! `GET|PATCH /api/v1/accounts/me`: one's own account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{ClientAddress, Problem};
use domain::Refusal;
use domain::account::{Name, Password};
use ledger::{Account, AccountChange, AccountOutcome, Act};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown::ShownAccount;
use super::{Accounts, SignedIn, ledger_failed};

/// One's own account.
#[utoipa::path(
    get, operation_id = "account_of_mine", path = "/api/v1/accounts/me", tag = "accounts",
    responses(
        (status = 200, description = "The account", body = ShownAccount),
        (status = 401, description = "`unauthorized`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("access_token" = [])),
)]
pub async fn get_handler(
    State(accounts): State<Arc<Accounts>>,
    SignedIn(access): SignedIn,
) -> Result<Json<ShownAccount>, Problem> {
    let account = accounts.ledger.account(&access.account).await;
    let account = account.map_err(ledger_failed)?;
    Ok(Json(account.ok_or(Refusal::Unauthorized)?.into()))
}

/// What changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub struct Body {
    /// What the account is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Name>,
    /// The new password, 10–128 characters; wants `current_password`. Every other session ends.
    #[schema(value_type = Option<String>, min_length = 10, max_length = 128)]
    new_password: Option<Password>,
    /// The password that the account has.
    current_password: Option<String>,
}

/// Changes one's own name or password. A new password ends every other session.
#[utoipa::path(
    patch, operation_id = "change_account_of_mine", path = "/api/v1/accounts/me", tag = "accounts",
    request_body = Body,
    responses(
        (status = 200, description = "The account as it is now", body = ShownAccount),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`; `wrong-credentials`: the current password is another"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("access_token" = [])),
)]
pub async fn patch_handler(
    State(accounts): State<Arc<Accounts>>,
    SignedIn(access): SignedIn,
    address: ClientAddress,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<Json<ShownAccount>, Problem> {
    let account = accounts.ledger.account(&access.account).await;
    let account = account
        .map_err(ledger_failed)?
        .ok_or(Refusal::Unauthorized)?;
    let password_hash = new_hash(&accounts, address, &account, &body).await?;
    let change = AccountChange {
        name: body.name,
        password_hash,
        keeping: Some(access.session),
        ..AccountChange::default()
    };
    let act = Act {
        by: access.account.as_str(),
        at: accounts.now().await?,
    };
    let changed = accounts
        .ledger
        .change_account(&access.account, &change, act, false)
        .await;
    match changed.map_err(ledger_failed)? {
        AccountOutcome::Done { account, ended } => {
            accounts.end_access(&ended).await;
            Ok(Json(account.into()))
        }
        AccountOutcome::NoSuchAccount | AccountOutcome::LastAdmin => {
            Err(Refusal::Unauthorized.into())
        }
    }
}

/// The hash of the new password, if there is one and the current one fits.
async fn new_hash(
    accounts: &Accounts,
    ClientAddress(address): ClientAddress,
    account: &Account,
    body: &Body,
) -> Result<Option<String>, Problem> {
    let (new, current) = match (&body.new_password, &body.current_password) {
        (None, None) => return Ok(None),
        (Some(new), Some(current)) => (new, current),
        (Some(_), None) => return Err(missing("current_password")),
        (None, Some(_)) => return Err(missing("new_password")),
    };
    accounts.count_guess(address, &account.email)?;
    let hash = accounts.ledger.password_hash(&account.id).await;
    let hash = hash.map_err(ledger_failed)?;
    if !accounts.passwords.fits(current, hash.as_deref()).await? {
        return Err(Refusal::WrongCredentials.into());
    }
    let hash = accounts.passwords.hash(new, &accounts.random).await?;
    Ok(Some(hash))
}

fn missing(field: &str) -> Problem {
    Problem::field(
        field,
        format!("`{field}` is missing: a new password wants the current one beside it."),
    )
}
