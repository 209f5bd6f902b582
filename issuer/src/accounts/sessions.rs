//! Sessions as browsers and clients see them: an access token in the answer, and the cookie that renews it.

pub mod begin;
pub mod end;
pub mod refresh;

use axum::Json;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use chassis::Problem;
use chassis::visitor::cookie;
use domain::Millis;
use domain::secret::Secret;
use domain::session::{ACCESS_S, Access, SessionId};
use ledger::Account;
use serde::Serialize;
use utoipa::ToSchema;

use super::Accounts;
use super::shown::ShownAccount;

/// A session that begins or goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownSession {
    /// Opens doors: `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// How long the access token opens doors, in seconds.
    #[schema(example = 600)]
    expires_in_s: i64,
    /// Whose it is.
    account: ShownAccount,
}

/// A session with the cookie that renews it.
pub struct Opened {
    session: ShownSession,
    cookie: HeaderValue,
}

impl Opened {
    /// What the account is answered with, `now`; the session ends at `ends_at`.
    async fn new(
        accounts: &Accounts,
        (account, session): (Account, SessionId),
        secret: &Secret,
        (now, ends_at): (Millis, Millis),
    ) -> Result<Self, Problem> {
        let access = Access {
            account: account.id.clone(),
            session,
            role: account.role,
        };
        let stores = (&accounts.ledger, &accounts.store);
        Ok(Self {
            session: ShownSession {
                access_token: accounts.key.sign(&access, now, stores).await?,
                token_type: "Bearer",
                expires_in_s: ACCESS_S,
                account: account.into(),
            },
            cookie: set_cookie(accounts, secret.reveal(), ends_at.seconds() - now.seconds()),
        })
    }
}

impl IntoResponse for Opened {
    fn into_response(self) -> Response {
        ([(SET_COOKIE, self.cookie)], Json(self.session)).into_response()
    }
}

/// Over https the name's prefix makes browsers take the cookie from us alone.
fn cookie_name(accounts: &Accounts) -> &'static str {
    if accounts.visitors.is_secure() {
        "__Secure-stanchion-session"
    } else {
        "stanchion-session"
    }
}

/// The secret in the request's cookie; only our own pages may use it.
fn shown_secret(accounts: &Accounts, headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let secret = cookie(cookie_name(accounts), headers);
    if secret.is_some() {
        accounts.visitors.same_origin(headers)?;
    }
    Ok(secret)
}

/// The cookie that holds `value` for so many seconds; none takes it away.
fn set_cookie(accounts: &Accounts, value: &str, age_s: i64) -> HeaderValue {
    let name = cookie_name(accounts);
    let secure = if accounts.visitors.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{name}={value}; Path=/api/v1/sessions; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"
    );
    // Secrets are visible ASCII, so this is always a header's value.
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}
