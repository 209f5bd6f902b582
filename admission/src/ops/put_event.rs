//! `PUT /api/v1/admin/events/{event}`: makes an event, or lays the given fields over the one that is there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::entry::EntrySecrets;
use domain::event::{AckLevel, ChangeRefused, Event, EventPut};
use domain::{EventId, Refusal};
use lua::{Change, LiveEvent, PutOutcome, Store};

use super::schema::EventPutSchema;
use super::shown::ShownEvent;
use super::{by, no_such_event, store_failed};

/// How often a put is merged again because somebody else changed the event in between.
const MERGES: usize = 8;

/// Makes an event, or lays the given fields over the one that is there.
#[utoipa::path(
    put, path = "/api/v1/admin/events/{event}", tag = "ops",
    params(("event" = String, Path, description = "The event's id: 1 to 63 characters of a-z, 0-9 and -")),
    request_body = EventPutSchema,
    responses(
        (status = 201, description = "The event is new", body = ShownEvent),
        (status = 200, description = "The event was there and is now as put", body = ShownEvent),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 409, description = "`event-is-live`, with `field`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn put_event(
    State(store): State<Store>,
    State(default_ack): State<AckLevel>,
    staff: Staff,
    Path(event): Path<String>,
    chassis::Json(put): chassis::Json<EventPut>,
) -> Result<(StatusCode, Json<ShownEvent>), Problem> {
    let event: EventId = event
        .parse()
        .map_err(|error| Problem::field("event", format!("`event` is in the path: {error}.")))?;
    let (status, live) = merge(&store, &event, put, default_ack, by(&staff)).await?;
    let figures = store.figures(&event).await.map_err(store_failed)?;
    let figures = figures.ok_or_else(|| no_such_event(&event))?;
    Ok((status, Json(ShownEvent::new(live, figures))))
}

/// Reads, merges and writes until nobody else wrote in between.
async fn merge(
    store: &Store,
    event: &EventId,
    put: EventPut,
    default_ack: AckLevel,
    change: Change<'_>,
) -> Result<(StatusCode, LiveEvent), Problem> {
    let secrets = put.entry_keys.as_deref().map(EntrySecrets::of);
    for _ in 0..MERGES {
        let (merged, version) = match store.event(event).await.map_err(store_failed)? {
            Some(held) => (
                held.event.changed(put.clone(), held.at).map_err(refused)?,
                held.version,
            ),
            None => (made(store, event, put.clone(), default_ack).await?, 0),
        };
        let outcome = store
            .put_event_with_secrets(&merged, version, change, secrets.as_ref())
            .await;
        match outcome.map_err(store_failed)? {
            PutOutcome::Created(live) => return Ok((StatusCode::CREATED, live)),
            PutOutcome::Held(live) => return Ok((StatusCode::OK, live)),
            PutOutcome::Conflict => {}
        }
    }
    Err(Problem::try_again(
        "the event was changed by others all the while",
    ))
}

/// A new event. Where its book is there, it issues the book's codes, unless a stock is given and the book holds no code.
async fn made(
    store: &Store,
    event: &EventId,
    put: EventPut,
    ack: AckLevel,
) -> Result<Event, Problem> {
    let codes = store.given_codes(event).await.map_err(store_failed)?;
    let codes = codes.filter(|&codes| codes > 0 || put.stock.is_none());
    Ok(match codes {
        Some(codes) => Event::create_with_codes(event.clone(), put, ack, codes)?,
        None => Event::create(event.clone(), put, ack)?,
    })
}

