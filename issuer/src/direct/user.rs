//! `GET /api/v1/coupons/user/{user}/event/{event}`: the coupon that a user has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use domain::{EventId, Holder, Millis, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Desk;

/// A user's coupon.
#[derive(Serialize, ToSchema)]
#[schema(as = UsersCoupon)]
pub struct Answer {
    /// Who has it.
    #[schema(value_type = String)]
    user_id: Holder,
    /// Of which event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Its code.
    coupon_id: String,
    /// When it was issued, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    issued_at: Millis,
}

/// The coupon that a user has of an event without a line.
#[utoipa::path(
    get,
    operation_id = "usersCoupon",
    path = "/api/v1/coupons/user/{user}/event/{event}",
    tag = "direct",
    params(
        ("user" = String, Path, description = "The user, percent-encoded"),
        ("event" = String, Path, description = "The event's name, percent-encoded"),
    ),
    responses(
        (status = 200, description = "The coupon", body = Answer),
        (status = 404, description = "`no-such-event`: none, or one with a line; `no-such-coupon`: the user has none"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path((user, event)): Path<(Holder, EventId)>,
) -> Result<Json<Answer>, Problem> {
    let terms = desk.terms.of(&event).await.map_err(Problem::try_again)?;
    // Whoever stands in a line is known by a public id, which must not open their coupon.
    terms
        .filter(|terms| !terms.line)
        .ok_or(Refusal::NoSuchEvent)?;
    let held = desk.store.issue_of(&event, &user).await;
    let issue = held
        .map_err(Problem::try_again)?
        .ok_or(Refusal::NoSuchCoupon)?;
    Ok(Json(Answer {
        user_id: user,
        event_id: event,
        coupon_id: issue.coupon.code,
        issued_at: issue.issued_at,
    }))
}
