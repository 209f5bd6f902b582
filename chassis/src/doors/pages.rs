//! The pages that both doors have: what each problem means, and the API's description.

use std::fmt::Write as _;

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

use crate::problem::Problem;

const AN_HOUR: &str = "public, max-age=3600";

/// `GET /problems/{name}` and `GET /api/openapi.json`.
pub(super) fn routes(api: &OpenApi) -> Router {
    let described = Bytes::from(api.to_json().unwrap_or_default());
    Router::new().route("/problems/{name}", get(problem)).route(
        "/api/openapi.json",
        get(move || {
            let described = described.clone();
            async move { ([(CONTENT_TYPE, "application/json")], described) }
        }),
    )
}

/// What a path without a route is answered: the root of a process that serves no page says what this is.
pub(super) async fn nothing_here(uri: Uri) -> Response {
    if uri.path() == "/" {
        return "Stanchion: a waiting room that issues the scarce thing. /api/openapi.json lists every call.\n"
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

/// The table's row as a plain page. The table is ours, but its text is escaped all the same.
fn page(shown: Shown) -> String {
    let (title, explanation) = (escaped(shown.title), marked_up(shown.explanation));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p>{explanation}</p>\n<p><code>/problems/{}</code>, HTTP status {}</p>\n</html>\n",
        shown.name, shown.status
    )
}

/// Escaped text with `code` between back-ticks.
fn marked_up(text: &str) -> String {
    let mut page = String::new();
    for (n, piece) in text.split('`').enumerate() {
        let piece = escaped(piece);
        // Writing to a String does not fail.
        let _ = if n % 2 == 1 {
            write!(page, "<code>{piece}</code>")
        } else {
            write!(page, "{piece}")
        };
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
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
