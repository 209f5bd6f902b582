//! `GET /api/v1/events/{event}`: the event's public status, one document for everybody.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chassis::{Path, Problem};
use domain::{EventId, Millis, Phase};
use lua::LiveEvent;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Gateway;
use crate::live::frame::plain_number;
use crate::schema::PhaseSchema;

/// Anybody may keep it for a second, a content delivery network included.
const A_SECOND: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// An event as everybody may see it.
#[derive(Serialize, ToSchema)]
#[schema(as = EventStatus)]
pub struct Status<'a> {
    /// Its id.
    #[schema(value_type = String, example = "demo")]
    event: &'a EventId,
    /// What the organiser calls it.
    title: &'a str,
    /// Where it stands in its life.
    #[schema(value_type = PhaseSchema)]
    phase: Phase,
    /// When a lobby opens, if the organiser set a time.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    opens_at: Option<Millis>,
    /// How many wait in line.
    waiting: u64,
    /// Visitors let in per second at present: what the organiser set, or what a ramp or the brake makes of it.
    #[serde(serialize_with = "plain_number")]
    #[schema(value_type = f64)]
    rate_per_s: f64,
    /// Its coupons.
    #[schema(inline)]
    stock: Stock,
    /// Is every coupon gone?
    sold_out: bool,
    /// When this was so, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
}

/// An event's coupons.
#[derive(Serialize, ToSchema)]
struct Stock {
    /// All it ever had, issued or not.
    total: u64,
    /// Those not yet issued.
    remaining: u64,
}

/// The document, ready to be sent.
#[derive(Clone, Debug)]
pub struct Rendered {
    body: Bytes,
    etag: HeaderValue,
}

impl Rendered {
    /// Writes the document down. Its `ETag` is weak and leaves out the time of the reading: nothing changed, same tag.
    pub fn new(live: &LiveEvent, waiting: u64) -> Self {
        let event = &live.event;
        let mut status = Status {
            event: &event.event,
            title: &event.definition.title,
            phase: event.phase,
            opens_at: event.definition.opens_at,
            waiting,
            rate_per_s: live.rate_in_force_per_s,
            stock: Stock {
                total: event.stock,
                remaining: live.remaining,
            },
            sold_out: live.remaining == 0,
            at: Millis(0),
        };
        // Numbers, texts and lists of them: writing them cannot fail.
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(&status)
            .unwrap_or_default()
            .hash(&mut hasher);
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        status.at = live.at;
        Self {
            body: serde_json::to_vec(&status).unwrap_or_default().into(),
            etag: HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("W/\"\"")),
        }
    }

    /// The document, or 304 when the caller has it already.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let headers_out = [(CACHE_CONTROL, A_SECOND), (ETAG, self.etag.clone())];
        if has(headers, &self.etag) {
            return (StatusCode::NOT_MODIFIED, headers_out).into_response();
        }
        let json = HeaderValue::from_static("application/json");
        (headers_out, [(CONTENT_TYPE, json)], self.body.clone()).into_response()
    }
}

/// Does the caller have what this tag names? The comparison is the weak one (RFC 9110, section 8.8.3.2).
pub fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(ours) = etag.to_str().map(bare) else {
        return false;
    };
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|sent| sent.to_str().ok())
        .flat_map(|sent| sent.split(','))
        .any(|tag| tag.trim() == "*" || bare(tag) == ours)
}

