//! `GET …/places/me`: where the visitor stands.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use chassis::{Path, Problem};
use domain::place::PlaceState;
use domain::{EventId, PlaceId, Refusal};
use lua::{Look, Looked};

use crate::Gateway;
use crate::answer::Answer;
use crate::credential::Credential;
use crate::entry;
use crate::mirror::line::Line;

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
    let shown = Credential::shown(&gateway.visitors, &event, &headers)?;
    let shown = shown.ok_or(Refusal::NoPlace)?;
    let line = gateway.mirror.line(&event).await?;
    let place = entry::place(&gateway, &line, &shown.clone().token()).await?;
    let state = state(&gateway, &line, &place).await?;
    line.saw(&place, &state);
    let answer = Answer::new(&gateway, &line, place, state);
    Ok(match shown {
        Credential::Bearer(token) => answer.with_token(&token),
        // The cookie is HttpOnly so that no script can read the secret: the answer does not hand it over either.
        Credential::Cookie(_) => answer,
    })
}

/// What has become of a place; `no-place` when nobody ever entered with its token. A position that is shown next is as low as any
/// that another gateway has shown.
pub async fn state(gateway: &Gateway, line: &Line, place: &PlaceId) -> Result<PlaceState, Problem> {
    let looked = gateway.store.look_to_show(&line.event, place).await;
    let Looked { look, moves } = looked.map_err(Problem::try_again)?;
    let state = known(look)?;
    if let PlaceState::Waiting { .. } = state {
        gateway.mirror.catch_up(line, moves).await;
    }
    Ok(state)
}

