//! The console's page: `GET /` and the files it loads. It holds no secret, so it is open; every call it makes is not.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use chassis::Problem;
use domain::Refusal;

/// The routes of the page.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(page))
        .route("/assets/{*file}", get(asset))
}

async fn page() -> impl axum::response::IntoResponse {
    ([(CACHE_CONTROL, "no-cache")], Html(web::console_shell()))
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = web::asset(&format!("/assets/{file}")).ok_or(Refusal::NotFound)?;
    let lists = |name: HeaderName, wanted: &str| {
        let held = headers.get(name).and_then(|value| value.to_str().ok());
        held.is_some_and(|held| held.split(',').any(|one| one.trim() == wanted))
    };
    let cache = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let always = [
        (ETAG, asset.etag.as_str()),
        (CACHE_CONTROL, cache),
        (VARY, "accept-encoding"),
    ];
    if lists(IF_NONE_MATCH, &asset.etag) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    let kind = [(CONTENT_TYPE, asset.content_type)];
    Ok(match asset.gzip {
        Some(gzip) if lists(ACCEPT_ENCODING, "gzip") => {
            (always, kind, [(CONTENT_ENCODING, "gzip")], Body::from(gzip)).into_response()
        }
        _ => (always, kind, Body::from(asset.bytes)).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn get_as(path: &str, header: Option<(HeaderName, &str)>) -> Response {
        let mut request = Request::get(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).unwrap();
        routes::<()>().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_page_and_all_it_loads_are_there_and_kept() {
        let page = get_as("/", None).await;
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
        let loaded = web::console_shell()
            .split('"')
            .filter(|text| text.starts_with("/assets/"));
        for path in loaded {
            let plain = get_as(path, None).await;
            assert_eq!(plain.status(), 200, "{path}");
            assert!(!plain.headers().contains_key(CONTENT_ENCODING));
            assert!(
                plain.headers()[CACHE_CONTROL]
                    .to_str()
                    .unwrap()
                    .contains("immutable")
            );
            let etag = plain.headers()[ETAG].to_str().unwrap().to_owned();
            let gzipped = get_as(path, Some((ACCEPT_ENCODING, "br, gzip"))).await;
            assert_eq!(gzipped.headers()[CONTENT_ENCODING], "gzip");
            let kept = get_as(path, Some((IF_NONE_MATCH, &etag))).await;
            assert_eq!(kept.status(), 304);
        }
        assert_eq!(get_as("/assets/nothing.js", None).await.status(), 404);
        assert_eq!(get_as("/console.html", None).await.status(), 404);
    }
}
