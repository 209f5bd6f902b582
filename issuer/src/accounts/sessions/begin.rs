//! `POST /api/v1/sessions`: signs somebody in.

use std::sync::Arc;

use axum::extract::State;
use chassis::{ClientAddress, Problem};
use domain::Refusal;
use domain::account::Email;
use domain::secret::Secret;
use domain::session::{SESSION_S, SessionId};
use ledger::NewSession;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Opened, ShownSession};
use crate::accounts::{Accounts, ledger_failed};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Credentials)]
pub struct Body {
    /// The account's address.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ana@example.org")]
    email: Email,
    /// Its password.
    password: String,
}

/// Signs somebody in: an access token, and a cookie that renews it once.
///
/// Whether the address or the password is wrong is not told, and takes just as long.
#[utoipa::path(
    post, operation_id = "sign_in", path = "/api/v1/sessions", tag = "accounts",
    request_body = Body,
    responses(
        (status = 200, description = "The session; `Set-Cookie` holds what renews it", body = ShownSession),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`wrong-credentials`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`: too many guesses, or too many at once"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    ClientAddress(address): ClientAddress,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<Opened, Problem> {
    accounts.count_guess(address, &body.email)?;
    let known = accounts.ledger.credentials(&body.email).await;
    let known = known.map_err(ledger_failed)?;
    let hash = known.as_ref().map(|(_, hash)| hash.as_str());
    let fits = accounts.passwords.fits(&body.password, hash).await?;
    let (account, hash) = known.filter(|_| fits).ok_or(Refusal::WrongCredentials)?;
    let (session, secret) = (
        SessionId::generate(accounts.random.as_ref()),
        Secret::generate(accounts.random.as_ref()),
    );
    let now = accounts.now().await?;
    let ends_at = now.plus(SESSION_S * 1_000);
    let new = NewSession {
        account: &account,
        password_hash: &hash,
        session: &session,
        digest: &secret.digest(),
        at: now,
        ends_at,
    };
    let begun = accounts.ledger.begin_session(new).await;
    let begun = begun.map_err(ledger_failed)?;
    let begun = begun.ok_or(Refusal::WrongCredentials)?;
    accounts.end_access(&begun.ended).await;
    Opened::new(&accounts, (begun.account, session), &secret, (now, ends_at)).await
}
