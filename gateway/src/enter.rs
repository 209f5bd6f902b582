//! `POST …/places`: a visitor enters the line; the same token gets the same place.

use std::sync::Arc;

use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use chassis::{Json, Path, Problem};
use domain::place::PlaceState;
use domain::{EventId, PlaceId, PlaceToken, Refusal};
use lua::Entered;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Gateway;
use crate::answer::Answer;
use crate::credential::Credential;
use crate::entry;
use crate::me;
use crate::mirror::document::Document;
use crate::mirror::line::Line;

/// Who enters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EnterBody)]
pub struct Body {
    /// A token of the client's own making: 32 random bytes as base64url. Left out, the cookie's is taken, or a new one made.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 43)]
    #[serde(default)]
    place_token: Option<PlaceToken>,
    /// Where the event's `identity` is `entry-token`: the JWT by which the organiser's site says who the visitor is. Needed once for
    /// each place token.
    #[serde(default)]
    entry_token: Option<String>,
}

/// A place, and whether it is new.
pub struct Entering {
    /// The line.
    pub line: Arc<Line>,
    /// The place.
    pub place: PlaceId,
    /// What has become of the place.
    pub state: PlaceState,
    /// Was it made just now?
    pub new: bool,
}

/// Enters the line.
///
/// Asking again with the same token gives the same place; so does asking as the same user, with any token, where visitors are
/// known by entry tokens. A browser gets the token as a cookie too.
#[utoipa::path(
    post,
    operation_id = "enter",
    path = "/api/v1/events/{event}/places",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    request_body(content = Body, description = "May be empty: then the token is the cookie's, or a new one"),
    security((), ("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 201, description = "A new place; `Retry-After` says when to ask again", body = Answer),
        (status = 200, description = "The token has a place already", body = Answer),
        (status = 400, description = "`bad-request`, naming the field"),
        (status = 401, description = "`no-place`: the `Authorization` header holds no place token; `unauthorized`: the event wants an entry token that is good"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 409, description = "`not-open-yet` (with `opens_at`), `sold-out` or `line-closed`"),
        (status = 410, description = "`event-closed`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Path(event) = Path::<EventId>::from_request_parts(&mut parts, &()).await?;
    let shown = Credential::shown(&gateway.visitors, &event, &parts.headers)?;
    let ours = gateway.visitors.same_origin(&parts.headers);
    let Json(body) = Json::<Body>::from_request(Request::from_parts(parts, body), &()).await?;
    let token = match (body.place_token, shown) {
        (Some(token), _) | (None, Some(Credential::Bearer(token))) => token,
        (None, Some(Credential::Cookie(token))) => ours.clone().map(|()| token)?,
        // The answer sets the cookie: another site must not replace the one that is there.
        (None, None) => ours
            .clone()
            .map(|()| PlaceToken::generate(&*gateway.random))?,
    };
    let entering = enter(&gateway, &event, &token, body.entry_token.as_deref()).await?;
    let status = if entering.new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let Entering {
        line, place, state, ..
    } = entering;
    let answer = Answer::new(&gateway, &line, place, state).with_token(&token);
    let mut response = (status, answer).into_response();
    if ours.is_ok() {
        let cookie = gateway.visitors.set_cookie(&event, &token);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Enters with a token, and an entry token where the event wants one; what the store refuses is a problem.
pub async fn enter(
    gateway: &Gateway,
    event: &EventId,
    token: &PlaceToken,
    entry_token: Option<&str>,
) -> Result<Entering, Problem> {
    let line = gateway.mirror.line(event).await?;
    let user = entry::user(gateway, &line, token, entry_token).await?;
    let (place, entered) = match user {
        None => {
            let place = token.place_id();
            let entered = gateway.store.enter(event, &place).await;
            (place, entered)
        }
        Some(user) => {
            let place = PlaceId::of_user(event, &user);
            let entered = gateway.store.enter_as(event, user, token.place_id()).await;
            (place, entered)
        }
    };
    let (state, new) = match entered.map_err(Problem::try_again)? {
        Entered::New(seq) => {
            line.entered(seq);
            (PlaceState::Waiting { seq }, true)
        }
        Entered::Held(PlaceState::Waiting { .. }) => {
            (me::state(gateway, &line, &place).await?, false)
        }
        Entered::Held(state) => (state, false),
        Entered::NoSuchEvent => return Err(Refusal::NoSuchEvent.into()),
        Entered::NoLine => return Err(no_line()),
        Entered::NotOpenYet => return Err(not_open_yet(&line.document())),
        Entered::SoldOut => return Err(Refusal::SoldOut.into()),
        Entered::LineClosed => return Err(Refusal::LineClosed.into()),
        Entered::EventClosed => return Err(Refusal::EventClosed.into()),
    };
    line.saw(&place, &state);
    Ok(Entering {
        line,
        place,
        state,
        new,
    })
}

fn no_line() -> Problem {
    Problem::new(
        Refusal::LineClosed,
        "This event has no line: its coupons are claimed directly, with `POST /api/coupons/claim`.",
    )
}

fn not_open_yet(document: &Document) -> Problem {
    Problem::from(Refusal::NotOpenYet).with("opens_at", document.opens_at())
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use axum::http::header::RETRY_AFTER;
    use domain::Phase;
    use serde_json::json;

    use crate::tests::rig::{Reply, Rig, api, bearer, cookie, eventually, open, request, token};

    /// The cookie pair that a reply sets.
    fn set(reply: &Reply) -> String {
        let set = reply.header(super::SET_COOKIE);
        set.split(';').next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn entering_gives_a_place_at_the_back_and_again_the_same_one() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        rig.visitor(&event).await;
        let token = token();
        let body = json!({"place_token": token.reveal()}).to_string();
        for status in [201, 200] {
            let reply = rig.enter(&event, &[], &body).await;
            assert_eq!(reply.status, status);
            let place = reply.json();
            let poll_after_ms = place["poll_after_ms"].as_u64().unwrap();
            let expected = json!({
                "place_id": token.place_id(), "place_token": token.reveal(), "state": "waiting",
                "position": 2, "waiting": 2, "phase": "open", "eta_s": {"low": 0, "high": 2},
                "chance": "likely", "poll_after_ms": poll_after_ms, "live_url": "/api/v1/events/demo/places/me/live",
            });
            assert_eq!(place, expected);
            assert!((1_000..=1_200).contains(&poll_after_ms));
            let wait_s = poll_after_ms.div_ceil(1_000).to_string();
            assert_eq!(reply.header(RETRY_AFTER), wait_s);
            assert_eq!(set(&reply), cookie(&event, &token));
        }
    }

    #[tokio::test]
    async fn a_browser_gets_a_token_as_a_cookie_and_keeps_its_place_by_it() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let first = rig.enter(&event, &[], "").await;
        assert_eq!(first.status, 201);
        let pair = set(&first);
        let id = first.json()["place_id"].clone();
        let again = rig.enter(&event, &[("cookie", &pair)], "{}").await;
        assert_eq!(
            (again.status.as_u16(), again.json()["place_id"].clone()),
            (200, id)
        );
        let broken = rig
            .enter(&event, &[("cookie", "stanchion-demo=broken")], "")
            .await;
        assert_eq!(broken.status, 201, "a broken cookie is no cookie");
    }

    #[tokio::test]
    async fn a_token_in_the_header_is_taken_and_the_bodys_comes_first() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let (one, two) = (token(), token());
        let header = bearer(&one);
        let shown = [("authorization", header.as_str())];
        let by_header = rig.enter(&event, &shown, "").await.json();
        assert_eq!(by_header["place_id"], json!(one.place_id()));
        let body = json!({"place_token": two.reveal()}).to_string();
        let by_body = rig.enter(&event, &shown, &body).await.json();
        assert_eq!(by_body["place_id"], json!(two.place_id()));
    }

    #[tokio::test]
    async fn a_wrong_body_is_refused_by_the_fields_name_and_makes_no_place() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        for (body, field) in [
            (r#"{"place_token":"short"}"#, Some("place_token")),
            (r#"{"place_token":7}"#, Some("place_token")),
            (r#"{"place_tokn":"x"}"#, Some("place_tokn")),
            ("{", None),
        ] {
            let reply = rig.enter(&event, &[], body).await;
            assert_eq!(reply.problem(), (400, "bad-request".to_owned()), "{body}");
            assert_eq!(reply.json()["field"].as_str(), field, "{body}");
            assert_eq!(set(&reply), "");
        }
        let text = [("content-type", "text/plain")];
        let path = api(&event, "/places");
        let text = rig.send(request(Method::POST, &path, &text, "{}")).await;
        assert_eq!(text.problem(), (415, "unsupported-media-type".to_owned()));
        let long = format!("{{\"place_token\":\"{}\"}}", "x".repeat(17_000));
        let long = rig.enter(&event, &[], &long).await;
        assert_eq!(long.problem(), (413, "too-large".to_owned()));
        let status = rig.get(&api(&event, ""), None).await.json();
        assert_eq!(status["waiting"], 0);
    }

    #[tokio::test]
    async fn a_wrong_credential_or_another_site_makes_no_place() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        for (header, status, name) in [
            (("authorization", "Bearer short"), 401, "no-place"),
            (("authorization", "Basic eDp5"), 401, "no-place"),
            (("origin", "https://evil.example"), 403, "foreign-origin"),
            (("sec-fetch-site", "cross-site"), 403, "foreign-origin"),
        ] {
            let reply = rig.enter(&event, &[header], "{}").await;
            assert_eq!(reply.problem(), (status, name.to_owned()), "{header:?}");
            assert_eq!(set(&reply), "");
        }
        let status = rig.get(&api(&event, ""), None).await.json();
        assert_eq!(status["waiting"], 0);
    }

    #[tokio::test]
    async fn another_site_may_bring_its_own_token_but_neither_uses_nor_sets_the_cookie() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let (own, theirs) = (token(), token());
        let sent = cookie(&event, &theirs);
        let foreign = [
            ("origin", "https://evil.example"),
            ("cookie", sent.as_str()),
        ];
        let refused = rig.enter(&event, &foreign, "{}").await;
        assert_eq!(refused.problem(), (403, "foreign-origin".to_owned()));
        let body = json!({"place_token": own.reveal()}).to_string();
        let entered = rig.enter(&event, &foreign, &body).await;
        assert_eq!(entered.status, 201);
        assert_eq!(set(&entered), "");
    }

    #[tokio::test]
    async fn each_phase_answers_as_the_table_says() {
        let rig = Rig::start().await;
        let table = [
            ("draft", 409, "not-open-yet"),
            ("lobby", 201, ""),
            ("open", 201, ""),
            ("paused", 201, ""),
            ("draining", 409, "line-closed"),
            ("closed", 410, "event-closed"),
        ];
        for (phase, status, name) in table {
            let put = json!({
                "title": "x", "stock": 1, "phase": "draft", "opens_at": "2099-01-01T00:00:00Z",
            });
            let event = rig.event(phase, put).await;
            if phase == "paused" || phase == "draining" {
                rig.phase(&event, Phase::Open).await;
            }
            rig.phase(&event, phase.parse().unwrap()).await;
            let reply = rig.enter(&event, &[], "").await;
            assert_eq!(reply.status, status, "{phase}");
            let body = reply.json();
            if status == 201 {
                assert_eq!(body["position"], 1, "{phase}");
                assert_eq!(body["eta_s"].is_null(), phase != "open", "{phase}");
                assert_eq!(body["phase"], phase);
            } else {
                assert_eq!(body["type"], format!("/problems/{name}"));
            }
            if phase == "draft" {
                assert_eq!(body["opens_at"], "2099-01-01T00:00:00.000Z");
            }
        }
        let unknown = rig.enter(&"unknown".parse().unwrap(), &[], "").await;
        assert_eq!(unknown.problem(), (404, "no-such-event".to_owned()));
    }

    #[tokio::test]
    async fn nobody_new_may_wait_when_every_coupon_is_gone() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(1)).await;
        let token = rig.visitor(&event).await;
        rig.redeem_first(&event).await;
        let refused = rig.enter(&event, &[], "").await;
        assert_eq!(refused.problem(), (409, "sold-out".to_owned()));
        let body = json!({"place_token": token.reveal()}).to_string();
        let holder = rig.enter(&event, &[], &body).await;
        assert_eq!(holder.status, 200);
        assert_eq!(holder.json()["coupon"]["code"], "CODE-1");
        let status = eventually("the status", async || {
            let status = rig.get(&api(&event, ""), None).await.json();
            (status["sold_out"] == true).then_some(status)
        });
        assert_eq!(status.await["phase"], "draining");
    }
}
