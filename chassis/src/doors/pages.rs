//! The pages that both doors have: what each problem means, and the API's description, for programs and for people.

use axum::Router;
use axum::extract::Path;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use domain::Refusal;
use domain::refusal::Shown;
use utoipa::openapi::OpenApi;

use super::docs;
use super::markup::{LOOK, escaped, framed, marked_up};
use crate::problem::Problem;

const AN_HOUR: &str = "public, max-age=3600";

/// `GET /problems/{name}`, `GET /api/openapi.json`, and `GET /docs`, which shows the same document to people.
pub(super) fn routes(api: &OpenApi) -> Router {
    let described = Bytes::from(api.to_json().unwrap_or_default());
    let explained = docs::page(&serde_json::to_value(api).unwrap_or_default());
    Router::new()
        .route("/problems/{name}", get(problem))
        .merge(fixed(
            "/api/openapi.json",
            "application/json",
            None,
            described,
        ))
        .merge(fixed(
            "/docs",
            "text/html; charset=utf-8",
            Some(AN_HOUR),
            explained.into(),
        ))
        .merge(fixed(
            LOOK,
            "text/css; charset=utf-8",
            Some(AN_HOUR),
            docs::LOOK.into(),
        ))
}

/// `GET path`: what was there when the process started.
fn fixed(path: &str, kind: &'static str, kept: Option<&'static str>, body: Bytes) -> Router {
    Router::new().route(
        path,
        get(move || {
            let body = body.clone();
            async move {
                let kept = kept.map(|kept| [(CACHE_CONTROL, kept)]);
                ([(CONTENT_TYPE, kind)], kept, body).into_response()
            }
        }),
    )
}

/// What a path without a route is answered: the root of a process that serves no page says what this is.
pub(super) async fn nothing_here(uri: Uri) -> Response {
    if uri.path() == "/" {
        return "Stanchion: a waiting room that issues the scarce thing. /docs explains every call.\n"
            .into_response();
    }
    Problem::from(Refusal::NotFound).into_response()
}

#[utoipa::path(
    get,
    path = "/problems/{name}",
    tag = "every process",
    params(("name" = String, Path, description = "The last part of a problem's `type`")),
    responses(
        (status = 200, description = "A page that explains the problem", content_type = "text/html", body = String),
        (status = 404, description = "`not-found`"),
    )
)]
pub(super) async fn problem(Path(name): Path<String>) -> Result<impl IntoResponse, Problem> {
    let refusal = Refusal::named(&name).ok_or(Refusal::NotFound)?;
    Ok(([(CACHE_CONTROL, AN_HOUR)], Html(page(refusal.shown()))))
}

/// The table's row as a page. The table is ours, but its text is escaped all the same.
fn page(shown: Shown) -> String {
    let body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n<p><code>/problems/{}</code>, HTTP status {}. <a href=\"/docs\">Every call</a></p>",
        escaped(shown.title),
        marked_up(shown.explanation, "/problems/"),
        shown.name,
        shown.status
    );
    framed(shown.title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_page_that_explains_it() {
        for refusal in Refusal::ALL {
            let page = page(refusal.shown());
            assert!(page.contains(&escaped(refusal.shown().title)), "{page}");
            assert!(!page.contains("Bearer <"), "{page}");
        }
    }
}
