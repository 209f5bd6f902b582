//! What a call can end in besides its answer: a refusal of the API, or a failure on the way.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API refused, with a reason.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// The call never arrived or its answer was lost. What it asked for may have been done.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server answered with something that this API never says.
    #[error("the answer was not understood: {0}")]
    NotUnderstood(String),
    /// The server closed the socket with a code other than 1000.
    #[error("the socket was closed with {code}: {reason}")]
    Closed {
        /// The WebSocket close code.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The address given to the client is no usable URL.
    #[error("`{0}` is not a URL such as http://127.0.0.1:8080")]
    BadUrl(String),
}

/// A refusal, as RFC 9457 `application/problem+json`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name: the last part of `type`.
    pub name: String,
    /// A few words, the same in every case.
    pub title: String,
    /// One sentence that says what to do.
    pub detail: String,
    /// The request's id, to be quoted to the operator.
    pub request_id: String,
    /// How long the server wants to be left alone, if it said so (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Extension members such as `field` or `allowed`.
    pub members: Map<String, Value>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    request_id: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    /// Reads a problem's body; `None` when it is none of this API.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(json).ok()?;
        let name = body.kind.strip_prefix("/problems/")?.to_owned();
        Some(Self {
            status: body.status,
            name,
            title: body.title,
            detail: body.detail,
            request_id: body.request_id,
            retry_after: None,
            members: body.members,
        })
    }
}

impl ApiError {
    /// The refusal, if it is one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Is it the refusal of this name?
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.problem().is_some_and(|problem| problem.name == name)
    }

    /// An answer that cannot be decoded.
    pub(crate) fn not_understood(what: impl std::fmt::Display) -> Self {
        Self::NotUnderstood(what.to_string())
    }
}

impl From<reqwest::Error> for ApiError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(with_causes(&error.without_url()))
    }
}

/// An error and its causes in one line, each said once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !line.contains(&said) {
            line.push_str(": ");
            line.push_str(&said);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_its_name_and_its_members() {
        let json = br#"{"type":"/problems/phase-move","title":"t","status":409,"detail":"d.","request_id":"r","from":"draft"}"#;
        let problem = Problem::read(json).unwrap();
        assert_eq!((problem.status, problem.name.as_str()), (409, "phase-move"));
        assert_eq!(problem.members["from"], "draft");
        assert_eq!(problem.to_string(), "d.");
        assert_eq!(Problem::read(b"Bad Gateway"), None);
        assert_eq!(
            Problem::read(
                br#"{"type":"about:blank","title":"","status":1,"detail":"","request_id":""}"#
            ),
            None
        );
    }
}
