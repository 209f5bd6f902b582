//! Every reply carries `X-Request-Id`: echoed when it is 1–128 visible ASCII characters, else new.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::Random;

/// The header that carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request, in the request's extensions: for logs and for the body of problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that the client sent, if it sent exactly one good one, else a new one of 32 hexadecimal digits.
    pub(crate) fn of(headers: &HeaderMap, random: &dyn Random) -> Self {
        let mut sent = headers.get_all(X_REQUEST_ID).iter();
        match (sent.next().and_then(visible), sent.next()) {
            (Some(id), None) => Self(id.into()),
            _ => Self::new(random),
        }
    }

    fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(format!("{:032x}", u128::from_be_bytes(bytes)).into())
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("unknown"))
    }
}

/// The value, when it is 1–128 visible ASCII characters.
fn visible(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemRandom;

    fn id_for(values: &[&[u8]]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers, &SystemRandom)
    }

    #[test]
    fn a_good_id_is_echoed_and_anything_else_replaced() {
        assert_eq!(id_for(&[b"order-7/a"]).as_str(), "order-7/a");
        assert_eq!(id_for(&[&[b'x'; 128]]).as_str(), "x".repeat(128));
        let refused: [&[&[u8]]; 6] = [
            &[],
            &[b""],
            &[&[b'x'; 129]],
            &[b"two words"],
            &["é".as_bytes()],
            &[b"a", b"b"],
        ];
        for values in refused {
            let id = id_for(values);
            assert_eq!(id.as_str().len(), 32, "{values:?}");
            assert!(id.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        }
        assert_ne!(id_for(&[]), id_for(&[]));
    }
}
