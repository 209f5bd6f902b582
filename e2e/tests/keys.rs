//! The signing keys: a new one is shown before it signs, and an old one until its last ticket has ended.
#![cfg(test)]

use client::{Moment, Phase, Redemption};
use e2e::forge::Parts;
use e2e::people;
use e2e::server::event_put;
use e2e::{Server, until};
use serde_json::{Value, json};

/// When a claim in seconds was, in milliseconds.
fn claim_ms(ticket: &Parts, name: &str) -> i64 {
    ticket.claims[name].as_i64().unwrap() * 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_shown_before_it_signs_and_the_old_one_until_its_last_ticket_has_ended() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(10_000, 100.0, Phase::Open);
    put.admission.ticket_ttl_s = Some(3);
    ops.put_event("drop", &put).await.unwrap();
    let (holder, early) = people::admitted(&visitor, "drop").await.unwrap();
    let first = visitor.redeem("drop", &early, &holder).await.unwrap();
    let Redemption::Pass(first) = first else {
        panic!("{first:?}");
    };
    let old = Parts::of(&early).unwrap().header["kid"].clone();

    let ctl = async |order: &str| {
        let order = format!("ctl keys {order} --json --ops-url {}", server.ops);
        let (said, done) = server
            .run(&order.split(' ').collect::<Vec<_>>())
            .await
            .unwrap();
        assert!(done, "{order}");
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let next = ctl("rotate").await;
    assert_eq!(next["state"], "next");
    let since: Moment = serde_json::from_value(next["since"].clone()).unwrap();
    let published = until(async || {
        let keys = visitor.jwks().await.ok()?;
        keys.iter().any(|key| next["kid"] == key.kid).then_some(())
    });
    published.await.unwrap();
    assert_eq!(ctl("rotate").await, next, "one at a time");

    let signs = until(async || {
        let (token, ticket) = people::admitted(&visitor, "drop").await.ok()?;
        let parts = Parts::of(&ticket).unwrap();
        let redeemed = visitor.redeem("drop", &ticket, &token).await.unwrap();
        assert!(matches!(redeemed, Redemption::Pass(_)), "{redeemed:?}");
        if parts.header["kid"] == old {
            return None;
        }
        assert_eq!(parts.header["kid"], next["kid"]);
        // A claim is rounded down to its second.
        assert!(claim_ms(&parts, "iat") >= since.unix_ms() - 1_000);
        let keys = visitor.jwks().await.unwrap();
        let shown = keys.iter().filter(|key| old == key.kid).count();
        assert_eq!(shown, 1, "tickets of the old key are still out");
        Some(())
    });
    signs.await.unwrap();

    let retired = until(async || {
        let keys = visitor.jwks().await.ok()?;
        keys.iter().all(|key| old != key.kid).then_some(())
    });
    retired.await.unwrap();
    let listed = ctl("list").await;
    let listed: Vec<_> = listed.as_array().unwrap().iter().collect();
    assert_eq!(
        listed
            .iter()
            .map(|key| (&key["kid"], &key["state"]))
            .collect::<Vec<_>>(),
        [(&next["kid"], &json!("active"))]
    );
    let again = visitor.redeem("drop", &early, &holder).await.unwrap();
    let Redemption::Pass(again) = again else {
        panic!("{again:?}");
    };
    assert_eq!((again.coupon, again.replayed), (first.coupon, true));
    server.stop().await.unwrap();
}
