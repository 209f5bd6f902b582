//! Sections 4 and 5 of the contract as a visitor meets them: every call on its good path, with the exact members and
//! headers of its answer.
#![cfg(test)]

use std::collections::BTreeSet;

use client::Phase;
use e2e::forge::Parts;
use e2e::people;
use e2e::server::event_put;
use e2e::shape::{members, time};
use e2e::{Call, Server, Setup, until};
use serde_json::{Value, json};

/// The members of a place while it waits.
const PLACE: &str = "place_id state position waiting phase eta_s chance poll_after_ms live_url";

#[tokio::test(flavor = "multi_thread")]
async fn the_status_document_is_public_and_cacheable() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.5).await.unwrap();
    let url = format!("{}/api/v1/events/drop", server.public);
    let status = Call::new("GET", &url).send().await.unwrap();
    status.ok(200);
    members(
        &status.json,
        "event title phase opens_at waiting rate_per_s stock sold_out at",
    );
    members(&status.json["stock"], "total remaining");
    time(&status.json["at"]);
    let mut shown = status.json.clone();
    shown["at"] = Value::Null;
    let wanted = json!({
        "event": "drop", "title": "Drop", "phase": "open", "opens_at": null, "waiting": 0, "rate_per_s": 0.5,
        "stock": {"total": 100, "remaining": 100}, "sold_out": false, "at": null,
    });
    assert_eq!(shown, wanted);
    assert_eq!(status.header("cache-control"), "public, max-age=1");
    assert_eq!(status.header("set-cookie"), "");
    let etag = status.header("etag");
    assert!(!etag.is_empty());

    let same = Call::new("GET", &url).header("if-none-match", etag);
    let same = same.send().await.unwrap();
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    assert_eq!(same.header("etag"), etag);
    assert_eq!(same.header("cache-control"), "public, max-age=1");
    server.visitor().unwrap().enter("drop", None).await.unwrap();
    let changed = until(async || {
        let call = Call::new("GET", &url).header("if-none-match", etag);
        let answer = call.send().await.ok()?;
        (answer.status == 200 && answer.json["waiting"] == 1).then_some(answer)
    });
    assert_ne!(changed.await.unwrap().header("etag"), etag);
    let head = Call::new("HEAD", &url).send().await.unwrap();
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn entering_makes_a_place_and_the_same_token_gets_the_same() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let places = format!("{}/api/v1/events/drop/places", server.public);
    let entered = Call::new("POST", &places)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    entered.ok(201);
    members(&entered.json, &format!("{PLACE} place_token"));
    let token = entered.json["place_token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 43);
    let place_id = people::place_id(&client::PlaceToken::new(&*token));
    assert_eq!(entered.json["place_id"], place_id);
    assert_eq!(entered.json["state"], "waiting");
    assert_eq!(
        (&entered.json["position"], &entered.json["waiting"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(entered.json["phase"], "open");
    assert_eq!(entered.json["eta_s"], Value::Null, "nobody is let in");
    assert!(entered.json["poll_after_ms"].as_u64().unwrap() >= 1_000);
    assert_eq!(
        entered.json["live_url"],
        "/api/v1/events/drop/places/me/live"
    );
    assert!(entered.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(
        entered.header("cache-control").contains("no-store"),
        "a secret is in it"
    );

    let again = Call::new("POST", &places).json(&json!({"place_token": token}));
    let again = again.send().await.unwrap();
    again.ok(200);
    assert_eq!(again.json["place_id"], place_id);

    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_can_be_looked_at_and_given_up() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let me = format!("{}/api/v1/events/drop/places/me", server.public);
    let token = people::new_token().unwrap();
    server
        .visitor()
        .unwrap()
        .enter("drop", Some(&token))
        .await
        .unwrap();
    let token = token.reveal();
    let seen = Call::get(&me, token).await.unwrap();
    seen.ok(200);
    members(&seen.json, &format!("{PLACE} place_token"));
    assert_eq!(seen.json["place_token"], token, "who shows it may see it");
    assert_eq!(seen.json["position"], 1);
    assert!(seen.header("retry-after").parse::<u64>().unwrap() >= 1);

    for _ in 0..2 {
        let left = Call::new("DELETE", &me).bearer(token).send().await.unwrap();
        assert_eq!((left.status, left.text.as_str()), (204, ""));
        assert!(!left.header("x-request-id").is_empty());
    }
    let gone = Call::get(&me, token).await.unwrap();
    gone.ok(200);
    members(&gone.json, &format!("{PLACE} place_token reason"));
    assert_eq!(
        (&gone.json["state"], &gone.json["reason"]),
        (&json!("gone"), &json!("left"))
    );
    assert_eq!(
        gone.header("retry-after"),
        "",
        "there is nothing to wait for"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_is_a_range_around_the_plain_division() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    // Nobody moves because the one ticket that may be out is out.
    let mut put = event_put(100, 2.0, Phase::Open);
    put.admission.capacity = Some(1);
    ops.put_event("drop", &put).await.unwrap();
    let visitor = server.visitor().unwrap();
    people::admitted(&visitor, "drop").await.unwrap();
    for _ in 0..19 {
        visitor.enter("drop", None).await.unwrap();
    }
    let last = visitor.enter("drop", None).await.unwrap().place;
    assert_eq!((last.position, last.waiting), (Some(20), 20));
    let eta = last.eta_s.unwrap();
    assert!(
        eta.low <= 10 && eta.high >= 10,
        "20 people at 2 per second: {eta:?}"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_its_place_as_a_cookie_that_no_script_reads() {
    for (public_url, prefix, secure) in [
        ("http://drop.example", "", false),
        ("https://drop.example", "__Host-", true),
    ] {
        let setup = Setup::new().unwrap().with("--public-url", public_url);
        let server = setup.start().await.unwrap();
        server.open_event("drop", 100, 0.0).await.unwrap();
        let places = format!("{}/api/v1/events/drop/places", server.public);
        let entered = Call::new("POST", &places)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        entered.ok(201);
        let cookie = entered.header("set-cookie");
        let token = entered.json["place_token"].as_str().unwrap();
        let (pair, attributes) = cookie.split_once(';').unwrap();
        assert_eq!(pair, format!("{prefix}stanchion-drop={token}"));
        let attributes: BTreeSet<_> = attributes.split(';').map(str::trim).collect();
        for needed in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(needed), "{cookie}");
        }
        assert_eq!(attributes.contains("Secure"), secure, "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
        let me = Call::new("GET", format!("{places}/me")).header("cookie", pair);
        let seen = me.send().await.unwrap();
        seen.ok(200);
        members(&seen.json, PLACE);
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_pages_may_change_something_by_the_cookie() {
    let origin = "https://drop.example";
    let setup = Setup::new().unwrap().with("--public-url", origin);
    let server = setup.start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let places = format!("{}/api/v1/events/drop/places", server.public);
    let me = format!("{places}/me");
    let token = people::new_token().unwrap();
    server
        .visitor()
        .unwrap()
        .enter("drop", Some(&token))
        .await
        .unwrap();
    let cookie = format!("__Host-stanchion-drop={}", token.reveal());
    let by_cookie = |method: &str, url: &str| {
        let call = Call::new(method, url).header("host", "drop.example");
        call.header("cookie", &cookie)
    };
    let enter = || by_cookie("POST", &places).json(&json!({}));
    let own = enter().header("origin", origin).send().await.unwrap();
    own.ok(200);
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let left = by_cookie("DELETE", &me).header(name, value);
        left.send().await.unwrap().refused(403, "foreign-origin");
        let entered = enter().header(name, value).send().await.unwrap();
        entered.refused(403, "foreign-origin");
    }
    let place = by_cookie("GET", &me).send().await.unwrap();
    assert_eq!(place.json["state"], "waiting", "nothing was changed");
    let left = by_cookie("DELETE", &me).header("origin", origin);
    assert_eq!(left.send().await.unwrap().status, 204);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_exchanged_for_a_coupon_and_shown_again() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let url = format!("{}/api/v1/events/drop/redemptions", server.public);
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();

    let never = Call::get(&format!("{url}/me"), token.reveal())
        .await
        .unwrap();
    never.refused(404, "not-found");
    let me = format!("{}/api/v1/events/drop/places/me", server.public);
    let place = Call::get(&me, token.reveal()).await.unwrap();
    assert_eq!(place.json["state"], "admitted");
    assert_eq!(place.json["ticket"], ticket);
    time(&place.json["ticket_expires_at"]);
    assert_eq!(place.header("cache-control"), "no-store");

    let body = json!({"place_token": token.reveal()});
    let redeem = || Call::new("POST", &url).bearer(&ticket).json(&body);
    let pass = redeem().send().await.unwrap();
    pass.ok(200);
    members(
        &pass.json,
        "result event coupon holder issued_at record_id ack replayed",
    );
    members(&pass.json["coupon"], "code serial");
    time(&pass.json["issued_at"]);
    let place_id = people::place_id(&token);
    assert_eq!(pass.json["result"], "pass");
    assert_eq!(
        (&pass.json["event"], &pass.json["holder"]),
        (&json!("drop"), &json!(place_id))
    );
    assert_eq!(pass.json["ack"], "ledger", "the embedded default");
    assert_eq!(pass.json["coupon"]["serial"], 1);
    assert_eq!(pass.json["coupon"]["code"].as_str().unwrap().len(), 12);
    assert_eq!(pass.json["replayed"], false);
    assert_eq!(pass.header("cache-control"), "no-store");

    let mut wanted = pass.json.clone();
    wanted["replayed"] = true.into();
    assert_eq!(redeem().send().await.unwrap().json, wanted);
    let shown = Call::get(&format!("{url}/me"), token.reveal())
        .await
        .unwrap();
    shown.ok(200);
    assert_eq!(shown.json, wanted);
    let place = visitor.me("drop", &token).await.unwrap();
    let client::PlaceState::Redeemed { coupon } = place.state else {
        panic!("{place:?}");
    };
    assert_eq!(json!(coupon), pass.json["coupon"]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_says_what_it_must_and_its_key_is_published() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let ticket = Parts::of(&ticket).unwrap();
    members(&ticket.header, "typ alg kid");
    assert_eq!(
        (&ticket.header["typ"], &ticket.header["alg"]),
        (&json!("ticket+jwt"), &json!("EdDSA"))
    );
    members(&ticket.claims, "iss aud sub jti iat nbf exp seq");
    assert_eq!(ticket.claims["iss"], server.public);
    assert_eq!(ticket.claims["aud"], "drop");
    assert_eq!(ticket.claims["sub"], people::place_id(&token));
    assert_eq!(ticket.claims["seq"], 1);
    let number = |claim: &str| ticket.claims[claim].as_i64().unwrap();
    // Both in whole seconds: the beginning rounded down, the end up.
    let lasts = number("exp") - number("iat");
    assert!((120..=121).contains(&lasts), "{lasts}");
    assert_eq!(number("nbf"), number("iat"));

    let url = format!("{}/.well-known/jwks.json", server.public);
    let jwks = Call::new("GET", url).send().await.unwrap();
    jwks.ok(200);
    assert!(jwks.header("cache-control").contains("max-age=15"));
    let keys = jwks.json["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == ticket.header["kid"]);
    let key = key.expect("the key that signed is published");
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!("EdDSA")));
    assert!(key.get("d").is_none(), "only the public half");
    server.stop().await.unwrap();
}
