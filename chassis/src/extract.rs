//! Extractors whose rejections are problems: JSON bodies that name the wrong field, paths and queries that parse.

mod keyed;
mod wrong_field;

pub use keyed::{Asked, IdempotencyKey, Keyed, KeyedCall};

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use domain::{EventId, Refusal};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::problem::Problem;
use wrong_field::{nul_in, wrong_field};

/// The largest body of a call, in bytes.
pub const MOST_BODY: usize = 16 * 1024;

/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A JSON body. Not JSON → `unsupported-media-type`; too large → `too-large`; malformed, unknown or wrong field → `bad-request`
/// naming the field (`serde_path_to_error`); NUL in a text → `bad-request`. An empty body reads as `{}`.
pub struct Json<T>(pub T);

/// Path parameters that parse; one that does not → `not-found`, or `no-such-event` for an event id (a parameter `event`).
pub struct Path<T>(pub T);

/// Query parameters; an unknown or wrong one → `bad-request` naming it. Unknown ones are refused when `T` says
/// `#[serde(deny_unknown_fields)]`.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        parse(&read_json(request).await?).map(Self)
    }
}

/// The body of a request that says it is JSON; `{}` for an empty one.
async fn read_json(request: Request) -> Result<Bytes, Problem> {
    let media = media(request.headers());
    if media == Media::Other {
        return Err(Refusal::UnsupportedMediaType.into());
    }
    let body = read_body(request, BODY_DEADLINE).await?;
    match (body.is_empty(), media) {
        (true, _) => Ok(Bytes::from_static(b"{}")),
        (false, Media::Unnamed) => Err(Refusal::UnsupportedMediaType.into()),
        (false, _) => Ok(body),
    }
}

/// What the request says its body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Other,
    Unnamed,
}

fn media(headers: &HeaderMap) -> Media {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Media::Unnamed;
    };
    let essence = value
        .to_str()
        .ok()
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        Media::Json
    } else {
        Media::Other
    }
}

/// Reads the whole body, at most [`MOST_BODY`] bytes of it, in `deadline`.
async fn read_body(request: Request, deadline: Duration) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced: Option<usize> = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > MOST_BODY) {
        return Err(Refusal::TooLarge.into());
    }
    let reading = Limited::new(request.into_body(), MOST_BODY).collect();
    match tokio::time::timeout(deadline, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(failure)) if failure.is::<LengthLimitError>() => Err(Refusal::TooLarge.into()),
        Ok(Err(_)) => Err(Problem::new(
            Refusal::BadRequest,
            "The body ended before it was whole; send it again.",
        )),
        Err(_) => Err(Problem::new(
            Refusal::BadRequest,
            "The body did not arrive in time; send it again.",
        )),
    }
}

