//! `POST …/redemptions`: exchanges a ticket for a coupon, with a synchronous pass or fail.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use chassis::{Json, Path, Problem};
use domain::coupon::Issue;
use domain::event::AckLevel;
use domain::place::PlaceState;
use domain::ticket::Claims;
use domain::{EventId, Millis, PlaceId, PlaceToken, Refusal};
use lua::{Look, Redeem, Redeemed, StoreError};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Desk;
use crate::answer::{Answer, Pass, Pending};
use crate::owner::Owner;
use crate::terms::Terms;
use crate::ticket;

/// How often a code is drawn before giving up. A pattern offers a thousand codes per coupon, so the second draw is rare
/// already and the eighth never comes.
pub(crate) const DRAWS: usize = 8;

/// The proof that the ticket is the caller's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RedeemBody)]
pub struct Body {
    /// The token of the place that the ticket was given to. A browser leaves it out: its cookie holds it.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 43)]
    #[serde(default)]
    place_token: Option<PlaceToken>,
}

/// Exchanges a ticket for a coupon.
///
/// The same ticket and holder get the same coupon however often they ask, also after a time-out, a restart, the last
/// coupon or the end of the event. A 503 `outcome-unknown` is not a fail: ask again with the same ticket.
#[utoipa::path(
    post,
    operation_id = "redeem",
    path = "/api/v1/events/{event}/redemptions",
    tag = "redeem",
    params(("event" = String, Path, description = "The event's id")),
    request_body(content = Body, description = "May be empty when the cookie is sent"),
    security(("ticket" = [])),
    responses(
        (status = 200, description = "Pass: a coupon, kept as far as the event's ack level says", body = Pass),
        (status = 202, description = "Issued, not yet kept as far as the ack level after five seconds; `Location` tells where to look", body = Pending),
        (status = 400, description = "`bad-request`, naming the field"),
        (status = 401, description = "`ticket-invalid` or `ticket-expired`"),
        (status = 403, description = "`ticket-wrong-event`, `not-the-holder` or `foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 409, description = "`sold-out`, `already-issued` or `limit-reached` (of the event's book), with `result`: `fail`"),
        (status = 410, description = "`event-closed`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`outcome-unknown` or `try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let answer = redeem(&desk, request).await;
    count(&answer);
    answer.into_response()
}

/// Counts a redemption by its outcome.
pub fn count(answer: &Result<Answer, Problem>) {
    let outcome = match answer {
        Ok(answer) => answer.outcome(),
        Err(problem) => problem.refusal().shown().name,
    };
    metrics::counter!("stanchion_issuer_redeems_total", "outcome" => outcome).increment(1);
}

/// The order of checks: the path, the ticket, the body, the holder, and then the store, which knows the rest.
async fn redeem(desk: &Desk, request: Request) -> Result<Answer, Problem> {
    let (mut parts, body) = request.into_parts();
    let Path(event) = Path::<EventId>::from_request_parts(&mut parts, &()).await?;
    let claims = ticket::presented(&desk.keys, &parts.headers).await?;
    if claims.aud != event {
        return Err(wrong_event(desk, &event).await);
    }
    let by_cookie = desk
        .visitors
        .cookie(&event, &parts.headers)
        .map(|token| desk.visitors.same_origin(&parts.headers).map(|()| token));
    let Json(body) = Json::<Body>::from_request(Request::from_parts(parts, body), &()).await?;
    let token = match (body.place_token, by_cookie) {
        (Some(token), _) => token,
        (None, Some(by_cookie)) => by_cookie?,
        (None, None) => return Err(no_token()),
    };
    let terms = desk.terms.of(&event).await.map_err(Problem::try_again)?;
    let terms = terms.ok_or(Refusal::NoSuchEvent)?;
    let owner = match Owner::of(desk, &event, &terms, &token).await {
        Ok(owner) if owner.place == claims.sub => owner,
        Err(problem) if problem.refusal() != Refusal::NoPlace => return Err(problem),
        _ => return Err(Refusal::NotTheHolder.into()),
    };
    exchanged(desk, event, owner, claims, &terms).await
}

/// What a good ticket in its holder's hand is exchanged for; how that went is counted for admission's brake.
pub async fn exchanged(
    desk: &Desk,
    event: EventId,
    owner: Owner,
    claims: Claims,
    terms: &Terms,
) -> Result<Answer, Problem> {
    let asked = Instant::now();
    let answer = decided(desk, event.clone(), owner, claims, terms).await;
    desk.strains.count(&event, &answer, asked.elapsed());
    answer
}

/// What becomes of a good ticket in its holder's hand.
async fn decided(
    desk: &Desk,
    event: EventId,
    owner: Owner,
    claims: Claims,
    terms: &Terms,
) -> Result<Answer, Problem> {
    let place = owner.place.clone();
    let (issue, replayed) = issue(desk, &event, owner, claims, terms).await?;
    mishaps::cross("redeem.passed").map_err(Problem::outcome_unknown)?;
    if !desk.acks.reached(&event, terms.ack, issue.ordinal).await {
        return Ok(Answer::pending(&event, issue));
    }
    if terms.ack != AckLevel::Redis {
        stands(desk, &event, &place, &issue).await?;
    }
    Ok(Answer::pass(event, issue, terms.ack, replayed))
}

/// A mark speaks of the record that has the ordinal now. When Redis lost its last writes while this pass waited, that may be
/// another one: only a coupon that is still held was meant.
async fn stands(
    desk: &Desk,
    event: &EventId,
    place: &PlaceId,
    issue: &Issue,
) -> Result<(), Problem> {
    let look = desk.store.look(event, place).await;
    match look.map_err(Problem::outcome_unknown)? {
        Look::Known(PlaceState::Redeemed(held)) if held == *issue => Ok(()),
        _ => Err(Problem::outcome_unknown(
            "the store lost the coupon while its record was waited for",
        )),
    }
}

/// Asks the store for the coupon; true when it was issued before.
async fn issue(
    desk: &Desk,
    event: &EventId,
    owner: Owner,
    claims: Claims,
    terms: &Terms,
) -> Result<(Issue, bool), Problem> {
    let redeem = Redeem {
        holder: owner.holder,
        place: owner.place,
        jti: claims.jti,
        begins_at: Millis(claims.nbf.saturating_mul(1_000)),
        ends_at: Millis(claims.exp.saturating_mul(1_000)),
        code: String::new(),
    };
    for _ in 0..DRAWS {
        let redeem = Redeem {
            code: terms.code_pattern.draw(&*desk.random),
            ..redeem.clone()
        };
        match desk.store.redeem(event, redeem).await.map_err(lost)? {
            Redeemed::Pass(issue) => return Ok((issue, false)),
            Redeemed::Replayed(issue) => return Ok((issue, true)),
            Redeemed::CodeTaken => {}
            Redeemed::AlreadyIssued => return Err(fail(Refusal::AlreadyIssued)),
            Redeemed::LimitReached => return Err(fail(Refusal::LimitReached)),
            Redeemed::SoldOut => return Err(fail(Refusal::SoldOut)),
            Redeemed::Expired => return Err(ticket::expired()),
            Redeemed::NotYetValid => return Err(ticket::not_yet_valid()),
            Redeemed::EventClosed => return Err(Refusal::EventClosed.into()),
            Redeemed::OutboxFull => {
                return Err(Problem::try_again(StoreError::OutboxFull));
            }
            Redeemed::NoSuchEvent => {
                desk.terms.forget(event);
                return Err(Refusal::NoSuchEvent.into());
            }
        }
    }
    Err(Problem::try_again(format!(
        "{DRAWS} codes drawn for {event} were all taken"
    )))
}

/// A ticket that is good elsewhere: is there such an event at all?
async fn wrong_event(desk: &Desk, event: &EventId) -> Problem {
    match desk.terms.of(event).await {
        Ok(Some(_)) => Refusal::TicketWrongEvent.into(),
        Ok(None) => Refusal::NoSuchEvent.into(),
        Err(error) => Problem::try_again(error),
    }
}

/// The store decided, and it is no.
fn fail(refusal: Refusal) -> Problem {
    Problem::from(refusal).with("result", "fail")
}

/// A call that failed is only told as "nothing happened" when that is certain.
pub(crate) fn lost(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::OutboxFull => Problem::try_again(error),
        StoreError::Unknown(_) | StoreError::Unexpected(_) => Problem::outcome_unknown(error),
    }
}

fn no_token() -> Problem {
    Problem::field(
        "place_token",
        "`place_token` is required: the token of the place that the ticket was given to, or its cookie.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::body::Body as HttpBody;
    use axum::http::header::{CONTENT_TYPE, COOKIE, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
    use axum::http::{HeaderName, HeaderValue, Request};
    use chassis::system::SystemRandom;
    use domain::ticket::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::tests::rig::{ISSUER, Rig, Visitor, issuer, open, parts, post, redeem_at, send};

    #[tokio::test]
    async fn a_ticket_passes_once_and_the_same_ticket_gets_the_same_answer() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let first = rig.redeem(&demo, &visitor).await;
        let code = first.passed(false);
        assert!(code.starts_with("DEMO-"), "{code}");
        assert_eq!(first.body["event"], "demo");
        assert_eq!(first.body["coupon"]["serial"], 1);
        assert_eq!(first.body["holder"], visitor.place.place.as_str());
        assert_eq!(first.body["ack"], "redis");
        assert!(
            first.body["record_id"]
                .as_str()
                .unwrap()
                .starts_with("demo:1:")
        );
        assert!(first.body["issued_at"].as_str().unwrap().ends_with('Z'));
        for phase in ["paused", "open", "draining", "closed"] {
            rig.phase(&demo, phase).await;
            let mut again = rig.redeem(&demo, &visitor).await;
            again.passed(true);
            again.body["replayed"] = false.into();
            assert_eq!(again.body, first.body, "{phase}");
        }
        assert_eq!(
            rig.store.figures(&demo).await.unwrap().unwrap().remaining,
            4
        );
    }

    #[tokio::test]
    async fn paused_and_draining_events_redeem_and_a_closed_one_does_not() {
        let rig = Rig::start().await;
        for (phase, passes) in [("paused", true), ("draining", true), ("closed", false)] {
            let event = rig.event(phase, open(5, "redis")).await;
            let visitor = rig.visitor(&event).await;
            rig.phase(&event, phase).await;
            let reply = rig.redeem(&event, &visitor).await;
            if passes {
                reply.passed(false);
            } else {
                reply.refused(410, "event-closed");
            }
        }
    }

    #[tokio::test]
    async fn whoever_comes_after_the_last_coupon_hears_that_it_is_gone() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(1, "redis")).await;
        let winner = rig.visitor(&demo).await;
        rig.redeem(&demo, &winner).await.passed(false);
        let late = Visitor {
            token: PlaceToken::generate(&SystemRandom),
            ..winner.clone()
        };
        let mut place = late.place.clone();
        place.place = late.token.place_id();
        let late = Visitor {
            ticket: rig.mint(&demo, &place),
            ..late
        };
        let reply = rig.redeem(&demo, &late).await;
        reply.refused(409, "sold-out");
        assert_eq!(reply.body["result"], "fail");
        rig.redeem(&demo, &winner).await.passed(true);
    }

    #[tokio::test]
    async fn a_holder_gets_one_coupon_whatever_the_ticket() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        rig.redeem(&demo, &visitor).await.passed(false);
        let second = rig.with_ticket(&demo, &visitor, 0, 60).await;
        let reply = rig.redeem(&demo, &second).await;
        reply.refused(409, "already-issued");
        assert_eq!(reply.body["result"], "fail");
        assert_eq!(
            rig.store.figures(&demo).await.unwrap().unwrap().remaining,
            4
        );
    }

    #[tokio::test]
    async fn a_ticket_counts_from_its_beginning_to_its_end() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let over = rig.with_ticket(&demo, &visitor, -60, -1).await;
        let reply = rig.redeem(&demo, &over).await;
        reply.refused(401, "ticket-expired");
        assert_eq!(
            reply.headers[WWW_AUTHENTICATE],
            r#"Bearer error="invalid_token""#
        );
        let early = rig.with_ticket(&demo, &visitor, 60, 120).await;
        let reply = rig.redeem(&demo, &early).await;
        reply.refused(401, "ticket-invalid");
        assert_eq!(
            reply.headers[WWW_AUTHENTICATE],
            r#"Bearer error="invalid_token""#
        );
        rig.redeem(&demo, &visitor).await.passed(false);
    }

    #[tokio::test]
    async fn what_is_no_ticket_of_ours_is_refused_before_the_body_is_read() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let stranger = SigningKey::generate(&SystemRandom).unwrap();
        let tickets = [
            "x".to_owned(),
            visitor.token.reveal().to_owned(),
            visitor.ticket.replace('.', ""),
            format!("{}A", visitor.ticket),
            stranger.mint(ISSUER, &demo, &visitor.place).unwrap(),
            rig.key
                .mint("https://elsewhere.example", &demo, &visitor.place)
                .unwrap(),
        ];
        for ticket in tickets {
            let reply = send(&rig.router, post("demo", Some(&ticket), &json!([1]))).await;
            reply.refused(401, "ticket-invalid");
            assert_eq!(
                reply.headers[WWW_AUTHENTICATE],
                r#"Bearer error="invalid_token""#
            );
        }
        let reply = send(&rig.router, post("demo", None, &json!({}))).await;
        reply.refused(401, "ticket-invalid");
        assert_eq!(reply.headers[WWW_AUTHENTICATE], "Bearer");
    }

    #[tokio::test]
    async fn a_ticket_opens_its_own_event_alone() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        rig.event("other", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        redeem_at(&rig.router, "other", &visitor)
            .await
            .refused(403, "ticket-wrong-event");
        redeem_at(&rig.router, "unknown", &visitor)
            .await
            .refused(404, "no-such-event");
        redeem_at(&rig.router, "No-Event", &visitor)
            .await
            .refused(404, "no-such-event");
        let nowhere = "nowhere".parse().unwrap();
        let orphan = Visitor {
            ticket: rig.mint(&nowhere, &visitor.place),
            ..visitor
        };
        rig.redeem(&nowhere, &orphan)
            .await
            .refused(404, "no-such-event");
    }

    #[tokio::test]
    async fn a_ticket_without_its_place_token_is_worth_nothing() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let thief = Visitor {
            token: PlaceToken::generate(&SystemRandom),
            ..visitor.clone()
        };
        rig.redeem(&demo, &thief)
            .await
            .refused(403, "not-the-holder");
        for body in [json!({}), json!({"place_token": null})] {
            let reply = send(&rig.router, post("demo", Some(&visitor.ticket), &body)).await;
            reply.refused(400, "bad-request");
            assert_eq!(reply.body["field"], "place_token");
        }
        rig.redeem(&demo, &visitor).await.passed(false);
    }

    #[tokio::test]
    async fn a_wrong_body_is_named() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let ticket = Some(visitor.ticket.as_str());
        for (body, field) in [
            (json!({"place_token": "short"}), "place_token"),
            (json!({"place_token": 7}), "place_token"),
            (json!({"token": visitor.token.reveal()}), "token"),
        ] {
            let reply = send(&rig.router, post("demo", ticket, &body)).await;
            reply.refused(400, "bad-request");
            assert_eq!(reply.body["field"], field, "{body}");
        }
        let large = json!({"place_token": "x".repeat(20_000)});
        send(&rig.router, post("demo", ticket, &large))
            .await
            .refused(413, "too-large");
        let mut form = post("demo", ticket, &json!({}));
        form.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        send(&rig.router, form)
            .await
            .refused(415, "unsupported-media-type");
    }

    /// A redemption by cookie, with one more header.
    fn by_cookie(visitor: &Visitor, more: Option<(HeaderName, &'static str)>) -> Request<HttpBody> {
        let mut request = post("demo", Some(&visitor.ticket), &json!({}));
        let cookie = format!("theme=dark; stanchion-demo={}", visitor.token.reveal());
        let headers = request.headers_mut();
        headers.insert(COOKIE, cookie.parse().unwrap());
        if let Some((name, value)) = more {
            headers.insert(name, HeaderValue::from_static(value));
        }
        request
    }

    #[tokio::test]
    async fn the_cookie_proves_the_place_on_our_own_page_alone() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let site = HeaderName::from_static("sec-fetch-site");
        for (name, value) in [
            (ORIGIN, "https://elsewhere.example"),
            (site.clone(), "cross-site"),
        ] {
            let reply = send(&rig.router, by_cookie(&visitor, Some((name, value)))).await;
            reply.refused(403, "foreign-origin");
        }
        let ours = by_cookie(&visitor, Some((ORIGIN, ISSUER)));
        send(&rig.router, ours).await.passed(false);
        let ours = by_cookie(&visitor, Some((site, "same-origin")));
        send(&rig.router, ours).await.passed(true);
        let mut token_in_body = by_cookie(&visitor, Some((ORIGIN, "https://elsewhere.example")));
        let body = json!({"place_token": visitor.token.reveal()});
        *token_in_body.body_mut() = HttpBody::from(body.to_string());
        send(&rig.router, token_in_body).await.passed(true);
    }

    #[tokio::test]
    async fn two_hundred_at_once_get_exactly_the_fifty_coupons() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(50, "redis")).await;
        let visitors = rig.visitors(&demo, 50).await;
        let mut asking = tokio::task::JoinSet::new();
        for visitor in visitors.iter().cycle().take(200) {
            let (router, visitor) = (rig.router.clone(), visitor.clone());
            asking.spawn(async move { redeem_at(&router, "demo", &visitor).await });
        }
        let replies = asking.join_all().await;
        let firsts = replies.iter().filter(|r| r.body["replayed"] == false);
        let codes: HashSet<&str> = firsts.map(|reply| reply.passed(false)).collect();
        assert_eq!(codes.len(), 50);
        for reply in replies.iter().filter(|r| r.body["replayed"] != false) {
            assert!(codes.contains(reply.passed(true)));
        }
        let figures = rig.store.figures(&demo).await.unwrap().unwrap();
        assert_eq!((figures.redeemed, figures.remaining), (50, 0));
    }

    /// A Redis that hears but does not answer, until dropped.
    struct Stopped(u32);

    fn signal(signal: &str, pid: u32) {
        let status = std::process::Command::new("kill")
            .args([signal, &pid.to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    impl Stopped {
        fn stop(pid: u32) -> Self {
            signal("-STOP", pid);
            Self(pid)
        }
    }

    impl Drop for Stopped {
        fn drop(&mut self) {
            signal("-CONT", self.0);
        }
    }

    #[tokio::test]
    async fn a_lost_answer_is_unknown_and_asking_again_tells_the_truth() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let settings = lua::Settings {
            response_timeout: std::time::Duration::from_millis(300),
            ..rig.settings.clone()
        };
        let hasty = issuer(parts(&settings, &rig.ledger, &rig.lifecycle).await).await;
        let earlier = rig.visitor(&demo).await;
        let visitor = rig.visitor(&demo).await;
        redeem_at(&hasty, "demo", &earlier).await.passed(false);
        let stopped = Stopped::stop(rig.redis.pid());
        let reply = redeem_at(&hasty, "demo", &visitor).await;
        reply.refused(503, "outcome-unknown");
        assert!(reply.headers.contains_key(RETRY_AFTER));
        drop(stopped);
        let told = redeem_at(&rig.router, "demo", &visitor).await;
        let code = told.body["coupon"]["code"].as_str().unwrap();
        assert_eq!(redeem_at(&hasty, "demo", &visitor).await.passed(true), code);
        assert_eq!(
            rig.store.figures(&demo).await.unwrap().unwrap().remaining,
            3
        );
    }

    #[tokio::test]
    async fn a_store_that_is_away_means_try_again() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let (router, redis) = (rig.router.clone(), rig.redis);
        redis.stop().await.unwrap();
        let reply = redeem_at(&router, "demo", &visitor).await;
        reply.refused(503, "try-again");
        assert!(reply.headers.contains_key(RETRY_AFTER));
    }
}
