//! `POST /api/v1/sessions/refresh`: renews a session by its cookie.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use chassis::Problem;
use domain::Refusal;
use domain::secret::Secret;
use ledger::Renewed;

use super::{Opened, ShownSession, shown_secret};
use crate::accounts::{Accounts, ledger_failed};

/// Renews a session: a new access token and a new cookie. Each cookie serves once.
///
/// A cookie that comes a second time ends its session, with every token and cookie that came of it: somebody has a copy.
#[utoipa::path(
    post, operation_id = "renew_session", path = "/api/v1/sessions/refresh", tag = "accounts",
    responses(
        (status = 200, description = "The session goes on; `Set-Cookie` holds what renews it next", body = ShownSession),
        (status = 401, description = "`session-ended`"),
        (status = 403, description = "`foreign-origin`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("session_cookie" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    headers: HeaderMap,
) -> Result<Opened, Problem> {
    let shown = shown_secret(&accounts, &headers)?;
    let shown = shown.ok_or(Refusal::SessionEnded)?;
    let fresh = Secret::generate(accounts.random.as_ref());
    let now = accounts.now().await?;
    let renewed = accounts
        .ledger
        .renew_session(&shown.digest(), &fresh.digest(), now)
        .await;
    match renewed.map_err(ledger_failed)? {
        Renewed::Goes {
            session,
            account,
            ends_at,
        } => Opened::new(&accounts, (account, session), &fresh, (now, ends_at)).await,
        Renewed::Reused(session) => {
            tracing::warn!(%session, "a refresh cookie was used twice: its session is ended");
            accounts.end_access(&[session]).await;
            Err(Refusal::SessionEnded.into())
        }
        Renewed::Ended => Err(Refusal::SessionEnded.into()),
    }
}
