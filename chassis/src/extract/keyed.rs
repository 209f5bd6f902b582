//! A JSON body with what its `Idempotency-Key` asks for.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use domain::once::{BodyDigest, Once};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::{parse, read_json};
use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const LONGEST: usize = 255;

/// A JSON body as [`super::Json`] reads it, and the caller's wish that the call takes effect once. A key that is none →
/// `bad-request`.
pub struct Keyed<T>(pub T, pub Asked);

/// How the header is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header that `key` reads")]
pub struct IdempotencyKey {
    /// The same key and body again get the same answer, for 24 hours.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    key: Option<String>,
}

/// What was asked, byte for byte, and under which key.
pub struct Asked {
    call: KeyedCall,
    body: Bytes,
}

/// What a call with a body of its own kind is about, and under which key.
pub struct KeyedCall {
    key: Option<String>,
    path: String,
}

impl KeyedCall {
    /// Reads the head of a request. A key that is none → `bad-request`.
    pub fn of<B>(request: &axum::http::Request<B>) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        let target = request.uri().path_and_query();
        let target = target.map_or("", |target| target.as_str());
        let path = format!("{} {target}", request.method());
        Ok(Self { key, path })
    }

    /// The call as the store compares it, once its body is read; `None` without a key.
    #[must_use]
    pub fn by(&self, caller: &str, body: BodyDigest) -> Option<Once> {
        let key = self.key.as_deref()?;
        Some(Once::of_digest(caller, &self.path, key, body))
    }
}

impl Asked {
    /// The call as the store compares it; `None` without a key.
    #[must_use]
    pub fn by(&self, caller: &str) -> Option<Once> {
        let mut digest = BodyDigest::default();
        digest.take(&self.body);
        self.call.by(caller, digest)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Keyed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let call = KeyedCall::of(&request)?;
        let body = read_json(request).await?;
        let asked = Asked { call, body };
        parse(&asked.body).map(|body| Self(body, asked))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut sent = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = sent.next() else {
        return Ok(None);
    };
    let fits = (1..=LONGEST).contains(&value.len())
        && value.as_bytes().iter().all(u8::is_ascii_graphic)
        && sent.next().is_none();
    match value.to_str() {
        Ok(key) if fits => Ok(Some(key.to_owned())),
        _ => Err(Problem::field(
            "Idempotency-Key",
            "`Idempotency-Key` must be one header of 1 to 255 visible ASCII characters.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_header_of_visible_ascii() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(key(&headers(&[])).unwrap(), None);
        assert_eq!(key(&headers(&["a-1"])).unwrap().as_deref(), Some("a-1"));
        assert!(key(&headers(&[&"x".repeat(255)])).is_ok());
        let long = "x".repeat(256);
        for bad in [&[""][..], &["a b"], &["ä"], &[&long], &["a", "a"]] {
            assert!(key(&headers(bad)).is_err(), "{bad:?}");
        }
    }
}
