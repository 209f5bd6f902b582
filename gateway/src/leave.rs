//! `DELETE …/places/me`: the visitor gives the place up.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chassis::{Path, Problem};
use domain::EventId;

use crate::Gateway;
use crate::credential::Credential;
use crate::entry;
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
    let token = Credential::to_change(&gateway.visitors, &event, &headers)?;
    let line = gateway.mirror.line(&event).await?;
    let place = entry::place(&gateway, &line, &token).await?;
    let left = gateway.store.leave(&event, &place).await;
    known(left.map_err(Problem::try_again)?)?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use crate::tests::rig::{Rig, api, bearer, cookie, open, request, token};

    #[tokio::test]
    async fn leaving_gives_the_place_up_and_leaving_again_changes_nothing() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let token = rig.visitor(&event).await;
        let header = bearer(&token);
        for _ in 0..2 {
            let shown = [("authorization", header.as_str())];
            let left = rig.send(request(
                Method::DELETE,
                &api(&event, "/places/me"),
                &shown,
                "",
            ));
            let left = left.await;
            assert_eq!((left.status.as_u16(), left.bytes.len()), (204, 0));
        }
        assert_eq!(rig.me(&event, &token).await["reason"], "left");
        let body = json!({"place_token": token.reveal()}).to_string();
        let back = rig.enter(&event, &[], &body).await;
        assert_eq!(
            back.status, 201,
            "the same token may enter again, at the back"
        );
    }

    #[tokio::test]
    async fn only_our_own_page_leaves_by_cookie() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let token = rig.visitor(&event).await;
        let (sent, header) = (cookie(&event, &token), bearer(&token));
        let evil = ("origin", "https://evil.example");
        let table: [(&[(&str, &str)], u16); 5] = [
            (&[("cookie", &sent), evil], 403),
            (&[("cookie", &sent), ("sec-fetch-site", "same-site")], 403),
            (&[], 401),
            (&[("authorization", &header), evil], 204),
            (
                &[("cookie", &sent), ("origin", crate::tests::rig::URL)],
                204,
            ),
        ];
        for (headers, status) in table {
            let path = api(&event, "/places/me");
            let reply = rig.send(request(Method::DELETE, &path, headers, "")).await;
            assert_eq!(reply.status, status, "{headers:?}");
        }
        let (path, header) = (api(&event, "/places/me"), bearer(&self::token()));
        let shown = [("authorization", header.as_str())];
        let stranger = rig.send(request(Method::DELETE, &path, &shown, "")).await;
        assert_eq!(stranger.problem(), (401, "no-place".to_owned()));
    }
}
