//! `kill -9` of the process and its Redis in mid-drop: what a client heard stays true, and the line goes on in its order.
#![cfg(test)]

use std::time::Duration;

use client::Redemption;
use e2e::people::{self, Temper};
use e2e::{Server, Story, ledger};

/// How often the server is killed in one drop.
const KILLS: u32 = 10;

/// Numbers in a row that look random (splitmix64), from a seed that can be given again.
struct Chance(u64);

impl Chance {
    /// From `STANCHION_SEED`, else from the process id and the test's name; says which.
    fn new(test: &str) -> Self {
        let given = std::env::var("STANCHION_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            let name: u64 = test.bytes().map(u64::from).sum();
            u64::from(std::process::id()) * 1_000 + name % 1_000
        });
        eprintln!("{test}: STANCHION_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// Everybody asks again for what they heard.
async fn heard_passes_are_kept(server: &Server, event: &str, stories: &[Story]) {
    let visitor = server.visitor().unwrap();
    for story in stories {
        let Some(heard) = story.pass() else { continue };
        let kept = visitor.redemption(event, &story.token).await.unwrap();
        let Some(Redemption::Pass(kept)) = kept else {
            panic!("{heard:?} was heard, and now there is {kept:?}");
        };
        assert_eq!(kept.coupon, heard.coupon);
        assert_eq!(kept.record_id, heard.record_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_mid_drop_loses_no_heard_pass_and_keeps_the_order() {
    let mut chance = Chance::new("restart");
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 500, 60.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let drop = tokio::spawn(async move {
        let over = Duration::from_secs(2);
        people::crowd(&visitor, "drop", 600, over, Temper::Steadfast).await
    });
    for _ in 0..KILLS {
        let moment = Duration::from_millis(100 + chance.below(900));
        tokio::time::sleep(moment).await;
        server.kill().await.unwrap();
        server = server.start_again().await.unwrap();
    }
    let stories = drop.await.unwrap().unwrap();

    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 500);
    heard_passes_are_kept(&server, "drop", &stories).await;
    ledger::agrees(&server, "drop", 500).await.unwrap();
    server.stop().await.unwrap();
}

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
