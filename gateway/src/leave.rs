//! `DELETE …/places/me`: the visitor gives the place up.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chassis::{Path, Problem};
use domain::EventId;

use crate::Gateway;
use crate::credential::Credential;
use crate::me::known;

/// Leaves the line.
///
/// Gives up a waiting place, or a ticket not yet redeemed. Leaving twice, or with a coupon, changes nothing.
#[utoipa::path(
    delete,
    operation_id = "leave",
    path = "/api/v1/events/{event}/places/me",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    security(("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 204, description = "The place is given up"),
        (status = 401, description = "`no-place`"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let place = Credential::to_change(&gateway.visitors, &event, &headers)?.place_id();
    let left = gateway.store.leave(&event, &place).await;
    known(left.map_err(Problem::try_again)?)?;
    Ok(StatusCode::NO_CONTENT)
}