/// Parses one JSON object that fills the whole body.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(
            Refusal::BadRequest,
            "The body must be one JSON object.",
        ));
    }
    if let Some(field) = nul_in(body) {
        return Err(Problem::field(
            &field,
            format!("`{field}` must not hold the character NUL."),
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|wrong| {
        let path = wrong.path().to_string();
        let failure = wrong.into_inner();
        // A name of an enum that is not a text is a syntax error to serde, though the body is good JSON.
        if failure.is_data() || serde_json::from_slice::<IgnoredAny>(body).is_ok() {
            wrong_field(&path, &failure.to_string())
        } else {
            malformed(&failure)
        }
    })?;
    deserializer.end().map_err(|failure| malformed(&failure))?;
    Ok(value)
}

/// The body is not JSON at all.
fn malformed(failure: &serde_json::Error) -> Problem {
    Problem::new(
        Refusal::BadRequest,
        format!("The body is not well-formed JSON: {failure}."),
    )
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parsed = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        if let Ok(axum::extract::Path(value)) = parsed {
            return Ok(Self(value));
        }
        let named = RawPathParams::from_request_parts(parts, state).await;
        let wrong_event = named.is_ok_and(|params| {
            let mut events = params.iter().filter(|(name, _)| *name == "event");
            events.any(|(_, value)| value.parse::<EventId>().is_err())
        });
        Err(if wrong_event {
            Refusal::NoSuchEvent.into()
        } else {
            Refusal::NotFound.into()
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        if let Some((name, _)) = pairs.clone().find(|(_, value)| value.contains('\0')) {
            let detail = format!("`{name}` must not hold the character NUL.");
            return Err(Problem::field(&name, detail));
        }
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
            .map(Self)
            .map_err(|wrong| wrong_field(&wrong.path().to_string(), &wrong.inner().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::response::IntoResponse as _;
    use axum::routing::{get, post};
    use domain::event::EventPut;
    use serde::Deserialize;
    use tower::ServiceExt as _;

    use super::*;

    const JSON: Option<&str> = Some("application/json");

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        #[serde(rename = "limit")]
        _limit: Option<u16>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Add {
        #[serde(rename = "add")]
        _add: u32,
    }

    fn routes() -> Router {
        Router::new()
            .route("/put", post(|_: Json<EventPut>| async {}))
            .route("/add", post(|_: Json<Add>| async {}))
            .route(
                "/events/{event}/x/{n}",
                get(|_: Path<(EventId, u8)>| async {}),
            )
            .route("/list", get(|_: Query<Page>| async {}))
    }

    async fn answer(request: Request) -> (u16, serde_json::Value) {
        let reply = routes().oneshot(request).await.into_response();
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn sent(
        path: &str,
        kind: Option<&str>,
        body: impl Into<Body>,
    ) -> (u16, serde_json::Value) {
        let mut request = Request::post(path);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        answer(request.body(body.into()).unwrap()).await
    }

    /// Path, body, the field that is named, and what the detail says.
    const WRONG: [(&str, &str, Option<&str>, &str); 21] = [
        ("/put", r#"{"phase":3}"#, Some("phase"), "a text"),
        ("/put", r#"{"ack":[]}"#, Some("ack"), "a text"),
        (
            "/put",
            r#"{"admission":{"rate_per_s":"fast"}}"#,
            Some("admission.rate_per_s"),
            "a number",
        ),
        (
            "/put",
            r#"{"admission":{"rate":5}}"#,
            Some("admission.rate"),
            "unknown",
        ),
        ("/put", r#"{"admission":7}"#, Some("admission"), "an object"),
        ("/put", r#"{"titel":"x"}"#, Some("titel"), "`title`"),
        ("/put", r#"{"title":5}"#, Some("title"), "a text"),
        ("/put", r#"{"stock":-1}"#, Some("stock"), "a whole number"),
        ("/put", r#"{"stock":1.5}"#, Some("stock"), "a whole number"),
        (
            "/put",
            r#"{"stock":99999999999999999999}"#,
            Some("stock"),
            "a whole number",
        ),
        ("/put", r#"{"line":"yes"}"#, Some("line"), "true or false"),
        ("/put", r#"{"phase":"opened"}"#, Some("phase"), "open"),
        (
            "/put",
            r#"{"opens_at":"tomorrow"}"#,
            Some("opens_at"),
            "RFC 3339",
        ),
        ("/put", r#"{"title":"a\u0000b"}"#, Some("title"), "NUL"),
        (
            "/put",
            r#"{"title":"x","title":"y"}"#,
            Some("title"),
            "twice",
        ),
        ("/put", r#"{"title":"x"} trailing"#, None, "JSON"),
        ("/put", r#"{"title":"x""#, None, "JSON"),
        ("/put", r#"["x"]"#, None, "object"),
        ("/put", "null", None, "object"),
        ("/add", "{}", Some("add"), "missing"),
        ("/add", "", Some("add"), "missing"),
    ];

    #[tokio::test]
    async fn a_wrong_body_is_answered_with_the_field_and_what_is_wanted() {
        for (path, body, field, says) in WRONG {
            let (status, problem) = sent(path, JSON, body.to_owned()).await;
            assert_eq!(status, 400, "{body}");
            assert_eq!(problem["type"], "/problems/bad-request", "{body}");
            assert_eq!(problem["field"].as_str(), field, "{body} {problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(says), "{body}: {detail}");
            assert!(!detail.contains(" column ") || field.is_none(), "{detail}");
            assert!(detail.ends_with('.'), "{detail}");
        }
    }

    #[tokio::test]
    async fn a_deeply_nested_body_is_refused_before_it_fills_the_stack() {
        let deep = format!(
            "{{\"title\":\"x\",\"no\":{}{}}}",
            "[".repeat(7_000),
            "]".repeat(7_000)
        );
        assert_eq!(sent("/put", JSON, deep).await.0, 400);
    }

    #[tokio::test]
    async fn a_body_is_taken_as_json_only_when_it_says_so() {
        let table: [(Option<&str>, &str, u16); 10] = [
            (JSON, "{}", 200),
            (Some("application/json; charset=utf-8"), "{}", 200),
            (Some("Application/JSON"), " {} \n", 200),
            (JSON, r#"{"title":"a \\u0000 b"}"#, 200),
            (None, "", 200),
            (JSON, "", 200),
            (None, "{}", 415),
            (Some("text/plain"), "{}", 415),
            (Some("application/x-www-form-urlencoded"), "", 415),
            (Some("application/jsonp"), "{}", 415),
        ];
        for (kind, body, expected) in table {
            let (status, problem) = sent("/put", kind, body.to_owned()).await;
            assert_eq!(status, expected, "{kind:?} {body} {problem}");
        }
    }

    #[tokio::test]
    async fn a_body_over_16_kib_is_refused_announced_or_not() {
        let fits = format!("{{\"title\":\"{}\"}}", "x".repeat(MOST_BODY - 12));
        assert_eq!(fits.len(), MOST_BODY);
        assert_eq!(sent("/put", JSON, fits.clone()).await.0, 200);
        let over = fits.replace('}', " }");
        let (status, problem) = sent("/put", JSON, over.clone()).await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (413, Some("/problems/too-large"))
        );
        let chunks = over.into_bytes();
        let stream = futures_util::stream::iter(
            chunks
                .chunks(1_000)
                .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
                .collect::<Vec<_>>(),
        );
        assert_eq!(sent("/put", JSON, Body::from_stream(stream)).await.0, 413);
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_given_up() {
        let never = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
        let problem = read_body(Request::new(never), Duration::from_millis(1)).await;
        assert_eq!(problem.unwrap_err().refusal(), Refusal::BadRequest);
    }

    #[tokio::test]
    async fn a_path_or_a_query_that_does_not_parse_is_a_problem() {
        let table = [
            ("/events/demo/x/7", 200, "", ""),
            ("/events/%FF/x/7", 404, "/problems/not-found", ""),
            ("/events/a%00b/x/7", 404, "/problems/no-such-event", ""),
            ("/events/demo/x/seven", 404, "/problems/not-found", ""),
            ("/list", 200, "", ""),
            ("/list?limit=5", 200, "", ""),
            ("/list?limit=five", 400, "/problems/bad-request", "limit"),
            ("/list?limit=", 400, "/problems/bad-request", "limit"),
            ("/list?limit=-1", 400, "/problems/bad-request", "limit"),
            (
                "/list?limit=1&limit=2",
                400,
                "/problems/bad-request",
                "limit",
            ),
            ("/list?page=5", 400, "/problems/bad-request", "page"),
            ("/list?limit=%00", 400, "/problems/bad-request", "limit"),
        ];
        for (uri, status, kind, field) in table {
            let (got, problem) = answer(Request::get(uri).body(Body::empty()).unwrap()).await;
            assert_eq!(got, status, "{uri} {problem}");
            assert_eq!(problem["type"].as_str().unwrap_or_default(), kind, "{uri}");
            assert_eq!(
                problem["field"].as_str().unwrap_or_default(),
                field,
                "{uri} {problem}"
            );
        }
    }
}
