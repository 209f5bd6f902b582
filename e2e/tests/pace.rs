//! The pace: in a second no more are let in than the rate and one burst, however many pacemakers run.
#![cfg(test)]

use std::time::Duration;

use client::{AdmissionChange, Phase};
use e2e::people::{self, Temper};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, Story, until};

/// Most people let in within a second of the store's clock: tickets all last equally long, so those that end in the same
/// second were let in within the same second.
fn most_in_a_second(stories: &[Story]) -> usize {
    let mut ends: Vec<_> = stories
        .iter()
        .filter_map(|story| Some(story.expires_at?.unix_ms()))
        .collect();
    ends.sort_unstable();
    let within = |from: usize| ends.partition_point(|&end| end < ends[from] + 1_000) - from;
    (0..ends.len()).map(within).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_second_no_more_are_let_in_than_the_rate_and_one_burst() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 200, 40.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let over = Duration::from_millis(500);
    let stories = people::crowd(&visitor, "drop", 200, over, Temper::Strict)
        .await
        .unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 200);
    let most = most_in_a_second(&stories);
    assert!((20..=80).contains(&most), "{most} at 40 per second");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_below_one_lets_one_in_now_and_then() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.5).await.unwrap();
    let visitor = server.visitor().unwrap();
    let stories = people::crowd(&visitor, "drop", 3, Duration::ZERO, Temper::Strict)
        .await
        .unwrap();
    people::check(&stories).unwrap();
    let mut ends: Vec<_> = stories
        .iter()
        .filter_map(|story| Some(story.expires_at?.unix_ms()))
        .collect();
    ends.sort_unstable();
    // A full bucket lets the first in at once; after it two seconds pass for each, told here in whole seconds.
    assert_eq!(ends.len(), 3);
    assert!(ends[2] - ends[0] >= 3_000, "{ends:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pacemakers_keep_one_pace_and_one_of_them_may_die() {
    let redis = Redis::start().unwrap();
    let keys = tempfile::tempdir().unwrap();
    let with_others = |setup: Setup| {
        setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
            .with("--public-url", "http://drop.example")
            .with("--keys", keys.path().display().to_string())
    };
    let whole = with_others(Setup::new().unwrap()).start().await.unwrap();
    let second = with_others(Setup::new().unwrap()).with("--roles", "admission");
    let mut second = second.start().await.unwrap();
    whole.open_event("drop", 200, 40.0).await.unwrap();
    let visitor = whole.visitor().unwrap();
    let drop = tokio::spawn(async move {
        let over = Duration::from_millis(500);
        people::crowd(&visitor, "drop", 200, over, Temper::Strict).await
    });
    let ops = second.organiser().unwrap();
    let halfway = until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.admitted >= 100).then_some(())
    });
    halfway.await.unwrap();
    second.kill().await.unwrap();
    let stories = drop.await.unwrap().unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 200);
    let most = most_in_a_second(&stories);
    assert!((20..=80).contains(&most), "{most} at 40 per second");
    whole.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pace_holds_for_everybody_from_then_on() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(100, 0.0, Phase::Open);
    put.admission.ticket_ttl_s = Some(600);
    ops.put_event("drop", &put).await.unwrap();
    let mut places = Vec::new();
    for _ in 0..20 {
        let token = people::new_token().unwrap();
        visitor.enter("drop", Some(&token)).await.unwrap();
        places.push(token);
    }
    let before = ops.event("drop").await.unwrap();
    assert_eq!((before.admitted, before.waiting), (0, 20));
    let faster = AdmissionChange {
        rate_per_s: Some(10.0),
        ticket_ttl_s: Some(60),
        ..AdmissionChange::default()
    };
    let now = ops.set_admission("drop", &faster).await.unwrap();
    assert_eq!(
        (now.rate_per_s, now.capacity, now.ticket_ttl_s),
        (10.0, 100, 60)
    );
    let changed = ops.audit("drop", None).await.unwrap().items[0].at;
    let mut ends = Vec::new();
    for token in &places {
        let turn = people::watch(&visitor, "drop", token, &mut Vec::new()).await;
        let Ok(people::Turn::Ticket { expires_at, .. }) = turn else {
            panic!("{turn:?}");
        };
        ends.push(expires_at.unix_ms());
    }
    let lasts = ends[0] - changed.unix_ms();
    assert!(
        lasts >= 60_000,
        "nobody was let in before the change: {lasts}"
    );
    assert!(ends.is_sorted(), "in the order of the line: {ends:?}");
    server.stop().await.unwrap();
}
