//! The signing keys: a new one is shown before it signs, and an old one until its last ticket has ended.
#![cfg(test)]

use client::{ApiError, Moment, Pass, Phase, PlaceToken, Redemption, Visitor};
use e2e::forge::Parts;
use e2e::people;
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, until};
use serde_json::{Value, json};

/// When a claim in seconds was, in milliseconds.
fn claim_ms(ticket: &Parts, name: &str) -> i64 {
    ticket.claims[name].as_i64().unwrap() * 1_000
}

/// What `ctl keys` says to an order.
async fn ctl(server: &Server, order: &str) -> Value {
    let order = format!("ctl keys {order} --json --ops-url {}", server.ops);
    let words: Vec<_> = order.split(' ').collect();
    let (said, done) = server.run(&words).await.unwrap();
    assert!(done, "{order}");
    serde_json::from_str(&said).unwrap()
}

/// Is this key among those shown?
async fn is_shown(visitor: &Visitor, kid: &Value) -> bool {
    let keys = visitor.jwks().await.unwrap();
    keys.iter().any(|key| *kid == key.kid)
}

async fn pass(visitor: &Visitor, ticket: &str, holder: &PlaceToken) -> Pass {
    match visitor.redeem("drop", ticket, holder).await.unwrap() {
        Redemption::Pass(pass) => pass,
        other => panic!("{other:?}"),
    }
}

/// The pass that a ticket ends in, while Redis is put back: until then it may be asked for again, and nothing else is heard.
async fn pass_at_last(visitor: &Visitor, ticket: &str, holder: &PlaceToken) -> Pass {
    let heard = until(
        async || match visitor.redeem("drop", ticket, holder).await {
            Ok(Redemption::Pass(pass)) => Some(pass),
            Err(ApiError::Problem(problem)) if problem.name == "try-again" => None,
            other => panic!("{other:?}"),
        },
    );
    heard.await.unwrap()
}

async fn on_its_own_redis() -> (Redis, Server) {
    let redis = Redis::start().unwrap();
    let setup = Setup::new().unwrap().with("--redis-url", redis.url());
    (redis, setup.start().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_the_old_key_is_redeemed_by_a_redis_that_forgot_every_key() {
    let (redis, server) = on_its_own_redis().await;
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let put = event_put(10_000, 100.0, Phase::Open);
    ops.put_event("drop", &put).await.unwrap();
    let (holder, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let old = Parts::of(&ticket).unwrap().header["kid"].clone();
    let next = ctl(&server, "rotate").await["kid"].clone();
    let signs = until(async || {
        let (_, ticket) = people::admitted(&visitor, "drop").await.ok()?;
        (Parts::of(&ticket).unwrap().header["kid"] == next).then_some(())
    });
    signs.await.unwrap();
    let kept = until(async || {
        let event = ops.event("drop").await.unwrap();
        (event.ledger_lag == 0).then_some(())
    });
    kept.await.unwrap();

    redis.flush().unwrap();
    let passed = pass_at_last(&visitor, &ticket, &holder).await;
    assert!(!passed.replayed);
    assert!(is_shown(&visitor, &old).await && is_shown(&visitor, &next).await);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_shown_before_it_signs_and_the_old_one_until_its_last_ticket_has_ended() {
    let (redis, server) = on_its_own_redis().await;
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(10_000, 100.0, Phase::Open);
    put.admission.ticket_ttl_s = Some(3);
    ops.put_event("drop", &put).await.unwrap();
    let (holder, early) = people::admitted(&visitor, "drop").await.unwrap();
    let first = pass(&visitor, &early, &holder).await;
    let old = Parts::of(&early).unwrap().header["kid"].clone();

    let next = ctl(&server, "rotate").await;
    assert_eq!(next["state"], "next");
    let since: Moment = serde_json::from_value(next["since"].clone()).unwrap();
    let shown = until(async || is_shown(&visitor, &next["kid"]).await.then_some(()));
    shown.await.unwrap();
    assert_eq!(ctl(&server, "rotate").await, next, "one at a time");

    let signs = until(async || {
        let (token, ticket) = people::admitted(&visitor, "drop").await.ok()?;
        pass(&visitor, &ticket, &token).await;
        let parts = Parts::of(&ticket).unwrap();
        (parts.header["kid"] != old).then_some(parts)
    });
    let signs = signs.await.unwrap();
    assert_eq!(signs.header["kid"], next["kid"]);
    // A claim is rounded down to its second.
    assert!(claim_ms(&signs, "iat") >= since.unix_ms() - 1_000);
    assert!(is_shown(&visitor, &old).await, "its tickets are still out");

    let retired = until(async || (!is_shown(&visitor, &old).await).then_some(()));
    retired.await.unwrap();
    let listed = ctl(&server, "list").await;
    let states: Vec<_> = listed.as_array().unwrap().iter().collect();
    assert_eq!(states.len(), 1, "{listed}");
    assert_eq!(
        (&states[0]["kid"], &states[0]["state"]),
        (&next["kid"], &json!("active"))
    );
    let again = pass(&visitor, &early, &holder).await;
    assert_eq!((&again.coupon, again.replayed), (&first.coupon, true));

    redis.flush().unwrap();
    let after = pass_at_last(&visitor, &early, &holder).await;
    assert_eq!((after.coupon, after.replayed), (first.coupon, true));
    assert!(!is_shown(&visitor, &old).await, "it stays retired");
    server.stop().await.unwrap();
}
