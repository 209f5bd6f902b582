//! The ticket as a credential: `Authorization: Bearer <ticket>`, and how each flaw is refused (RFC 6750).

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue};
use chassis::Problem;
use chassis::visitor::bearer;
use domain::Refusal;
use domain::ticket::Claims;

use crate::keys::{Keys, Unread};

/// The ticket that a request carries: ours, whole, and signed with a published key. Its times are the store's to judge.
pub async fn presented(keys: &Keys, headers: &HeaderMap) -> Result<Claims, Problem> {
    // RFC 6750, section 3.1: no error code for a request that carries no credential at all.
    read(keys, bearer(headers).ok_or(Refusal::TicketInvalid)?).await
}

/// As [`presented`], of a ticket that came another way.
pub async fn read(keys: &Keys, ticket: &str) -> Result<Claims, Problem> {
    keys.read(ticket).await.map_err(|unread| match unread {
        Unread::Invalid(flaw) => refused(
            Refusal::TicketInvalid,
            format!(
                "This ticket is not accepted: {flaw}. Send it exactly as the line gave it, as `Authorization: Bearer <ticket>`."
            ),
        ),
        Unread::KeysAway => Problem::try_again(unread),
    })
}

/// A ticket whose time is over.
pub fn expired() -> Problem {
    refused(
        Refusal::TicketExpired,
        Refusal::TicketExpired.shown().explanation,
    )
}

/// A ticket whose time has not begun.
pub fn not_yet_valid() -> Problem {
    refused(
        Refusal::TicketInvalid,
        "This ticket is not valid yet. Send it again in a few seconds.",
    )
}

fn refused(refusal: Refusal, detail: impl Into<String>) -> Problem {
    Problem::new(refusal, detail).header(
        WWW_AUTHENTICATE,
        HeaderValue::from_static(r#"Bearer error="invalid_token""#),
    )
}
