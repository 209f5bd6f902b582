//! Tickets that must not pass, each with its exact name and status. Most are signed with the very key that the server
//! signs with, so that what refuses them is the rule under test and not the signature.
#![cfg(test)]

use client::PlaceToken;
use e2e::forge::{Parts, Signer};
use e2e::people;
use e2e::{Answer, Call, Server};
use serde_json::json;

const INVALID: (u16, &str) = (401, "ticket-invalid");
const EXPIRED: (u16, &str) = (401, "ticket-expired");
const WRONG_EVENT: (u16, &str) = (403, "ticket-wrong-event");
const NOT_THE_HOLDER: (u16, &str) = (403, "not-the-holder");

async fn redeem(server: &Server, event: &str, ticket: &str, token: &PlaceToken) -> Answer {
    Call::new(
        "POST",
        format!("{}/api/v1/events/{event}/redemptions", server.public),
    )
    .bearer(ticket)
    .json(&json!({"place_token": token.reveal()}))
    .send()
    .await
    .unwrap()
}

/// What was done to the ticket, the result, and what it must be refused with.
type Forgery = (&'static str, String, (u16, &'static str));

/// Texts that are no JWT, or not the whole of one.
fn mutilated(good: &str) -> Vec<Forgery> {
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let cut = &good[..good.len() - 4];
    let refused = |what, ticket| (what, ticket, INVALID);
    vec![
        refused("no dots", "ticket".to_owned()),
        refused("two parts", head.to_owned()),
        refused("four parts", format!("{good}.{signature}")),
        refused("no signature", format!("{head}.")),
        refused("cut short", cut.to_owned()),
        refused(
            "a flipped bit",
            format!("{head}.{flipped}{}", &signature[1..]),
        ),
        refused("no base64", format!("{head}.%%%")),
        refused("5,000 characters", "x".repeat(5_000)),
    ]
}

/// Signatures by other keys and other algorithms, and headers that point to them.
fn missigned(good: &Parts, stolen: &Signer) -> Vec<Forgery> {
    let (stranger, p256) = (Signer::stranger().unwrap(), Signer::p256().unwrap());
    let (nothing, confused) = (Signer::Nothing, stolen.confused());
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let alg = |name: &str| good.clone().header("alg", name);
    let with = |name: &str, value| good.clone().header(name, value);
    let by = |what, parts: Parts, signer: &Signer| (what, parts.signed(signer).unwrap(), INVALID);
    vec![
        by("another's key, our kid", good.clone(), &stranger),
        by("an unknown kid", with("kid", json!("nobody")), stolen),
        by("no kid", with("kid", json!(null)), stolen),
        by("a kid that is no text", with("kid", json!(7)), stolen),
        by("alg none, unsigned", alg("none"), &nothing),
        by("alg nOnE, unsigned", alg("nOnE"), &nothing),
        by("alg none, signed", alg("none"), stolen),
        by("HS256 with the public key", alg("HS256"), &confused),
        by("ES256", alg("ES256"), &p256),
        by("RS256 by name", alg("RS256"), stolen),
        by("no alg", with("alg", json!(null)), stolen),
        by("an embedded key", with("jwk", jwk), &stranger),
        by(
            "a key to fetch",
            with("jku", json!("http://127.0.0.1:1/")),
            &stranger,
        ),
        by("a critical extension", with("crit", json!(["b64"])), stolen),
        by("typ JWT", with("typ", json!("JWT")), stolen),
        by("no typ", with("typ", json!(null)), stolen),
    ]
}

/// Claims that are missing or of the wrong kind; signed with the very key.
fn misshapen(good: &Parts, stolen: &Signer) -> Vec<Forgery> {
    let with = |what, name: &str, value| {
        let parts = good.clone().claim(name, value);
        (what, parts.signed(stolen).unwrap(), INVALID)
    };
    vec![
        with("no issuer", "iss", json!(null)),
        with("no audience", "aud", json!(null)),
        with("two audiences", "aud", json!(["drop", "other"])),
        with("no subject", "sub", json!(null)),
        with("a subject that is no place", "sub", json!("somebody")),
        with("no jti", "jti", json!(null)),
        with("no expiry", "exp", json!(null)),
        with("an expiry that is no number", "exp", json!("tomorrow")),
        with("no beginning", "nbf", json!(null)),
    ]
}

