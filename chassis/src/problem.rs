//! The one error body of the whole API: RFC 9457 `application/problem+json`.

mod kept;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::event::InvalidField;
use domain::{Random, Refusal};
use serde::Serialize;

use crate::request_id::RequestId;
use crate::system::SystemRandom;

/// Between these many seconds a client is told to wait when a store does not answer; spread, so that all do not come
/// back at once.
const WAIT_S: std::ops::RangeInclusive<u32> = 1..=4;

/// A refusal as an answer: its row in the table of [`Refusal`], one sentence that says what to do, and named members.
/// The request's id is filled in by the request id layer.
#[derive(Clone, Debug)]
pub struct Problem {
    refusal: Refusal,
    detail: String,
    members: serde_json::Map<String, serde_json::Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong on our side: for the log, never for the client.
    failure: Option<String>,
}

/// The body as it is sent.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    members: &'a serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// `refusal`, with one sentence that says what to do.
    pub fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            detail: detail.into(),
            members: serde_json::Map::new(),
            headers: Vec::new(),
            failure: None,
        }
    }

    /// `bad-request` naming the field.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::new(Refusal::BadRequest, detail).with("field", field)
    }

    /// A path that speaks WebSocket was asked without a handshake.
    #[must_use]
    pub fn no_handshake() -> Self {
        let detail = "This path speaks WebSocket: connect with a WebSocket client.";
        Self::field("upgrade", detail)
    }

    /// Adds an extension member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.members.insert(member.to_owned(), value);
        self
    }

    /// Adds a header, such as `Retry-After` or `WWW-Authenticate`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in whole seconds.
    #[must_use]
    pub fn retry_after(self, wait_s: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(wait_s))
    }

    /// `try-again` with a jittered `Retry-After`, for a store that does not answer. The layer around every route logs the
    /// failure, with the request's id.
    pub fn try_again(failure: impl std::fmt::Display) -> Self {
        Self::from(Refusal::TryAgain).after(failure)
    }

    /// `outcome-unknown` with a jittered `Retry-After`, for an answer that was lost. Logged as [`Self::try_again`] is.
    pub fn outcome_unknown(failure: impl std::fmt::Display) -> Self {
        Self::from(Refusal::OutcomeUnknown).after(failure)
    }

    fn after(mut self, failure: impl std::fmt::Display) -> Self {
        self.failure = Some(failure.to_string());
        self.retry_after(jittered_wait_s(&SystemRandom))
    }

    /// The refusal.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// What went wrong on our side, if that is why.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The problem as a reply that names the request.
    pub(crate) fn render(&self, request: Option<&RequestId>) -> Response {
        let shown = self.refusal.shown();
        let body = Body {
            kind: format!("/problems/{}", shown.name),
            title: shown.title,
            status: shown.status,
            detail: &self.detail,
            request_id: request.map(RequestId::as_str),
            members: &self.members,
        };
        let status = StatusCode::from_u16(shown.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, serde_json::to_vec(&body).unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        response
    }
}

/// How long to wait before trying again, in seconds.
fn jittered_wait_s(random: &dyn Random) -> u32 {
    WAIT_S.start() + random.below(WAIT_S.end() - WAIT_S.start() + 1)
}

/// A refusal with the table's explanation as its detail.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal, refusal.shown().explanation)
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        Self::field(
            invalid.field,
            format!("`{}` {}.", invalid.field, invalid.detail),
        )
    }
}

/// The problem travels with the reply, so that the layer around every route can name the request in it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_its_row_of_the_table_its_members_and_its_headers() {
        let problem = Problem::field("title", "`title` is required.")
            .with("allowed", ["open", "closed"])
            .retry_after(7);
        let reply = problem.into_response();
        assert_eq!(reply.status(), 400);
        assert_eq!(reply.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(reply.headers()[RETRY_AFTER], "7");
        let body = body(reply);
        assert_eq!(body["type"], "/problems/bad-request");
        assert_eq!(body["status"], 400);
        assert_eq!(body["detail"], "`title` is required.");
        assert_eq!(body["field"], "title");
        assert_eq!(body["allowed"][1], "closed");
        assert!(body.get("request_id").is_none());
    }

    #[test]
    fn every_401_says_how_to_authenticate() {
        let reply = Problem::from(Refusal::NoPlace).into_response();
        assert_eq!(reply.headers()[WWW_AUTHENTICATE], "Bearer");
        let own = Problem::from(Refusal::TicketExpired).header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        );
        assert_eq!(
            own.into_response().headers()[WWW_AUTHENTICATE],
            "Bearer error=\"invalid_token\""
        );
    }

    #[test]
    fn a_store_that_does_not_answer_asks_for_a_bounded_wait() {
        for _ in 0..50 {
            let reply = Problem::try_again("gone").into_response();
            assert_eq!(reply.status(), 503);
            let wait: u32 = reply.headers()[RETRY_AFTER]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!(WAIT_S.contains(&wait));
        }
        let lost = Problem::outcome_unknown("late").into_response();
        assert_eq!(body(lost)["type"], "/problems/outcome-unknown");
    }

    fn body(reply: Response) -> serde_json::Value {
        let bytes =
            futures_util::FutureExt::now_or_never(axum::body::to_bytes(reply.into_body(), 9_999))
                .unwrap()
                .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}