/// The status of an event.
///
/// It is the same for everybody and costs the store nothing per caller: it may be kept for a second, so that a content
/// delivery network can answer any number of people.
#[utoipa::path(
    get,
    operation_id = "status",
    path = "/api/v1/events/{event}",
    tag = "line",
    params(
        ("event" = String, Path, description = "The event's id"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that the caller has"),
    ),
    responses(
        (status = 200, description = "The status, with `ETag` and `Cache-Control: public, max-age=1`", body = Status),
        (status = 304, description = "Nothing changed since the caller's `ETag`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let line = gateway.mirror.line(&event).await?;
    Ok(line.document().status.answer(&headers))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use chassis::throttle::{Limits, Rate};
    use domain::Phase;
    use serde_json::json;

    use super::*;
    use crate::tests::rig::{Rig, api, eventually, open, request};

    #[tokio::test]
    async fn the_status_shows_the_event_as_the_contract_says() {
        let rig = Rig::start().await;
        let put = json!({
            "title": "<Spring>", "stock": 3, "phase": "lobby", "opens_at": "2099-01-01T00:00:00Z",
            "admission": {"rate_per_s": 2.5},
        });
        let event = rig.event("demo", put).await;
        rig.visitor(&event).await;
        let reply = rig.get(&api(&event, ""), None).await;
        let mut status = reply.json();
        let at = status.as_object_mut().unwrap().remove("at").unwrap();
        assert!(Millis::parse(at.as_str().unwrap()).is_ok());
        let expected = json!({
            "event": "demo", "title": "<Spring>", "phase": "lobby", "opens_at": "2099-01-01T00:00:00.000Z",
            "waiting": 1, "rate_per_s": 2.5, "stock": {"total": 3, "remaining": 3}, "sold_out": false,
        });
        assert_eq!(status, expected);
        assert_eq!(reply.header(CACHE_CONTROL), "public, max-age=1");
        assert_eq!(reply.header(CONTENT_TYPE), "application/json");
    }

    #[tokio::test]
    async fn a_caller_who_has_the_status_is_answered_304_until_it_changes() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(3)).await;
        let path = api(&event, "");
        let etag = rig.get(&path, None).await.header(ETAG).to_owned();
        for (sent, status) in [
            (etag.as_str(), 304),
            (etag.trim_start_matches("W/"), 304),
            ("*", 304),
            (&format!("\"x\", {etag}"), 304),
            ("\"x\"", 200),
        ] {
            let asked = request(Method::GET, &path, &[("if-none-match", sent)], "");
            let reply = rig.send(asked).await;
            assert_eq!(reply.status, status, "{sent}");
            assert_eq!(reply.header(ETAG), etag);
            assert_eq!(reply.bytes.is_empty(), status == 304);
        }
        rig.phase(&event, Phase::Paused).await;
        let headers = [("if-none-match", etag.as_str())];
        let changed = eventually("the change", async || {
            let reply = rig.send(request(Method::GET, &path, &headers, "")).await;
            (reply.status == 200).then(|| reply.json())
        });
        assert_eq!(changed.await["phase"], "paused");
    }

    #[tokio::test]
    async fn any_number_of_callers_ask_the_store_nothing() {
        let mut rig = Rig::start().await;
        let event = rig.event("demo", open(3)).await;
        let path = api(&event, "");
        assert_eq!(rig.get(&path, None).await.status, 200);
        rig.kill_redis();
        for _ in 0..1_000 {
            assert_eq!(rig.get(&path, None).await.status, 200);
        }
        let unknown = rig.get("/api/v1/events/other", None).await;
        assert_eq!(unknown.problem(), (503, "try-again".to_owned()));
    }

    #[tokio::test]
    async fn an_unknown_event_is_refused_and_exists_as_soon_as_it_is_made() {
        let rig = Rig::start().await;
        for path in [
            "/api/v1/events/demo",
            "/api/v1/events/Demo",
            "/api/v1/events/-",
        ] {
            let refused = rig.get(path, None).await.problem();
            assert_eq!(refused, (404, "no-such-event".to_owned()), "{path}");
        }
        let event = rig.event("demo", open(3)).await;
        assert_eq!(rig.get(&api(&event, ""), None).await.status, 200);
    }

    #[tokio::test]
    async fn too_many_requests_are_slowed_down() {
        let one = 1.try_into().unwrap();
        let limits = Limits {
            requests: Some(Rate {
                per_s: one,
                burst: one,
            }),
            ..Limits::default()
        };
        let rig = Rig::with(crate::HELLO_DEADLINE, limits).await;
        let event = rig.event("demo", open(3)).await;
        assert_eq!(rig.get(&api(&event, ""), None).await.status, 200);
        let reply = rig.get(&api(&event, "/places/me"), None).await;
        assert_eq!(reply.problem(), (429, "slow-down".to_owned()));
    }
}
