//! `DELETE /api/v1/sessions/me`: signs somebody out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use chassis::Problem;
use chassis::visitor::bearer;

use super::{set_cookie, shown_secret};
use crate::accounts::{Accounts, ledger_failed};

/// Signs out: the session of the cookie, or of the access token, ends at once. Signing out twice is signing out.
#[utoipa::path(
    delete, operation_id = "sign_out", path = "/api/v1/sessions/me", tag = "accounts",
    responses(
        (status = 204, description = "No session is left"),
        (status = 403, description = "`foreign-origin`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security((), ("session_cookie" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Problem> {
    let now = accounts.now().await?;
    let mut ended = Vec::new();
    if let Some(secret) = shown_secret(&accounts, &headers)? {
        let session = accounts.ledger.end_session(&secret.digest(), now).await;
        ended.extend(session.map_err(ledger_failed)?);
    }
    if let Some(token) = bearer(&headers)
        && let Ok(Ok(access)) = accounts.store.access(token).await
    {
        let session = accounts.ledger.end_session_of(&access.session, now).await;
        ended.extend(session.map_err(ledger_failed)?);
    }
    accounts.end_access(&ended).await;
    let forgotten = [(SET_COOKIE, set_cookie(&accounts, "", 0))];
    Ok((StatusCode::NO_CONTENT, forgotten))
}
