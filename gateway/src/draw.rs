//! `GET /api/v1/events/{event}/draw`: how the lobby was drawn: the seed, and the list of all who were drawn, so that anybody can work
//! the order out again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chassis::{Path, Problem, accept};
use domain::{EventId, Millis, Refusal};
use lua::{DrawRecord, Store};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Gateway;
use crate::status::has;

/// A draw does not change. An hour, so that what a cache holds of an event that was put back does not outlive it by much.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How the lobby was drawn.
#[derive(Serialize, ToSchema)]
#[schema(as = Draw)]
struct Shown<'a> {
    /// Whose lobby.
    #[schema(value_type = String, example = "demo")]
    event: &'a EventId,
    /// What decided the order: 32 bytes as 64 hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    seed: String,
    /// Where the seed came from; `random` is the random numbers of the operating system.
    seed_origin: &'a str,
    /// How many were drawn.
    people: u64,
    /// When the order came into force, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    drawn_at: Millis,
    /// SHA-256 of the list, in hexadecimal.
    digest: &'a str,
}

/// A draw, ready to be sent in both forms.
#[derive(Debug)]
pub struct Published {
    json: Bytes,
    list: Bytes,
    etags: [HeaderValue; 2],
}

impl Published {
    /// Reads the draw of a lobby; `not-found` before there is one.
    async fn load(store: &Store, event: &EventId) -> Result<Self, Problem> {
        let record = store.draw_record(event).await;
        let Some(record) = record.map_err(Problem::try_again)? else {
            return Err(not_drawn());
        };
        let list = store.draw_list(event, &record.draw).await;
        let list = list.map_err(Problem::try_again)?.ok_or_else(not_drawn)?;
        Ok(Self::new(event, &record, list))
    }

    fn new(event: &EventId, record: &DrawRecord, list: String) -> Self {
        let DrawRecord {
            draw,
            digest,
            drawn_at,
        } = record;
        let shown = Shown {
            event,
            seed: draw.seed.to_string(),
            seed_origin: &draw.origin,
            people: draw.people,
            drawn_at: *drawn_at,
            digest,
        };
        let etag = |form| {
            HeaderValue::from_str(&format!("\"{digest}-{form}\""))
                .unwrap_or(HeaderValue::from_static("\"\""))
        };
        Self {
            // Numbers and texts: writing them cannot fail.
            json: serde_json::to_vec(&shown).unwrap_or_default().into(),
            list: list.into(),
            etags: [etag("json"), etag("list")],
        }
    }

    /// The form that the caller accepts, or 304 when they have it already.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let [json, list] = &self.etags;
        let (kind, body, etag) = if accept::prefers(headers, "text/plain") {
            (TEXT, &self.list, list)
        } else {
            (JSON, &self.json, json)
        };
        let vary = HeaderValue::from_static("accept");
        let headers_out = [(CACHE_CONTROL, AN_HOUR), (VARY, vary), (ETAG, etag.clone())];
        if has(headers, etag) {
            return (StatusCode::NOT_MODIFIED, headers_out).into_response();
        }
        (headers_out, [(CONTENT_TYPE, kind)], body.clone()).into_response()
    }
}

fn not_drawn() -> Problem {
    Problem::new(
        Refusal::NotFound,
        "There is no draw of this event to show: a lobby with `order` `draw` is drawn when it opens. Ask again then.",
    )
}

