//! What every reply of both doors carries: the request's id, the browser's safety headers, and a problem for every error, the
//! framework's own and panics included.

mod complaints;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use domain::{Random, Refusal};
use futures_util::FutureExt as _;
use metrics::{Counter, Histogram};

use crate::client_address::TrustedProxies;
use crate::doors::Peer;
use crate::health;
use crate::problem::Problem;
use crate::request_id::{RequestId, X_REQUEST_ID};
use complaints::Complaints;

/// Set on every reply whose handler set none of its own.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (CACHE_CONTROL, "no-store"),
];

/// Put into a reply's extensions by a handler whose errors are not problems, because its clients know other ones: the reply
/// stays as it was written.
#[derive(Clone, Debug, Default)]
pub struct AsWritten {
    /// What went wrong on our side, if that is why: for the log, never for the client.
    pub failure: Option<String>,
}

/// What the layer around every route of a door needs.
#[derive(Clone)]
pub struct Dress {
    random: Arc<dyn Random>,
    proxies: Arc<TrustedProxies>,
    /// Requests answered, by the first digit of the status.
    answered: [Counter; 5],
    took: Histogram,
    complaints: Arc<Complaints>,
}

impl Dress {
    /// For the door called `door`: request ids come from `random`, clients' addresses through `proxies`.
    #[must_use]
    pub fn new(door: &'static str, random: Arc<dyn Random>, proxies: TrustedProxies) -> Self {
        let class = |status| metrics::counter!("stanchion_http_requests_total", "door" => door, "status" => status);
        Self {
            random,
            proxies: Arc::new(proxies),
            answered: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            took: metrics::histogram!("stanchion_http_request_s", "door" => door),
            complaints: Arc::default(),
        }
    }

    /// Puts the layer around `routes`, outermost: paths that no route takes are problems too.
    pub fn around(self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self, reply))
    }
}

async fn reply(State(dress): State<Dress>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers(), &*dress.random);
    if let Some(Peer(peer)) = request.extensions().get() {
        let client = dress.proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
    }
    request.extensions_mut().insert(id.clone());
    let (method, route) = (
        request.method().clone(),
        request.extensions().get().cloned(),
    );
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    // The panic's own message is logged where it happens.
    let mut reply =
        answered.unwrap_or_else(|_| Problem::try_again("the handler panicked").into_response());
    // Of the path only its pattern is told: what stands in the place of `{code}` is somebody's coupon.
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    // A probe that hears "not yet" was answered; what is not ready says so in the log by itself.
    if reply.status().is_server_error()
        && route != health::READY
        && let Some(unsaid) = dress.complaints.turn()
    {
        let (status, failure) = (reply.status().as_u16(), failure_of(&reply));
        tracing::warn!(request_id = id.as_str(), %method, route, status, failure, unsaid, "a request failed");
    }
    reply = as_problem(reply, &id);
    finish(reply.headers_mut(), &id);
    let class = usize::from(reply.status().as_u16() / 100);
    if let Some(counter) = dress.answered.get(class.wrapping_sub(1)) {
        counter.increment(1);
    }
    dress.took.record(began.elapsed());
    reply
}

/// What went wrong on our side, as the handler tells it.
fn failure_of(reply: &Response) -> Option<&str> {
    let said = reply.extensions();
    let own: Option<&AsWritten> = said.get();
    let problem: Option<&Problem> = said.get();
    problem
        .and_then(Problem::failure)
        .or_else(|| own?.failure.as_deref())
}

/// Names the request in a problem, and turns the framework's own errors, which are plain text, into problems. An error that a
/// handler wrote as JSON (readiness) or as a page for people stays.
fn as_problem(mut reply: Response, id: &RequestId) -> Response {
    let status = reply.status();
    if !status.is_client_error() && !status.is_server_error() {
        return reply;
    }
    let is_a_handlers_own = reply.extensions().get::<AsWritten>().is_some()
        || reply
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind == "application/json" || kind.starts_with("text/html"));
    let problem = match reply.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_a_handlers_own => return reply,
        None => framework_error(status),
    };
    // What came with the error stays (`Allow`), unless the problem says it itself.
    let (mut parts, _) = reply.into_parts();
    let (rendered, body) = problem.render(Some(id)).into_parts();
    parts.status = rendered.status;
    parts.headers.remove(CONTENT_LENGTH);
    for (name, value) in &rendered.headers {
        parts.headers.insert(name, value.clone());
    }
    Response::from_parts(parts, body)
}

/// The problem for an error that the framework answered by itself.
fn framework_error(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Refusal::NotFound.into(),
        StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodNotAllowed.into(),
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge.into(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Refusal::UnsupportedMediaType.into(),
        status if status.is_server_error() => Refusal::TryAgain.into(),
        StatusCode::UPGRADE_REQUIRED => Problem::no_handshake(),
        _ => Refusal::BadRequest.into(),
    }
}

fn finish(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(X_REQUEST_ID, id.header());
    for (name, value) in DEFAULTS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use axum::body::Body;
    use axum::routing::get;
    use parking_lot::Mutex;
    use tower::ServiceExt as _;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::system::SystemRandom;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[tokio::test]
    async fn the_log_names_the_route_of_a_failed_request_and_no_secret_of_its_path() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let failing = get(async || Problem::try_again("redis is away"));
        let routes = Router::new().route("/books/{book}/coupons/{code}", failing);
        let random = Arc::new(SystemRandom);
        let routes = Dress::new("public", random, TrustedProxies::default()).around(routes);
        let asked = Request::get("/books/spring/coupons/SECRET-7")
            .body(Body::empty())
            .unwrap();
        let reply = routes.oneshot(asked).await.unwrap();
        assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
        let said = String::from_utf8(log.0.lock().clone()).unwrap();
        assert!(said.contains("/books/{book}/coupons/{code}"), "{said}");
        assert!(said.contains("redis is away"), "{said}");
        assert!(!said.contains("SECRET-7"), "{said}");
    }
}
