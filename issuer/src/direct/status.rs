//! `GET /api/v1/coupons/status/{event}`: how many are left.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use domain::{EventId, Phase, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Desk;

/// The figures of an event without a line.
#[derive(Serialize, ToSchema)]
#[schema(as = DirectStatus)]
pub struct Answer {
    /// The event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Coupons left.
    remaining_stock: u64,
    /// How many have one.
    total_participants: u64,
    /// Is one left?
    status: Stock,
}

/// Is a coupon left?
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DirectStock)]
enum Stock {
    /// Yes.
    Active,
    /// No.
    SoldOut,
}

/// How many coupons are left.
#[utoipa::path(
    get,
    operation_id = "directStatus",
    path = "/api/v1/coupons/status/{event}",
    tag = "direct",
    params(("event" = String, Path, description = "The event's name, percent-encoded")),
    responses(
        (status = 200, description = "The figures of this moment", body = Answer),
        (status = 404, description = "`no-such-event`: none, or one with a line"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(event): Path<EventId>,
) -> Result<Json<Answer>, Problem> {
    let held = desk.store.direct_event(&event).await;
    let held = held
        .map_err(Problem::try_again)?
        .filter(|held| held.phase != Phase::Draft)
        .ok_or(Refusal::NoSuchEvent)?;
    Ok(Json(Answer {
        event_id: event,
        remaining_stock: held.remaining,
        total_participants: held.claimed,
        status: if held.remaining == 0 {
            Stock::SoldOut
        } else {
            Stock::Active
        },
    }))
}