/// How the lobby was drawn.
///
/// With `Accept: text/plain` the list: the place ids of all who were drawn, also of those who left since, in drawn order, each
/// followed by a line feed. That order is ascending by SHA-256 of the seed's 32 bytes followed by the place id; `digest` is the SHA-256 of
/// the list. Both are the same for everybody and do not change.
#[utoipa::path(
    get,
    operation_id = "draw",
    path = "/api/v1/events/{event}/draw",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The draw", content(
            (Shown = "application/json"),
            (String = "text/plain"),
        )),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 404, description = "`no-such-event`; `not-found` where nothing is drawn, or not yet"),
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
    // Read once, however many ask; given back with the line.
    let load = || Published::load(&gateway.store, &event);
    let published = line.draw.get_or_try_init(load).await?;
    Ok(published.answer(&headers))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use domain::draw::{List, Seed};
    use domain::{Phase, PlaceId};
    use serde_json::json;

    use super::*;
    use crate::tests::rig::{Reply, Rig, api, request};

    const DRAW: &str = "/draw";

    async fn get(rig: &Rig, event: &EventId, headers: &[(&str, &str)]) -> Reply {
        rig.send(request(Method::GET, &api(event, DRAW), headers, ""))
            .await
    }

    /// An opened lobby of so many, and the order that it is to be drawn in.
    async fn drawn(rig: &Rig, people: u64) -> (EventId, Vec<PlaceId>) {
        let put = json!({"title": "Demo", "stock": 9, "phase": "lobby", "order": "draw"});
        let event = rig.event("demo", put).await;
        for _ in 0..people {
            rig.visitor(&event).await;
        }
        rig.phase(&event, Phase::Open).await;
        assert_eq!(
            get(rig, &event, &[]).await.problem(),
            (404, "not-found".to_owned()),
            "not yet"
        );
        let seed: Seed = "5a".repeat(32).parse().unwrap();
        let draw = rig.store.seed_draw(&event, &seed, "drand 42").await;
        let draw = draw.unwrap().unwrap();
        let lobby = rig.store.lobby(&event, &draw).await.unwrap();
        let order = seed.order(lobby);
        let list = List::of(&order);
        rig.store.draw(&event, &draw, &list).await.unwrap();
        let ended = rig.store.end_draw(&event, &list.digest()).await.unwrap();
        assert_eq!(ended, lua::Drawn::Ended);
        (event, order)
    }

    #[tokio::test]
    async fn anybody_may_work_a_draw_out_again_after_everybody_was_let_in() {
        let rig = Rig::start().await;
        let (event, order) = drawn(&rig, 40).await;
        rig.admit(&event, 5).await;
        let told = get(&rig, &event, &[]).await.json();
        let expected = json!({
            "event": "demo", "seed": "5a".repeat(32), "seed_origin": "drand 42", "people": 40,
            "drawn_at": told["drawn_at"], "digest": List::of(&order).digest(),
        });
        assert_eq!(told, expected);
        assert!(
            told["drawn_at"]
                .as_str()
                .is_some_and(|at| at.ends_with('Z'))
        );

        let list = get(&rig, &event, &[("accept", "text/plain")]).await;
        assert_eq!(list.header(CONTENT_TYPE), "text/plain; charset=utf-8");
        let text = list.text();
        let listed: Vec<PlaceId> = text.lines().map(|line| line.parse().unwrap()).collect();
        let seed: Seed = told["seed"].as_str().unwrap().parse().unwrap();
        let mut again = listed.clone();
        again.sort();
        assert_eq!(seed.order(again), listed);
        assert_eq!(List::of(&listed).digest(), told["digest"]);
    }

    #[tokio::test]
    async fn a_draw_is_read_once_and_may_be_kept() {
        let mut rig = Rig::start().await;
        let (event, _) = drawn(&rig, 3).await;
        let json = get(&rig, &event, &[]).await;
        let list = get(&rig, &event, &[("accept", "text/plain")]).await;
        rig.kill_redis();
        for (first, accept) in [(&json, "*/*"), (&list, "text/plain")] {
            assert_eq!(first.header(CACHE_CONTROL), "public, max-age=3600");
            assert_eq!(first.header(VARY), "accept");
            let kept = [("accept", accept), ("if-none-match", first.header(ETAG))];
            let again = get(&rig, &event, &kept).await;
            assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
            let anew = get(&rig, &event, &kept[..1]).await;
            assert_eq!(anew.bytes, first.bytes);
        }
        assert_ne!(json.header(ETAG), list.header(ETAG));
    }

    #[tokio::test]
    async fn where_nothing_is_drawn_there_is_nothing_to_show() {
        let rig = Rig::start().await;
        let fifo = rig.event("fifo", crate::tests::rig::open(3)).await;
        let put = json!({"title": "Empty", "stock": 9, "phase": "lobby", "order": "draw"});
        let empty = rig.event("empty", put).await;
        rig.phase(&empty, Phase::Open).await;
        for event in [fifo, empty] {
            let refused = get(&rig, &event, &[]).await.problem();
            assert_eq!(refused, (404, "not-found".to_owned()), "{event}");
        }
        let unknown = get(&rig, &"unknown".parse().unwrap(), &[]).await;
        assert_eq!(unknown.problem(), (404, "no-such-event".to_owned()));
    }
}
