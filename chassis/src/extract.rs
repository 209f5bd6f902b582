//! Extractors whose rejections are problems: JSON bodies that name the wrong field, paths and queries that parse.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body. Not JSON → `unsupported-media-type`; too large → `too-large`; malformed, unknown or wrong field → `bad-request`
/// naming the field (`serde_path_to_error`); NUL in a text → `bad-request`. An empty body reads as `{}`.
pub struct Json<T>(pub T);

/// Path parameters that parse; one that does not → `not-found`, or `no-such-event` for an event id.
pub struct Path<T>(pub T);

/// Query parameters; an unknown or wrong one → `bad-request` naming it.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(_request: Request, _state: &S) -> Result<Self, Problem> {
        unimplemented!()
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        unimplemented!()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        unimplemented!()
    }
}
