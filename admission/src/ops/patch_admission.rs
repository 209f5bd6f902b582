//! `PATCH /api/v1/admin/events/{event}/admission`: changes the pace, in force for the next admission in every replica.

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::EventId;
use domain::event::{Admission, AdmissionChange};
use lua::{SetOutcome, Store};

use super::schema::AdmissionChangeSchema;
use super::shown::ShownAdmission;
use super::{by, no_such_event, store_failed};

/// Any valid pace: what a change is laid over to check it before the event is read.
const ANY: Admission = Admission {
    rate_per_s: 0.0,
    capacity: 1,
    ticket_ttl_s: 1,
    ramp: None,
};

/// Changes the pace; in force within one second. With `ramp_s` the rate goes from the one in force to the new one in a straight
/// line, by the store's clock; the block then shows the `ramp` as long as it runs.
#[utoipa::path(
    patch, path = "/api/v1/admin/events/{event}/admission", tag = "ops",
    params(("event" = String, Path, description = "The event's id")),
    request_body = AdmissionChangeSchema,
    responses(
        (status = 200, description = "The whole block as it now holds", body = ShownAdmission),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 404, description = "`no-such-event`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn patch_admission(
    State(store): State<Store>,
    staff: Staff,
    Path(event): Path<EventId>,
    chassis::Json(change): chassis::Json<AdmissionChange>,
) -> Result<Json<ShownAdmission>, Problem> {
    ANY.changed(change)?;
    match store.change_admission(&event, change, by(&staff)).await {
        Ok(SetOutcome::Set(live)) => Ok(Json(live.event.admission.into())),
        Ok(SetOutcome::Refused(_) | SetOutcome::NoSuchEvent) => Err(no_such_event(&event)),
        Err(error) => Err(store_failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::stage::Stage;

    #[tokio::test]
    async fn what_is_given_changes_and_the_whole_block_is_the_answer() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 50 })).await;
        for (body, held) in [
            (
                json!({ "rate_per_s": 0.5 }),
                json!({ "rate_per_s": 0.5, "capacity": 50, "ticket_ttl_s": 120 }),
            ),
            (
                json!({ "capacity": 7 }),
                json!({ "rate_per_s": 0.5, "capacity": 7, "ticket_ttl_s": 120 }),
            ),
            (
                json!({ "rate_per_s": 5.0, "ticket_ttl_s": 60 }),
                json!({ "rate_per_s": 5, "capacity": 7, "ticket_ttl_s": 60 }),
            ),
            (
                json!({}),
                json!({ "rate_per_s": 5, "capacity": 7, "ticket_ttl_s": 60 }),
            ),
            (
                json!({ "rate_per_s": 0 }),
                json!({ "rate_per_s": 0, "capacity": 7, "ticket_ttl_s": 60 }),
            ),
            (
                json!({ "rate_per_s": 1_000_000, "capacity": 10_000_000, "ticket_ttl_s": 86_400 }),
                json!({ "rate_per_s": 1_000_000, "capacity": 10_000_000, "ticket_ttl_s": 86_400 }),
            ),
        ] {
            let reply = replica.patch("demo", body.clone()).await;
            assert_eq!((reply.status, &reply.body), (200, &held), "{body}");
            let event = replica.get("/api/v1/admin/events/demo").await;
            assert_eq!(event.body["admission"], held);
        }
    }

    #[tokio::test]
    async fn a_ramp_is_shown_while_it_runs_and_the_rate_is_the_one_that_was_set() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 50 })).await;
        let ramped = replica
            .patch("demo", json!({ "rate_per_s": 1_010, "ramp_s": 3_600 }))
            .await;
        assert_eq!(ramped.body["rate_per_s"], 1_010);
        let ramp = &ramped.body["ramp"];
        assert_eq!(ramp["from_per_s"], 10);
        for time in ["since", "until"] {
            assert!(ramp[time].as_str().unwrap().ends_with('Z'), "{ramp}");
        }
        let event = replica.get("/api/v1/admin/events/demo").await.body;
        assert_eq!(&event["admission"], &ramped.body);
        let in_force = event["rate_in_force_per_s"].as_f64().unwrap();
        assert!((10.0..1_010.0).contains(&in_force), "{in_force}");
        // A put that says the same is no news, and one cannot hold a ramp.
        let same = json!({ "admission": { "rate_per_s": 1_010 } });
        assert_eq!(
            replica.put("demo", same).await.body["admission"],
            ramped.body
        );
        let refused = replica
            .put(
                "demo",
                json!({ "admission": { "rate_per_s": 5, "ramp_s": 9 } }),
            )
            .await
            .refused(400, "bad-request");
        assert_eq!(refused["field"], "admission.ramp_s");

        let at_once = replica.patch("demo", json!({ "rate_per_s": 1_010 })).await;
        assert_eq!(
            at_once.body,
            json!({ "rate_per_s": 1_010, "capacity": 50, "ticket_ttl_s": 120 })
        );
        let event = replica.get("/api/v1/admin/events/demo").await.body;
        assert!(event.get("rate_in_force_per_s").is_none() && event.get("brake").is_none());
    }

    #[tokio::test]
    async fn a_wrong_pace_is_named_and_changes_nothing() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 50 })).await;
        for (body, field) in [
            (json!({ "rate_per_s": -1 }), "rate_per_s"),
            (json!({ "rate_per_s": 1_000_000.5 }), "rate_per_s"),
            (json!({ "rate_per_s": "5" }), "rate_per_s"),
            (json!({ "capacity": 0 }), "capacity"),
            (json!({ "capacity": 1.5 }), "capacity"),
            (json!({ "capacity": 10_000_001 }), "capacity"),
            (json!({ "ticket_ttl_s": 0 }), "ticket_ttl_s"),
            (
                json!({ "rate_per_s": 1, "ticket_ttl_s": 86_401 }),
                "ticket_ttl_s",
            ),
            (json!({ "rate": 5 }), "rate"),
            (json!({ "ramp_s": 5 }), "ramp_s"),
            (json!({ "rate_per_s": 5, "ramp_s": 3_601 }), "ramp_s"),
            (json!({ "rate_per_s": 5, "ramp_s": -1 }), "ramp_s"),
        ] {
            for event in ["demo", "nowhere"] {
                let refused = replica
                    .patch(event, body.clone())
                    .await
                    .refused(400, "bad-request");
                assert_eq!(refused["field"], field, "{body}");
            }
        }
        let held = replica.get("/api/v1/admin/events/demo").await.body;
        assert_eq!(held["admission"]["rate_per_s"], 10);
        replica
            .patch("nowhere", json!({ "rate_per_s": 1 }))
            .await
            .refused(404, "no-such-event");
    }

    #[tokio::test]
    async fn two_who_change_different_settings_at_once_both_have_their_way() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 50 })).await;
        for round in 1..=20 {
            let (one, two) = tokio::join!(
                replica.patch("demo", json!({ "rate_per_s": round })),
                replica.patch("demo", json!({ "capacity": round })),
            );
            assert_eq!((one.status, two.status), (200, 200));
            let held = replica.get("/api/v1/admin/events/demo").await.body;
            assert_eq!(
                held["admission"],
                json!({ "rate_per_s": round, "capacity": round, "ticket_ttl_s": 120 })
            );
        }
    }
}
