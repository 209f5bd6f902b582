//! The refusals of the lettered paths, in the words that their clients know: `{"error": …}`, and plain text where no handler
//! was meant.

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::reply::AsWritten;
use domain::Phase;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The body is not JSON, or a field of it is of the wrong type.
    InvalidBody,
    /// A field is not as it must be.
    Field(&'static str, Wrong),
    /// There is a coupon of this name.
    Exists,
    /// There is none.
    NotFound,
    /// The user has one.
    AlreadyClaimed,
    /// None is left.
    OutOfStock,
    /// The organiser does not give any at the moment, or any more.
    NotOpen(Phase),
    /// The body is too large.
    TooLarge,
    /// The path takes only these methods.
    NoMethod(&'static str),
    /// No such path: the method and the path that were asked.
    NoPath(String),
    /// Something failed on our side: for the log.
    Failed(String),
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not there, or empty.
    Missing,
    /// It is nothing but white space.
    Blank,
    /// It is longer than 255 characters.
    TooLong,
    /// It holds the character NUL.
    Nul,
    /// It is less than 1.
    TooSmall,
    /// It does not fit into 32 bits.
    TooLarge,
}

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = DirectError)]
pub struct Said {
    /// What is wrong.
    #[schema(example = "coupon out of stock")]
    error: String,
}

impl Refused {
    /// No route takes `path`.
    pub fn no_path(method: &Method, path: &str) -> Self {
        let path = path
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#39;")
            .replace('"', "&#34;");
        Self::NoPath(format!("Cannot {method} {path}"))
    }

    fn error(&self) -> (StatusCode, String) {
        let (status, text) = match self {
            Self::InvalidBody => (StatusCode::BAD_REQUEST, "invalid request body"),
            Self::Exists => (StatusCode::CONFLICT, "coupon already exists"),
            Self::NotFound => (StatusCode::NOT_FOUND, "coupon not found"),
            Self::AlreadyClaimed => (StatusCode::CONFLICT, "coupon already claimed by user"),
            Self::OutOfStock => (StatusCode::BAD_REQUEST, "coupon out of stock"),
            Self::NotOpen(phase) => {
                let text = match phase {
                    Phase::Draft => return Self::NotFound.error(),
                    Phase::Lobby => "coupon not open yet",
                    Phase::Open | Phase::Paused => "coupon paused",
                    Phase::Draining | Phase::Closed => "coupon closed",
                };
                (StatusCode::BAD_REQUEST, text)
            }
            Self::Field(field, wrong) => {
                let text = format!("invalid request: {field} {}", wrong.text());
                return (StatusCode::BAD_REQUEST, text);
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::NoMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Self::NoPath(text) => (StatusCode::NOT_FOUND, text.as_str()),
            Self::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal server error"),
        };
        (status, text.to_owned())
    }
}

impl Wrong {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => "is required",
            Self::Blank => "cannot be whitespace only",
            Self::TooLong => "exceeds maximum length of 255",
            Self::Nul => "cannot hold the character NUL",
            Self::TooSmall => "must be at least 1",
            Self::TooLarge => "must be at most 2147483647",
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = self.error();
        let mut response = match self {
            Self::TooLarge | Self::NoPath(_) | Self::NoMethod(_) => {
                let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
                (status, plain, error).into_response()
            }
            _ => (status, Json(Said { error })).into_response(),
        };
        if let Self::NoMethod(allowed) = self {
            let allowed = axum::http::HeaderValue::from_static(allowed);
            response.headers_mut().insert(ALLOW, allowed);
        }
        let failure = match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        };
        response.extensions_mut().insert(AsWritten { failure });
        response
    }
}
