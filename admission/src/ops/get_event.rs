//! `GET /api/v1/admin/events/{event}`: one event with its live figures.

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use domain::EventId;
use lua::Store;

use super::shown::ShownEvent;
use super::{no_such_event, store_failed};

/// One event with its live figures.
#[utoipa::path(
    get, path = "/api/v1/admin/events/{event}", tag = "ops",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = ShownEvent),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 404, description = "`no-such-event`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn get_event(
    State(store): State<Store>,
    Path(event): Path<EventId>,
) -> Result<Json<ShownEvent>, Problem> {
    let shown = ShownEvent::read(&store, &event)
        .await
        .map_err(store_failed)?;
    shown.map(Json).ok_or_else(|| no_such_event(&event))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;

    #[tokio::test]
    async fn an_event_that_is_not_there_is_named_in_the_refusal() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for event in ["nowhere", "Demo", "a%20b", "-x"] {
            let path = format!("/api/v1/admin/events/{event}");
            replica.get(&path).await.refused(404, "no-such-event");
        }
    }
}