/// Claims that are well made and somebody else's, or of another time; signed with the very key.
fn misplaced(good: &Parts, stolen: &Signer) -> Vec<Forgery> {
    let with = |name: &str, value| good.clone().claim(name, value);
    let by = |what, parts: Parts, refusal| (what, parts.signed(stolen).unwrap(), refusal);
    let moved = |by_s| good.clone().moved("nbf", by_s).moved("exp", by_s);
    let elsewhere = with("iss", json!("https://elsewhere.example"));
    let another = with("sub", json!("AAAAAAAAAAAAAAAAAAAAAA"));
    let old = with("exp", json!(0)).claim("jti", "old");
    let older = with("exp", json!(-1)).claim("jti", "older");
    vec![
        by("another issuer", elsewhere, INVALID),
        by("not yet valid", moved(3_600).claim("jti", "early"), INVALID),
        by("expired", moved(-3_600).claim("jti", "late"), EXPIRED),
        by("expired in 1970", old, EXPIRED),
        by("expired before time", older, EXPIRED),
        by("another event", with("aud", json!("other")), WRONG_EVENT),
        by("no event", with("aud", json!("nowhere")), WRONG_EVENT),
        by("another place", another, NOT_THE_HOLDER),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_ticket_passes_and_each_is_refused_by_name() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 1_000.0).await.unwrap();
    server.open_event("other", 10, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, good) = people::admitted(&visitor, "drop").await.unwrap();

    let (parts, stolen) = (
        Parts::of(&good).unwrap(),
        Signer::stolen(&server.data()).unwrap(),
    );
    let forgeries = [
        mutilated(&good),
        missigned(&parts, &stolen),
        misshapen(&parts, &stolen),
        misplaced(&parts, &stolen),
    ]
    .concat();
    assert_eq!(forgeries.len(), 41);
    let mut wrong = Vec::new();
    for (what, ticket, (status, name)) in forgeries {
        let answer = redeem(&server, "drop", &ticket, &token).await;
        if let Some(found) = answer.wrong_as(status, name) {
            wrong.push(format!("{what}: {found}"));
        } else if status == 401 && !answer.header("www-authenticate").starts_with("Bearer") {
            wrong.push(format!("{what}: no WWW-Authenticate"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // After all that the good one is still good, and nothing was issued by the others.
    redeem(&server, "drop", &good, &token).await.ok(200);
    let after = server.organiser().unwrap().event("drop").await.unwrap();
    assert_eq!(after.redeemed, 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_ticket_in_wrong_hands_at_the_wrong_place_or_too_late() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 1_000.0).await.unwrap();
    server.open_event("other", 10, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let (thief, others) = people::admitted(&visitor, "drop").await.unwrap();

    let stolen = redeem(&server, "drop", &ticket, &thief).await;
    stolen.refused(403, "not-the-holder");
    let swapped = redeem(&server, "drop", &others, &token).await;
    swapped.refused(403, "not-the-holder");
    let elsewhere = redeem(&server, "other", &ticket, &token).await;
    elsewhere.refused(403, "ticket-wrong-event");
    let nowhere = redeem(&server, "nowhere", &ticket, &token).await;
    nowhere.refused(404, "no-such-event");

    let url = format!("{}/api/v1/events/drop/redemptions", server.public);
    let body = json!({"place_token": token.reveal()});
    let post = || Call::new("POST", &url).json(&body);
    let without = post().send().await.unwrap();
    without.refused(401, "ticket-invalid");
    assert!(without.header("www-authenticate").starts_with("Bearer"));
    let basic = post().header("authorization", "Basic dXNlcjpwYXNz");
    basic.send().await.unwrap().refused(401, "ticket-invalid");
    let twice = post().bearer(&ticket).bearer(&ticket);
    twice.send().await.unwrap().refused(401, "ticket-invalid");
    let place_token = post().bearer(token.reveal());
    place_token
        .send()
        .await
        .unwrap()
        .refused(401, "ticket-invalid");
    let admin = post().bearer(&server.token);
    admin.send().await.unwrap().refused(401, "ticket-invalid");
    let bodyless = Call::new("POST", &url).bearer(&ticket).json(&json!({}));
    bodyless.send().await.unwrap().refused(400, "bad-request");

    // Left: the ticket is worth nothing any more.
    visitor.leave("drop", &token).await.unwrap();
    let late = redeem(&server, "drop", &ticket, &token).await;
    late.refused(401, "ticket-expired");

    redeem(&server, "drop", &others, &thief).await.ok(200);
    let after = server.organiser().unwrap().event("drop").await.unwrap();
    assert_eq!((after.redeemed, after.left), (1, 1));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_ticket_gives_its_holder_the_same_answer_for_ever() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 1, 1_000.0).await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let first = redeem(&server, "drop", &ticket, &token).await;
    first.ok(200);
    assert_eq!(first.json["replayed"], false);

    // Sold out by now (the stock was one), then closed: the answer stays.
    for phase in [None, Some(client::Phase::Closed)] {
        if let Some(phase) = phase {
            ops.move_phase("drop", phase).await.unwrap();
        }
        let mut again = redeem(&server, "drop", &ticket, &token).await;
        again.ok(200);
        assert_eq!(again.json["replayed"], true);
        again.json["replayed"] = false.into();
        assert_eq!(again.json, first.json, "{phase:?}");
    }
    let thief = people::new_token().unwrap();
    let stolen = redeem(&server, "drop", &ticket, &thief).await;
    stolen.refused(403, "not-the-holder");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_ends_unused_is_a_no_show_and_its_place_is_gone() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    let mut put = e2e::server::event_put(10, 1_000.0, client::Phase::Open);
    put.admission.ticket_ttl_s = Some(1);
    ops.put_event("drop", &put).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let over = e2e::until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.no_shows == 1).then_some(figures)
    });
    assert_eq!(over.await.unwrap().outstanding, 0);
    let late = redeem(&server, "drop", &ticket, &token).await;
    late.refused(401, "ticket-expired");
    let place = visitor.me("drop", &token).await.unwrap();
    let reason = client::GoneReason::NoShow;
    assert_eq!(place.state, client::PlaceState::Gone { reason });
    // The same token may enter again, at the back.
    let again = visitor.enter("drop", Some(&token)).await.unwrap();
    assert!(again.new);
    server.stop().await.unwrap();
}