/// The state that the store tells of, or the refusal.
pub fn known(look: Look) -> Result<PlaceState, Problem> {
    match look {
        Look::Known(state) => Ok(state),
        Look::NoPlace => Err(Refusal::NoPlace.into()),
        Look::NoSuchEvent => Err(Refusal::NoSuchEvent.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
    use domain::Millis;
    use serde_json::{Value, json};

    use crate::tests::rig::{Rig, api, bearer, cookie, eventually, open, request, token};

    const ME: &str = "/places/me";

    #[tokio::test]
    async fn a_place_is_told_through_its_whole_life() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let token = rig.visitor(&event).await;
        let waiting = rig.get(&api(&event, ME), Some(&token)).await;
        assert_eq!(waiting.json()["state"], "waiting");
        assert_eq!(waiting.json()["position"], 1);
        assert!(!waiting.header(RETRY_AFTER).is_empty());
        assert_eq!(waiting.json()["place_token"], token.reveal());
        let shown = cookie(&event, &token);
        let by_cookie = request(Method::GET, &api(&event, ME), &[("cookie", &shown)], "");
        let by_cookie = rig.send(by_cookie).await.json();
        assert_eq!(by_cookie["position"], 1);
        let secret = by_cookie.get("place_token");
        assert_eq!(secret, None, "the cookie stays a secret");

        let admitted = rig.admit(&event, 1).await;
        let before_the_ticket = rig.me(&event, &token).await;
        assert_eq!(before_the_ticket["state"], "waiting", "for the ticket");
        assert_eq!(before_the_ticket["position"], 1);
        rig.mint(&event, &admitted).await;
        let with_ticket = rig.get(&api(&event, ME), Some(&token)).await;
        assert_eq!(with_ticket.json()["state"], "admitted");
        assert_eq!(with_ticket.json()["position"], Value::Null);
        assert_eq!(with_ticket.json()["ticket"], "ticket-1");
        let ends = with_ticket.json()["ticket_expires_at"]
            .as_str()
            .map(Millis::parse);
        assert_eq!(ends.unwrap().unwrap(), admitted[0].expires_at);
        assert_eq!(with_ticket.header(RETRY_AFTER), "");

        rig.redeem(&event, &admitted[0]).await;
        let redeemed = rig.me(&event, &token).await;
        assert_eq!(redeemed["state"], "redeemed");
        assert_eq!(redeemed["coupon"], json!({"code": "CODE-1", "serial": 1}));
    }

    #[tokio::test]
    async fn positions_fall_as_people_ahead_are_let_in_or_leave() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let first = rig.visitor(&event).await;
        let second = rig.visitor(&event).await;
        let third = rig.visitor(&event).await;
        assert_eq!(rig.me(&event, &third).await["position"], 3);
        rig.store.leave(&event, &second.place_id()).await.unwrap();
        let admitted = rig.admit(&event, 1).await;
        rig.mint(&event, &admitted).await;
        let place = eventually("the head of the line", async || {
            let place = rig.me(&event, &third).await;
            (place["position"] == 1).then_some(place)
        });
        assert_eq!(place.await["waiting"], 1);
        let left = rig.me(&event, &second).await;
        assert_eq!(
            (&left["state"], &left["reason"]),
            (&json!("gone"), &json!("left"))
        );
        assert_eq!(rig.me(&event, &first).await["state"], "admitted");
    }

    #[tokio::test]
    async fn without_a_place_there_is_nothing_to_tell() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let stranger = token();
        let (header, sent) = (bearer(&stranger), cookie(&event, &stranger));
        let table: [&[(&str, &str)]; 6] = [
            &[],
            &[("authorization", &header)],
            &[("authorization", "Bearer short")],
            &[("authorization", "Basic eDp5")],
            &[("cookie", &sent)],
            &[("cookie", "stanchion-demo=short")],
        ];
        for headers in table {
            let reply = rig
                .send(request(Method::GET, &api(&event, ME), headers, ""))
                .await;
            assert_eq!(reply.problem(), (401, "no-place".to_owned()), "{headers:?}");
            assert_eq!(reply.header(WWW_AUTHENTICATE), "Bearer");
        }
        let unknown = api(&"unknown".parse().unwrap(), ME);
        let unknown = rig.get(&unknown, Some(&stranger)).await;
        assert_eq!(unknown.problem(), (404, "no-such-event".to_owned()));
    }

    #[tokio::test]
    async fn the_cookie_shows_the_place_also_to_a_page_of_another_site_that_cannot_read_it() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let sent = cookie(&event, &rig.visitor(&event).await);
        for headers in [
            vec![("cookie", sent.as_str())],
            vec![("cookie", &sent), ("sec-fetch-site", "none")],
        ] {
            let reply = rig
                .send(request(Method::GET, &api(&event, ME), &headers, ""))
                .await;
            assert_eq!(reply.json()["state"], "waiting");
        }
    }

    #[tokio::test]
    async fn whether_there_will_be_a_coupon_is_told_from_what_those_before_did() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(30)).await;
        for _ in 0..59 {
            rig.visitor(&event).await;
        }
        let last = rig.visitor(&event).await;
        let chance = async |expected: &str| {
            eventually("the chance", async || {
                (rig.me(&event, &last).await["chance"] == expected).then_some(())
            })
            .await;
        };
        chance("uncertain").await;
        // Ten come and take one each: 20 left for 49 before the last.
        for _ in 0..10 {
            rig.redeem_first(&event).await;
        }
        chance("unlikely").await;
        rig.add_stock(&event, 40).await;
        chance("likely").await;
    }

    #[tokio::test]
    async fn a_position_never_rises_from_one_gateway_to_another() {
        let rig = Rig::start().await;
        let other = rig.another().await;
        let event = rig.event("demo", open(9)).await;
        let mut people = Vec::new();
        for _ in 0..200 {
            people.push(rig.visitor(&event).await);
        }
        let last = rig.visitor(&event).await;
        let shown = bearer(&last);
        let leaving = async {
            for token in &people {
                rig.store.leave(&event, &token.place_id()).await.unwrap();
            }
        };
        let watching = async {
            let mut lowest = u64::MAX;
            for n in 0.. {
                let router = if n % 2 == 0 { &rig.gateway } else { &other };
                let headers = [("authorization", shown.as_str())];
                let asked = request(Method::GET, &api(&event, ME), &headers, "");
                let reply = crate::tests::rig::send(router, asked).await.json();
                let position = reply["position"].as_u64().unwrap();
                assert!(position <= lowest, "{position} after {lowest}");
                lowest = position;
                if position == 1 {
                    break;
                }
            }
        };
        tokio::join!(leaving, watching);
    }

    #[tokio::test]
    async fn two_gateways_agree() {
        let rig = Rig::start().await;
        let other = rig.another().await;
        let event = rig.event("demo", open(9)).await;
        let mut people = Vec::new();
        for _ in 0..5 {
            people.push(rig.visitor(&event).await);
        }
        let path = api(&event, ME);
        let header = bearer(&people[4]);
        let ask = async || {
            let asked = request(
                Method::GET,
                &path,
                &[("authorization", header.as_str())],
                "",
            );
            crate::tests::rig::send(&other, asked).await.json()
        };
        assert_eq!(ask().await["position"], 5);
        rig.admit(&event, 2).await;
        rig.store
            .leave(&event, &people[3].place_id())
            .await
            .unwrap();
        let there = eventually("the second gateway", async || {
            let place = ask().await;
            (place["position"] == 2).then_some(place)
        });
        let there = there.await;
        let here = eventually("the first gateway", async || {
            let place = rig.me(&event, &people[4]).await;
            (place["position"] == 2).then_some(place)
        });
        assert_eq!(here.await["waiting"], there["waiting"]);
    }
}
