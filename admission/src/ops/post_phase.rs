//! `POST /api/v1/admin/events/{event}/phase`: moves an event to another phase of its life.

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::phase::PhaseMove;
use domain::{EventId, Phase, Refusal};
use lua::{SetOutcome, Store};
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::PhaseSchema;
use super::shown::ShownEvent;
use super::{by, no_such_event, store_failed};

/// Where to move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhasePost {
    #[schema(value_type = PhaseSchema)]
    phase: Phase,
}

/// Moves an event to another phase of its life; a move to the phase it is in changes nothing.
#[utoipa::path(
    post, path = "/api/v1/admin/events/{event}/phase", tag = "ops",
    params(("event" = String, Path, description = "The event's id")),
    request_body = PhasePost,
    responses(
        (status = 200, description = "The event in its new phase", body = ShownEvent),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 404, description = "`no-such-event`"),
        (status = 409, description = "`phase-move`, with `from`, `to`, `allowed`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn post_phase(
    State(store): State<Store>,
    staff: Staff,
    Path(event): Path<EventId>,
    chassis::Json(post): chassis::Json<PhasePost>,
) -> Result<Json<ShownEvent>, Problem> {
    let moved = store.move_phase(&event, post.phase, by(&staff)).await;
    let live = match moved.map_err(store_failed)? {
        SetOutcome::Set(live) => live,
        SetOutcome::Refused(refused) => return Err(not_allowed(refused)),
        SetOutcome::NoSuchEvent => return Err(no_such_event(&event)),
    };
    let figures = store.figures(&event).await.map_err(store_failed)?;
    let figures = figures.ok_or_else(|| no_such_event(&event))?;
    Ok(Json(ShownEvent::new(live, figures)))
}

fn not_allowed(PhaseMove { from, to }: PhaseMove) -> Problem {
    let allowed = from.allowed();
    let detail = if allowed.is_empty() {
        format!("The event is {from} for good.")
    } else {
        let allowed: Vec<_> = allowed.iter().map(|phase| phase.as_str()).collect();
        format!(
            "The event is {from} and cannot move to {to}; it can move to {}.",
            allowed.join(", ")
        )
    };
    Problem::new(Refusal::PhaseMove, detail)
        .with("from", from)
        .with("to", to)
        .with("allowed", allowed)
}

#[cfg(test)]
mod tests {
    use domain::Phase;
    use serde_json::json;

    use crate::stage::Stage;

    #[tokio::test]
    async fn every_move_is_carried_out_or_refused_as_the_table_says() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for (n, from) in Phase::ALL.into_iter().enumerate() {
            for (m, to) in Phase::ALL.into_iter().enumerate() {
                let event = format!("e-{n}-{m}");
                replica
                    .make(&event, json!({ "stock": 5, "phase": from }))
                    .await;
                let reply = replica.post(&event, "phase", json!({ "phase": to })).await;
                if from.enter(to).is_ok() {
                    assert_eq!(reply.status, 200, "{from} → {to}: {}", reply.body);
                    assert_eq!(
                        (&reply.body["event"], &reply.body["phase"]),
                        (&json!(event), &json!(to))
                    );
                } else {
                    let refused = reply.refused(409, "phase-move");
                    assert_eq!(
                        (&refused["from"], &refused["to"]),
                        (&json!(from), &json!(to))
                    );
                    assert_eq!(refused["allowed"], json!(from.allowed()));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_phase_that_is_none_is_refused_before_the_event_is_looked_for() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for body in [
            json!({ "phase": "opened" }),
            json!({ "phase": 3 }),
            json!({}),
            json!({ "phase": null }),
        ] {
            let refused = replica
                .post("nowhere", "phase", body.clone())
                .await
                .refused(400, "bad-request");
            assert_eq!(refused["field"], "phase", "{body}");
        }
        let body = json!({ "phase": "open" });
        replica
            .post("nowhere", "phase", body)
            .await
            .refused(404, "no-such-event");
    }
}