fn refused(refused: ChangeRefused) -> Problem {
    match refused {
        ChangeRefused::Invalid(invalid) => invalid.into(),
        ChangeRefused::Live(field) => Problem::new(
            Refusal::EventIsLive,
            format!("`{field}` is fixed by now; leave it out, or put the value it holds."),
        )
        .with("field", field),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::stage::Stage;

    #[tokio::test]
    async fn a_new_event_has_the_documented_defaults_and_no_figures_yet() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let made = replica
            .put("demo", json!({ "title": "Démo", "stock": 1000 }))
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        let mut shown = made.body.clone();
        let at = shown["at"].take();
        assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "{at}");
        let version = shown["version"].take();
        assert!(version.is_u64());
        // The event's own record is on its way: nobody relays here.
        assert!(shown["outbox_lag"].take().is_u64() && shown["ledger_lag"].take().is_u64());
        assert_eq!(
            shown,
            json!({
                "event": "demo", "title": "Démo", "line": true, "book": "demo", "phase": "draft",
                "stock": { "total": 1000, "remaining": 1000 },
                "lobby_at": null, "opens_at": null, "closes_at": null, "order": "fifo", "ack": "ledger",
                "code_pattern": "{}", "identity": "place", "presence_s": 20, "grace_s": 300, "on_sold_out": "close",
                "admission": { "rate_per_s": 10, "capacity": 1000, "ticket_ttl_s": 120 },
                "waiting": 0, "admitted": 0, "outstanding": 0, "redeemed": 0, "no_shows": 0, "left": 0,
                "outbox_lag": null, "ledger_lag": null, "waits": { "all": 0, "in_range": 0 }, "version": null, "at": null,
            })
        );
        assert!(
            made.body.to_string().contains(r#""rate_per_s":10,"#),
            "a whole number is shown whole"
        );
        let read = replica.get("/api/v1/admin/events/demo").await;
        assert_eq!((read.status, &read.body["title"]), (200, &json!("Démo")));
    }

    #[tokio::test]
    async fn what_is_left_out_stays_and_the_same_again_changes_nothing() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let body = json!({ "title": "x", "stock": 5, "phase": "open", "admission": { "rate_per_s": 0.5 } });
        let made = replica.put("demo", body.clone()).await;
        assert_eq!(made.status, 201);
        let again = replica.put("demo", body).await;
        assert_eq!(again.status, 200);
        assert_eq!(again.body["version"], made.body["version"]);
        let changed = replica
            .put(
                "demo",
                json!({ "grace_s": 7, "phase": "closed", "admission": { "capacity": 3 } }),
            )
            .await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(changed.body["title"], "x");
        assert_eq!(changed.body["grace_s"], 7);
        assert_eq!(
            changed.body["phase"], "open",
            "a phase counts only when the event is made"
        );
        assert_eq!(
            changed.body["admission"],
            json!({ "rate_per_s": 0.5, "capacity": 3, "ticket_ttl_s": 120 })
        );
        assert_ne!(changed.body["version"], made.body["version"]);
        let empty = replica.put("demo", json!({})).await;
        assert_eq!((empty.status, &empty.body["grace_s"]), (200, &json!(7)));
    }

    #[tokio::test]
    async fn a_wrong_field_is_named_and_nothing_is_made() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for (body, field) in [
            (json!({}), "title"),
            (json!({ "title": "x" }), "stock"),
            (json!({ "title": "", "stock": 1 }), "title"),
            (json!({ "title": 5, "stock": 1 }), "title"),
            (json!({ "title": "x", "stock": "1" }), "stock"),
            (json!({ "title": "x", "stock": -1 }), "stock"),
            (json!({ "title": "x", "stock": { "total": 1 } }), "stock"),
            (json!({ "title": "x", "stock": 1, "titel": "y" }), "titel"),
            (
                json!({ "title": "x", "stock": 1, "admission": { "rate_per_s": -0.1 } }),
                "admission.rate_per_s",
            ),
            (
                json!({ "title": "x", "stock": 1, "admission": { "rate": 1 } }),
                "admission.rate",
            ),
            (
                json!({ "title": "x", "stock": 1, "phase": "opened" }),
                "phase",
            ),
            (
                json!({ "title": "x", "stock": 1, "opens_at": "soon" }),
                "opens_at",
            ),
            (
                json!({ "title": "x", "stock": 1, "code_pattern": "{" }),
                "code_pattern",
            ),
        ] {
            let refused = replica
                .put("demo", body.clone())
                .await
                .refused(400, "bad-request");
            assert_eq!(refused["field"], field, "{body}");
        }
        let body = json!({ "title": "x", "stock": 1 });
        let refused = replica.put("Demo", body).await.refused(400, "bad-request");
        assert_eq!(refused["field"], "event");
        replica
            .get("/api/v1/admin/events/demo")
            .await
            .refused(404, "no-such-event");
    }

    #[tokio::test]
    async fn what_is_fixed_past_draft_is_refused_by_name() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 5 })).await;
        let draft = replica
            .put("demo", json!({ "stock": 6, "ack": "redis" }))
            .await;
        assert_eq!(draft.body["stock"], json!({ "total": 6, "remaining": 6 }));
        replica
            .post("demo", "phase", json!({ "phase": "open" }))
            .await;
        for (body, field) in [
            (json!({ "stock": 7 }), "stock"),
            (json!({ "ack": "log" }), "ack"),
        ] {
            let refused = replica
                .put("demo", body)
                .await
                .refused(409, "event-is-live");
            assert_eq!(refused["field"], field);
        }
        let same = replica
            .put("demo", json!({ "stock": 6, "ack": "redis", "title": "y" }))
            .await;
        assert_eq!((same.status, &same.body["title"]), (200, &json!("y")));
    }

    #[tokio::test]
    async fn two_who_put_at_once_both_have_their_way() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 5 })).await;
        for round in 1..=20 {
            let (one, two) = tokio::join!(
                replica.put("demo", json!({ "presence_s": round })),
                replica.put("demo", json!({ "grace_s": round })),
            );
            assert_eq!((one.status, two.status), (200, 200));
            let held = replica.get("/api/v1/admin/events/demo").await.body;
            assert_eq!(
                (&held["presence_s"], &held["grace_s"]),
                (&json!(round), &json!(round))
            );
        }
    }
}
