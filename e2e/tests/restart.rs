//! `kill -9` of the process and its Redis: a line and a ticket are the same afterwards. What a drop lives through meanwhile
//! is proven in `proof.rs`.
#![cfg(test)]

use client::Redemption;
use e2e::{Server, people};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_stands_still_is_the_same_after_a_kill() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let mut places = Vec::new();
    for nth in 1..=50 {
        let token = people::new_token().unwrap();
        let place = visitor.enter("drop", Some(&token)).await.unwrap().place;
        assert_eq!(place.position, Some(nth));
        places.push(token);
    }
    server.kill().await.unwrap();
    server = server.start_again().await.unwrap();
    for (nth, token) in (1..).zip(&places) {
        let again = visitor.enter("drop", Some(token)).await.unwrap();
        assert!(!again.new);
        assert_eq!(again.place.position, Some(nth));
        assert_eq!(again.place.waiting, 50);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_survives_a_kill_and_so_does_the_key_that_proves_it() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 10, 100.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let keys = visitor.jwks().await.unwrap();
    server.kill().await.unwrap();
    server = server.start_again().await.unwrap();
    assert_eq!(visitor.jwks().await.unwrap(), keys);
    let place = visitor.me("drop", &token).await.unwrap();
    let client::PlaceState::Admitted { ticket: again, .. } = place.state else {
        panic!("{place:?}");
    };
    assert_eq!(again.as_ref(), Some(&ticket), "the very same ticket");
    let pass = visitor.redeem("drop", &ticket, &token).await.unwrap();
    assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_verified_while_it_is_down() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 10, 100.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let pass = visitor.redeem("drop", &ticket, &token).await.unwrap();
    assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    server.kill().await.unwrap();
    let (said, well) = server.run(&["verify", "--json"]).await.unwrap();
    assert!(well, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let alike = json!({"redis": 1, "log": 1, "ledger": 1});
    assert_eq!(report["events"][0]["issued"], alike);
    server.start_again().await.unwrap().stop().await.unwrap();
}
