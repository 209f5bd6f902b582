//! `POST /api/v1/admin/events/{event}/stock`: adds coupons. Stock never refills by itself.

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Keyed, Path, Problem};
use domain::event::{MOST_ADDED, MOST_STOCK};
use domain::{EventId, Refusal};
use lua::{StockOutcome, Store, StoreError};
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::AddedSchema;
use super::shown::ShownStock;
use super::{by, no_such_event, store_failed};

/// How many coupons to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockPost {
    #[schema(value_type = AddedSchema)]
    add: u64,
}

/// Adds coupons.
#[utoipa::path(
    post, path = "/api/v1/admin/events/{event}/stock", tag = "ops",
    params(
        ("event" = String, Path, description = "The event's id"),
        chassis::IdempotencyKey,
    ),
    request_body = StockPost,
    responses(
        (status = 200, description = "The stock as it now stands", body = ShownStock),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 404, description = "`no-such-event`"),
        (status = 409, description = "`event-is-live`: the event issues the given codes of its book"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 503, description = "`try-again`: nothing was added; `outcome-unknown`: read the event before adding again"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn post_stock(
    State(store): State<Store>,
    staff: Staff,
    Path(event): Path<EventId>,
    Keyed(StockPost { add }, asked): Keyed<StockPost>,
) -> Result<Json<ShownStock>, Problem> {
    if !(1..=MOST_ADDED).contains(&add) {
        return Err(Problem::field(
            "add",
            format!("`add` must be a whole number from 1 to {MOST_ADDED}."),
        ));
    }
    let once = asked.by(staff.name());
    match store
        .add_stock_once(&event, add, by(&staff), once.as_ref())
        .await
    {
        Ok(StockOutcome::Added { total, remaining }) => Ok(Json(ShownStock { total, remaining })),
        Ok(StockOutcome::TooMuch) => Err(Problem::field(
            "add",
            format!("`add` must leave the event with at most {MOST_STOCK} coupons in all."),
        )),
        Ok(StockOutcome::GivenCodes) => Err(Problem::new(
            Refusal::EventIsLive,
            "The event issues the given codes of its book; give the book more codes, and its stock rises.",
        )
        .with("field", "stock")),
        Ok(StockOutcome::Mismatch) => Err(Refusal::IdempotencyMismatch.into()),
        Ok(StockOutcome::NoSuchEvent) => Err(no_such_event(&event)),
        Err(error) => Err(failed(error)),
    }
}

/// Adding twice is not adding once: when the answer was lost, ops must look before they try again.
fn failed(error: StoreError) -> Problem {
    if let StoreError::Unknown(_) = error {
        tracing::warn!(%error, "stock may have been added, the answer was lost");
        Problem::new(
            Refusal::OutcomeUnknown,
            "The coupons may have been added; read the event's stock before adding again.",
        )
        .retry_after(1)
    } else {
        store_failed(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::stage::Stage;

    #[tokio::test]
    async fn coupons_are_added_in_every_phase_up_to_the_most_an_event_may_hold() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica
            .make("demo", json!({ "stock": 9_000_000, "phase": "open" }))
            .await;
        for (add, total) in [(1, 9_000_001), (999_998, 9_999_999), (1, 10_000_000)] {
            let reply = replica.post("demo", "stock", json!({ "add": add })).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(reply.body, json!({ "total": total, "remaining": total }));
        }
        let refused = replica
            .post("demo", "stock", json!({ "add": 1 }))
            .await
            .refused(400, "bad-request");
        assert_eq!(refused["field"], "add");
        let held = replica.get("/api/v1/admin/events/demo").await.body;
        assert_eq!(
            held["stock"],
            json!({ "total": 10_000_000, "remaining": 10_000_000 })
        );
    }

    #[tokio::test]
    async fn a_number_out_of_range_is_refused_before_the_event_is_looked_for() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for body in [
            json!({ "add": 0 }),
            json!({ "add": -1 }),
            json!({ "add": 1_000_001 }),
            json!({ "add": 1.5 }),
            json!({ "add": "1" }),
            json!({}),
        ] {
            let refused = replica
                .post("nowhere", "stock", body.clone())
                .await
                .refused(400, "bad-request");
            assert_eq!(refused["field"], "add", "{body}");
        }
        replica
            .post("nowhere", "stock", json!({ "add": 1 }))
            .await
            .refused(404, "no-such-event");
    }
}
