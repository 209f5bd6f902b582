//! `GET /e/{event}`: the queue page, complete for browsers without scripts: it shows where the visitor stands and asks again
//! at the server's pace. `POST` is the form that enters.

pub mod account;
mod fallback;
mod turn;
mod words;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use chassis::{Path, Problem, Query};
use domain::{EventId, PlaceToken, Refusal};
use serde::Deserialize;

use crate::Gateway;
use crate::mirror::line::Line;
use fallback::Fallback;
use turn::Redeemed;
use words::Language;

/// The page's query; whatever else is in it is somebody else's.
#[derive(Deserialize)]
pub struct Asked {
    lang: Option<String>,
    /// What came of the button that redeems: see [`Redeemed`].
    redeem: Option<String>,
}

/// The queue page.
///
/// For browsers: it works without scripts too. The language is that of `?lang` (`en`, `ko`), the cookie `stanchion-lang`,
/// or `Accept-Language`.
#[utoipa::path(
    get,
    operation_id = "page",
    path = "/e/{event}",
    tag = "line",
    params(
        ("event" = String, Path, description = "The event's id"),
        ("lang" = Option<String>, Query, description = "`en` or `ko`"),
        ("redeem" = Option<String>, Query, description = "For browsers without scripts: what came of redeeming"),
    ),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 400, description = "`bad-request`: a parameter holds NUL, or comes twice"),
        (status = 404, description = "No such event: the page says so", content_type = "text/html", body = String),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = Language::choose(asked.lang.as_deref(), &headers);
    let (status, page) = match gateway.mirror.line(&event).await {
        Ok(line) => {
            let fallback = fallback(&gateway, &line, &headers).await?;
            let title = line.document().title().to_owned();
            let redeemed = asked.redeem.as_deref().and_then(Redeemed::known);
            let page = fill(&title, language, &fallback.after(redeemed));
            (StatusCode::OK, page)
        }
        // People open this: the page says it in their language.
        Err(problem) if problem.refusal() == Refusal::NoSuchEvent => {
            let page = fill(event.as_str(), language, &Fallback::UnknownEvent);
            (StatusCode::NOT_FOUND, page)
        }
        Err(problem) => return Err(problem),
    };
    let by_language = HeaderValue::from_static("accept-language, cookie");
    Ok((status, [(VARY, by_language)], Html(page)).into_response())
}

