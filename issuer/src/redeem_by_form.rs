//! `POST …/redemptions/form`: exchanges the ticket that the place of the cookie holds, for pages without scripts. The answer is the
//! way back to the page, which says what became of it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chassis::{Path, Problem, Query};
use domain::place::PlaceState;
use domain::{EventId, Refusal};
use lua::Look;
use serde::Deserialize;

use crate::Desk;
use crate::answer::Answer;
use crate::owner::Owner;
use crate::{redeem, redemptions_me, ticket};

/// What is asked for beside the cookie; whatever else is in the query is somebody else's.
#[derive(Deserialize)]
pub struct Asked {
    lang: Option<String>,
}

/// Exchanges the ticket of the cookie's place for a coupon, for browsers without scripts.
///
/// The address that it sends them to tells the page of what went wrong: `redeem` with the name of a problem, or `pending`.
#[utoipa::path(
    post,
    operation_id = "redeem_by_form",
    path = "/api/v1/events/{event}/redemptions/form",
    tag = "redeem",
    params(
        ("event" = String, Path, description = "The event's id"),
        ("lang" = Option<String>, Query, description = "The language in which the page goes on: `en` or `ko`"),
    ),
    security((), ("place_cookie" = [])),
    responses(
        (status = 303, description = "To the page, which shows the coupon or says why there is none"),
        (status = 400, description = "`bad-request`: a parameter holds NUL, or comes twice"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`: the path names none"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(event): Path<EventId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    desk.visitors.same_origin(&headers)?;
    let answer = redeem(&desk, &event, &headers).await;
    redeem::count(&answer);
    let told = match &answer {
        Ok(Answer::Pass(_)) => None,
        Ok(Answer::Pending(_)) => Some("pending"),
        Err(problem) => Some(problem.refusal().shown().name),
    };
    let lang = asked.lang.filter(|lang| is_tag(lang));
    let query: Vec<String> = [("lang", lang.as_deref()), ("redeem", told)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let page = format!("/e/{}{mark}{}", event.encoded(), query.join("&"));
    Ok((StatusCode::SEE_OTHER, [(LOCATION, page)]).into_response())
}

/// Could this name a language? Nothing else is sent back in an address.
fn is_tag(lang: &str) -> bool {
    lang.len() == 2 && lang.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Exchanges the ticket that the store holds for the place; of a place that has its coupon it tells that again.
async fn redeem(desk: &Desk, event: &EventId, headers: &HeaderMap) -> Result<Answer, Problem> {
    let token = desk.visitors.cookie(event, headers);
    let token = token.ok_or(Refusal::NoPlace)?;
    let terms = desk.terms.of(event).await.map_err(Problem::try_again)?;
    let terms = terms.ok_or(Refusal::NoSuchEvent)?;
    let owner = Owner::of(desk, event, &terms, &token).await?;
    let look = desk.store.look(event, &owner.place).await;
    match look.map_err(Problem::try_again)? {
        Look::Known(PlaceState::Admitted { ticket, .. }) => {
            let ticket =
                ticket.ok_or_else(|| Problem::try_again("the ticket is not minted yet"))?;
            let claims = ticket::read(&desk.keys, &ticket).await?;
            redeem::exchanged(desk, event.clone(), owner, claims, &terms).await
        }
        Look::Known(PlaceState::Redeemed(issue)) => {
            redemptions_me::told(desk, event.clone(), issue, terms.ack).await
        }
        Look::Known(_) | Look::NoPlace => Err(Refusal::NoPlace.into()),
        Look::NoSuchEvent => Err(Refusal::NoSuchEvent.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use axum::http::header::{COOKIE, ORIGIN};
    use chassis::system::SystemRandom;
    use domain::PlaceToken;
    use domain::event::AckLevel;

    use super::*;
    use crate::tests::rig::{ISSUER, Reply, Rig, Visitor, open, send};

    /// Presses the button of the page, from `origin`.
    async fn press(rig: &Rig, event: &str, visitor: &Visitor, origin: &str) -> Reply {
        let path = format!("/api/v1/events/{event}/redemptions/form?lang=ko");
        let cookie = format!("stanchion-{event}={}", visitor.token.reveal());
        let form = Request::post(path)
            .header(ORIGIN, origin)
            .header(COOKIE, cookie);
        send(&rig.router, form.body(Body::empty()).unwrap()).await
    }

    /// Where the browser is sent.
    fn sent(reply: &Reply) -> &str {
        assert_eq!(reply.status, 303);
        reply.headers[LOCATION].to_str().unwrap()
    }

    #[tokio::test]
    async fn the_button_of_the_page_redeems_the_ticket_that_the_cookie_s_place_holds_once() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        rig.look(&demo, &visitor).await.refused(404, "not-found");
        for _ in 0..2 {
            let pressed = press(&rig, "demo", &visitor, ISSUER).await;
            assert_eq!(sent(&pressed), "/e/demo?lang=ko");
        }
        let looked = rig.look(&demo, &visitor).await;
        let asked = rig.redeem(&demo, &visitor).await;
        assert_eq!(looked.passed(true), asked.passed(true));
        let left = rig.store.figures(&demo).await.unwrap().unwrap().remaining;
        assert_eq!(left, 4);
    }

    #[tokio::test]
    async fn another_site_cannot_press_it() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let refused = press(&rig, "demo", &visitor, "https://evil.example").await;
        refused.refused(403, "foreign-origin");
        rig.look(&demo, &visitor).await.refused(404, "not-found");
    }

    #[tokio::test]
    async fn the_page_is_told_why_there_is_no_coupon() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let closed = rig.visitor(&demo).await;
        let stranger = Visitor {
            token: PlaceToken::generate(&SystemRandom),
            ..closed.clone()
        };
        for enters in [false, true] {
            if enters {
                let place = stranger.token.place_id();
                rig.store.enter(&demo, &place).await.unwrap();
            }
            let pressed = press(&rig, "demo", &stranger, ISSUER).await;
            assert_eq!(sent(&pressed), "/e/demo?lang=ko&redeem=no-place");
        }
        rig.phase(&demo, "closed").await;
        let pressed = press(&rig, "demo", &closed, ISSUER).await;
        assert_eq!(sent(&pressed), "/e/demo?lang=ko&redeem=no-place");
        let pressed = press(&rig, "nowhere", &closed, ISSUER).await;
        assert_eq!(sent(&pressed), "/e/nowhere?lang=ko&redeem=no-such-event");
    }

    #[tokio::test]
    async fn a_coupon_that_is_not_kept_yet_is_pending_until_it_is() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "log")).await;
        let visitor = rig.visitor(&demo).await;
        for _ in 0..2 {
            let pressed = press(&rig, "demo", &visitor, ISSUER).await;
            assert_eq!(sent(&pressed), "/e/demo?lang=ko&redeem=pending");
        }
        let look = rig.store.look(&demo, &visitor.place.place).await;
        let Look::Known(PlaceState::Redeemed(issue)) = look.unwrap() else {
            panic!("it is redeemed");
        };
        let kept = rig
            .store
            .raise_watermark(&demo, AckLevel::Log, issue.ordinal);
        kept.await.unwrap();
        let pressed = press(&rig, "demo", &visitor, ISSUER).await;
        assert_eq!(sent(&pressed), "/e/demo?lang=ko");
    }

    #[test]
    fn only_what_could_be_a_language_is_sent_back() {
        let sent_back = ["en", "ko", "KO", "e\n", "eng", ""].map(is_tag);
        assert_eq!(sent_back, [true, true, false, false, false, false]);
    }
}
