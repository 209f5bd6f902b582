//! The one error body of the whole API: RFC 9457 `application/problem+json`.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use domain::event::InvalidField;
use serde::Serialize;

/// A refusal as an answer: its row in the table of [`Refusal`], one sentence that says what to do, and named members.
/// The request's id is filled in by the request id layer.
#[derive(Clone, Debug)]
pub struct Problem {
    refusal: Refusal,
    detail: String,
    members: serde_json::Map<String, serde_json::Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// `refusal`, with one sentence that says what to do.
    pub fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            detail: detail.into(),
            members: serde_json::Map::new(),
            headers: Vec::new(),
        }
    }

    /// `bad-request` naming the field.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::new(Refusal::BadRequest, detail).with("field", field)
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

    /// `try-again` with a jittered `Retry-After`, for a store that does not answer. Logs the failure once.
    pub fn try_again(failure: impl std::fmt::Display) -> Self {
        let _ = failure;
        unimplemented!()
    }

    /// `outcome-unknown` with a jittered `Retry-After`, for an answer that was lost. Logs the failure once.
    pub fn outcome_unknown(failure: impl std::fmt::Display) -> Self {
        let _ = failure;
        unimplemented!()
    }

    /// The refusal.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let _ = (&self.detail, &self.members, &self.headers);
        unimplemented!()
    }
}