/// Enters, for browsers without scripts.
#[utoipa::path(
    post,
    operation_id = "enter_by_form",
    path = "/e/{event}",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 303, description = "To the page, which says where the visitor stands or why not"),
        (status = 400, description = "`bad-request`: a parameter holds NUL, or comes twice"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn enter(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.visitors.same_origin(&headers)?;
    let token = gateway
        .visitors
        .cookie(&event, &headers)
        .unwrap_or_else(|| PlaceToken::generate(&*gateway.random));
    let entered = crate::enter::enter(&gateway, &event, &token, None).await;
    let lang = asked.lang.as_deref().and_then(Language::known);
    let query = lang.map_or(String::new(), |lang| format!("?lang={}", lang.tag()));
    let mut response = (
        StatusCode::SEE_OTHER,
        [(LOCATION, format!("/e/{event}{query}"))],
    )
        .into_response();
    match entered.as_ref().map_err(Problem::refusal) {
        Ok(_) => {
            let cookie = gateway.visitors.set_cookie(&event, &token);
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        // The page itself says what has become of the event, and whom it is for.
        Err(
            Refusal::NotOpenYet
            | Refusal::SoldOut
            | Refusal::LineClosed
            | Refusal::EventClosed
            | Refusal::Unauthorized,
        ) => Ok(response),
        Err(_) => entered.map(|_| response),
    }
}

/// What the page shows without scripts.
async fn fallback(
    gateway: &Gateway,
    line: &Arc<Line>,
    headers: &HeaderMap,
) -> Result<Fallback, Problem> {
    let Some(token) = gateway.visitors.cookie(&line.event, headers) else {
        return Ok(Fallback::outside(&line.document(), line.waiting()));
    };
    let place = match crate::entry::place(gateway, line, &token).await {
        Ok(place) => place,
        Err(problem) if problem.refusal() == Refusal::NoPlace => {
            return Ok(Fallback::outside(&line.document(), line.waiting()));
        }
        Err(problem) => return Err(problem),
    };
    match crate::me::state(gateway, line, &place).await {
        Ok(state) => {
            line.saw(&place, &state);
            Ok(Fallback::inside(line, state, gateway.clock.now()))
        }
        Err(problem) if problem.refusal() == Refusal::TryAgain => Err(problem),
        Err(_) => Ok(Fallback::outside(&line.document(), line.waiting())),
    }
}

/// Fills the shell in one pass, so that nothing filled in is taken for a place to fill.
fn fill(title: &str, language: Language, fallback: &Fallback) -> String {
    let shell = web::queue_shell();
    let title = escaped(title);
    let head = fallback.head();
    let main = fallback.main(language);
    let fillings = [
        (web::LANG, language.tag()),
        (web::TITLE, title.as_str()),
        (web::HEAD, head.as_str()),
        (web::FALLBACK, main.as_str()),
    ];
    let mut page = String::with_capacity(shell.len() + 2 * title.len() + head.len() + main.len());
    let mut rest = shell;
    while let Some(at) = rest.find("<!--stanchion:") {
        page.push_str(&rest[..at]);
        rest = &rest[at..];
        let filled = fillings
            .iter()
            .find_map(|(mark, filling)| Some((rest.strip_prefix(mark)?, filling)));
        let Some((after, filling)) = filled else {
            page.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        page.push_str(filling);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text for HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use domain::Phase;
    use serde_json::json;

    use super::*;
    use crate::tests::rig::{Reply, Rig, cookie, eventually, open, request, token};

    async fn page(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Reply {
        rig.send(request(Method::GET, path, headers, "")).await
    }

    async fn form(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        rig.send(request(Method::POST, path, &all, "")).await
    }

    #[tokio::test]
    async fn without_scripts_a_form_enters_and_the_page_shows_the_place_and_asks_again() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(1_000)).await;
        let outside = page(&rig, "/e/demo", &[]).await;
        assert_eq!(
            outside.header(axum::http::header::CONTENT_TYPE),
            "text/html; charset=utf-8"
        );
        let outside = outside.text();
        assert!(outside.contains("<form method=\"post\">"), "{outside}");
        assert!(outside.contains("Coupons left: 1,000"));
        rig.visitor(&event).await;
        let own = [
            ("sec-fetch-site", "same-origin"),
            ("origin", crate::tests::rig::URL),
        ];
        let entered = form(&rig, "/e/demo?lang=ko", &own).await;
        assert_eq!(entered.status, 303);
        assert_eq!(entered.header(LOCATION), "/e/demo?lang=ko");
        let set = entered
            .header(SET_COOKIE)
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let inside = page(&rig, "/e/demo", &[("cookie", &set)]).await.text();
        assert!(inside.contains("You are number"), "{inside}");
        assert!(inside.contains("<span class=\"digits\">2</span>"));
        assert!(inside.contains("http-equiv=\"refresh\" content=\"2\""));
        let again = form(&rig, "/e/demo", &[("cookie", &set)]).await;
        assert_eq!(
            again.header(SET_COOKIE).split(';').next(),
            Some(set.as_str())
        );
        assert_eq!(
            page(&rig, "/e/demo", &[("cookie", &set)]).await.text(),
            inside
        );
    }

    #[tokio::test]
    async fn the_page_shows_the_turn_and_the_coupon() {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let sent = cookie(&event, &rig.visitor(&event).await);
        let admitted = rig.admit(&event, 1).await;
        rig.mint(&event, &admitted).await;
        let turn = page(&rig, "/e/demo", &[("cookie", &sent)]).await.text();
        let action = "action=\"/api/v1/events/demo/redemptions/form?lang=en\"";
        assert!(turn.contains(action), "{turn}");
        let lost = "/e/demo?redeem=outcome-unknown";
        let lost = page(&rig, lost, &[("cookie", &sent)]).await.text();
        assert!(lost.contains("The answer got lost on its way."), "{lost}");
        let ends = admitted[0].expires_at.to_string();
        let ends = ends[..19].replace('T', " ");
        assert!(turn.contains(&format!("{ends} UTC")), "{turn}");
        rig.redeem(&event, &admitted[0]).await;
        let coupon = page(&rig, "/e/demo", &[("cookie", &sent)]).await.text();
        assert!(coupon.contains("<p class=\"code\">CODE-1</p>"), "{coupon}");
    }

    #[tokio::test]
    async fn the_organisers_text_is_text_in_whatever_it_is_written() {
        let rig = Rig::start().await;
        let title = "</title><script>alert('1')</script> & <!--stanchion:fallback-->";
        let put = json!({"title": title, "stock": 1, "phase": "open"});
        rig.event("demo", put).await;
        let page = page(&rig, "/e/demo", &[]).await.text();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"), "{page}");
        assert_eq!(page.matches("<form").count(), 1, "{page}");
        assert!(!page.contains("<!--stanchion:"), "{page}");
    }

    #[tokio::test]
    async fn the_page_speaks_the_visitors_language() {
        let rig = Rig::start().await;
        rig.event("demo", open(9)).await;
        for (path, headers, lang, says) in [
            ("/e/demo", vec![], "en", "Join the line"),
            ("/e/demo", vec![("accept-language", "ko")], "ko", "줄 서기"),
            (
                "/e/demo?lang=en&utm=x",
                vec![("accept-language", "ko")],
                "en",
                "Join the line",
            ),
        ] {
            let page = page(&rig, path, &headers).await.text();
            assert!(page.contains(&format!("<html lang=\"{lang}\">")), "{page}");
            assert!(page.contains(says), "{page}");
        }
    }

    #[tokio::test]
    async fn a_line_for_users_of_the_organisers_site_says_that_it_needs_a_script() {
        let rig = Rig::start().await;
        let key = json!({"alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let put = json!({
            "title": "Members", "stock": 9, "phase": "open", "identity": "entry-token", "entry_keys": [key],
        });
        rig.event("members", put).await;
        let outside = page(&rig, "/e/members", &[]).await.text();
        assert!(outside.contains("This line needs JavaScript."), "{outside}");
        assert!(!outside.contains("<form"), "{outside}");
        let turned_away = form(&rig, "/e/members", &[]).await;
        assert_eq!(turned_away.status, 303, "to the page, which says so");
        assert_eq!(turned_away.header(SET_COOKIE), "");
    }

    #[tokio::test]
    async fn an_unknown_event_has_a_page_that_says_so() {
        let rig = Rig::start().await;
        let unknown = page(&rig, "/e/unknown", &[]).await;
        assert_eq!(unknown.status, 404);
        assert!(unknown.text().contains("There is no such event."));
        assert_eq!(form(&rig, "/e/unknown", &[]).await.problem().0, 404);
    }

    #[tokio::test]
    async fn a_form_of_another_site_is_refused_and_an_event_that_takes_nobody_says_so_on_the_page()
    {
        let rig = Rig::start().await;
        let event = rig.event("demo", open(9)).await;
        let sent = cookie(&event, &token());
        let foreign = [
            ("cookie", sent.as_str()),
            ("origin", "https://evil.example"),
        ];
        let refused = form(&rig, "/e/demo", &foreign).await;
        assert_eq!(refused.problem(), (403, "foreign-origin".to_owned()));
        assert_eq!(refused.header(SET_COOKIE), "");
        rig.phase(&event, Phase::Draining).await;
        let turned_away = form(&rig, "/e/demo", &[]).await;
        assert_eq!(turned_away.status, 303);
        assert_eq!(turned_away.header(SET_COOKIE), "");
        eventually("the page", async || {
            let page = page(&rig, "/e/demo", &[]).await.text();
            page.contains("The line is closed.").then_some(())
        })
        .await;
    }
}
