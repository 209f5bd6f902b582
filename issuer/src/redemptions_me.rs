//! `GET …/redemptions/me`: what the redemption was answered with, or would be now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use chassis::visitor::bearer;
use chassis::{Path, Problem};
use domain::coupon::Issue;
use domain::event::AckLevel;
use domain::place::PlaceState;
use domain::{EventId, PlaceToken, Refusal};
use lua::Look;

use crate::Desk;
use crate::answer::{Answer, Pass, Pending};
use crate::owner::Owner;

/// What this place's redemption was answered with, or would be now.
#[utoipa::path(
    get,
    operation_id = "redemption_of_mine",
    path = "/api/v1/events/{event}/redemptions/me",
    tag = "redeem",
    params(("event" = String, Path, description = "The event's id")),
    security(("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 200, description = "The coupon", body = Pass),
        (status = 202, description = "Issued, not yet kept as far as the ack level", body = Pending),
        (status = 401, description = "`no-place`"),
        (status = 404, description = "`not-found`: this place never redeemed; `no-such-event`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(event): Path<EventId>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let token = match bearer(&headers) {
        Some(token) => token.parse::<PlaceToken>().ok(),
        None => desk.visitors.cookie(&event, &headers),
    };
    let token = token.ok_or(Refusal::NoPlace)?;
    let terms = desk.terms.of(&event).await.map_err(Problem::try_again)?;
    let terms = terms.ok_or(Refusal::NoSuchEvent)?;
    let place = Owner::of(&desk, &event, &terms, &token).await?.place;
    let look = desk.store.look(&event, &place).await;
    let issue = match look.map_err(Problem::try_again)? {
        Look::Known(PlaceState::Redeemed(issue)) => issue,
        Look::Known(_) => {
            return Err(Problem::new(
                Refusal::NotFound,
                "This place has not redeemed a ticket. Redeem it by `POST …/redemptions` first.",
            ));
        }
        Look::NoPlace => return Err(Refusal::NoPlace.into()),
        Look::NoSuchEvent => return Err(Refusal::NoSuchEvent.into()),
    };
    told(&desk, event, issue, terms.ack).await
}

/// A pass when the issue is kept as far as `ack` says by now.
pub async fn told(
    desk: &Desk,
    event: EventId,
    issue: Issue,
    ack: AckLevel,
) -> Result<Answer, Problem> {
    let reached = desk.acks.has_reached(&event, ack, issue.ordinal).await;
    if reached.map_err(Problem::try_again)? {
        Ok(Answer::pass(event, issue, ack, true))
    } else {
        Ok(Answer::pending(&event, issue))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::header::COOKIE;
    use chassis::system::SystemRandom;

    use super::*;
    use crate::tests::rig::{Rig, open, send};

    #[tokio::test]
    async fn it_tells_the_holder_what_the_redemption_told() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        rig.look(&demo, &visitor).await.refused(404, "not-found");
        let told = rig.redeem(&demo, &visitor).await;
        let looked = rig.look(&demo, &visitor).await;
        assert_eq!(looked.passed(true), told.passed(false));
        assert_eq!(looked.body["record_id"], told.body["record_id"]);
        let cookie = format!("stanchion-demo={}", visitor.token.reveal());
        let by_cookie = Request::get("/api/v1/events/demo/redemptions/me").header(COOKIE, cookie);
        let by_cookie = by_cookie.body(Body::empty()).unwrap();
        assert_eq!(send(&rig.router, by_cookie).await.body, looked.body);
    }

    #[tokio::test]
    async fn without_a_place_there_is_nothing_to_tell() {
        let rig = Rig::start().await;
        rig.event("demo", open(5, "redis")).await;
        let stranger = PlaceToken::generate(&SystemRandom);
        for token in [None, Some("x"), Some(stranger.reveal())] {
            rig.look_as("demo", token).await.refused(401, "no-place");
        }
        for event in ["unknown", "No-Event"] {
            let reply = rig.look_as(event, Some(stranger.reveal())).await;
            reply.refused(404, "no-such-event");
        }
    }
}
