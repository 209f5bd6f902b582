//! `GET /assets/*`: the files of the queue page. Their names hold a digest, so they may be kept for ever.

use std::borrow::Cow;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chassis::Problem;
use domain::Refusal;

use crate::status::has;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const SHORTLY: &str = "public, max-age=60";

/// A file of the queue page.
pub async fn handler(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = web::asset(uri.path()).ok_or(Refusal::NotFound)?;
    let age = if asset.immutable { FOR_EVER } else { SHORTLY };
    let etag = HeaderValue::from_str(&asset.etag).unwrap_or(HeaderValue::from_static("\"\""));
    let known = has(&headers, &etag);
    let kept = [
        (CACHE_CONTROL, HeaderValue::from_static(age)),
        (VARY, HeaderValue::from_static("accept-encoding")),
        (ETAG, etag),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let kind = [(CONTENT_TYPE, asset.content_type)];
    Ok(match asset.gzip.filter(|_| takes_gzip(&headers)) {
        Some(gzip) => {
            let zipped = [(CONTENT_ENCODING, "gzip")];
            (kept, kind, zipped, bytes(gzip)).into_response()
        }
        None => (kept, kind, bytes(asset.bytes)).into_response(),
    })
}

/// The built-in files are not copied.
fn bytes(file: Cow<'static, [u8]>) -> Bytes {
    match file {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// Does the caller accept gzip, with a weight that is not zero (RFC 9110, section 12.5.3)?
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|sent| sent.to_str().ok())
        .flat_map(|sent| sent.split(','))
        .filter_map(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            (name.trim().eq_ignore_ascii_case("gzip")).then_some(weight.trim())
        })
        .any(|weight| !matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
}
