//! `GET …/places/me`: where the visitor stands.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use chassis::{Path, Problem};
use domain::place::PlaceState;
use domain::{EventId, PlaceId, Refusal};
use lua::Look;

use crate::Gateway;
use crate::answer::Answer;
use crate::credential::Credential;

/// Where the visitor stands.
///
/// While waiting, ask again after `Retry-After` (or `poll_after_ms`): often near the head, seldom far back.
#[utoipa::path(
    get,
    operation_id = "me",
    path = "/api/v1/events/{event}/places/me",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    security(("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 200, description = "The place; while waiting with `Retry-After`", body = Answer),
        (status = 401, description = "`no-place`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let place = Credential::to_look(&gateway.visitors, &event, &headers)?.place_id();
    let line = gateway.mirror.line(&event).await?;
    let state = state(&gateway, &event, &place).await?;
    Ok(Answer::new(&gateway, &line, place, state))
}

/// What has become of a place; `no-place` when nobody ever entered with its token.
pub async fn state(
    gateway: &Gateway,
    event: &EventId,
    place: &PlaceId,
) -> Result<PlaceState, Problem> {
    let look = gateway.store.look(event, place).await;
    known(look.map_err(Problem::try_again)?)
}

/// The state that the store tells of, or the refusal.
pub fn known(look: Look) -> Result<PlaceState, Problem> {
    match look {
        Look::Known(state) => Ok(state),
        Look::NoPlace => Err(Refusal::NoPlace.into()),
        Look::NoSuchEvent => Err(Refusal::NoSuchEvent.into()),
    }
}
