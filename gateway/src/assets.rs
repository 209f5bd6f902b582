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

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::tests::rig::{Rig, request};

    #[tokio::test]
    async fn what_the_page_loads_is_served_for_ever_and_gzipped_where_that_is_understood() {
        let rig = Rig::start().await;
        let paths = web::queue_shell()
            .split('"')
            .filter(|text| text.starts_with("/assets/"));
        for path in paths {
            let asked = |name, value| request(Method::GET, path, &[(name, value)], "");
            let plain = rig.send(asked("accept-encoding", "br, gzip;q=0")).await;
            assert_eq!(plain.status, 200, "{path}");
            assert_eq!(plain.header(CONTENT_ENCODING), "");
            assert!(plain.header(CACHE_CONTROL).contains("immutable"));
            let zipped = rig.send(asked("accept-encoding", "br, GZIP;q=0.5")).await;
            assert_eq!(zipped.header(CONTENT_ENCODING), "gzip");
            assert!(zipped.bytes.len() < plain.bytes.len());
            assert_eq!(zipped.header(CONTENT_TYPE), plain.header(CONTENT_TYPE));
            let known = rig.send(asked("if-none-match", plain.header(ETAG))).await;
            assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));
        }
        for path in ["/assets/nothing.js", "/assets/../queue.html", "/assets/"] {
            let reply = rig.send(request(Method::GET, path, &[], "")).await;
            assert_eq!(reply.status, 404, "{path}");
        }
    }
}
