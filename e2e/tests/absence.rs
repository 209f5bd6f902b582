//! The absent: whoever is not there when reached is passed over, next when seen again in time, and gone after that.
#![cfg(test)]

use client::{AdmissionChange, GoneReason, Live, Phase, PlaceState, PlaceToken};
use e2e::people::{self, Turn};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, until};
use futures_util::future::join_all;
use serde_json::json;

/// An open event that lets nobody in yet, where one counts as absent after a second.
async fn still(server: &Server, grace_s: u64) {
    let mut put = event_put(100, 0.0, Phase::Open);
    put.others.insert("presence_s".into(), json!(1));
    put.others.insert("grace_s".into(), json!(grace_s));
    let organiser = server.organiser().unwrap();
    organiser.put_event("drop", &put).await.unwrap();
}

async fn enter(server: &Server) -> PlaceToken {
    let token = people::new_token().unwrap();
    let visitor = server.visitor().unwrap();
    visitor.enter("drop", Some(&token)).await.unwrap();
    token
}

/// Waits until whoever gave no sign since now counts as absent, by the store's clock.
async fn a_while(server: &Server) {
    a_while_in(server, "drop").await;
}

async fn a_while_in(server: &Server, event: &str) {
    let visitor = server.visitor().unwrap();
    let at = async || Some(visitor.status(event).await.ok()?.at.unix_ms());
    let begun = at().await.unwrap();
    let passed = until(async || at().await.filter(|&at| at > begun + 2_500));
    passed.await.unwrap();
}

async fn rate(server: &Server, rate_per_s: f64) {
    let change = AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ..AdmissionChange::default()
    };
    let organiser = server.organiser().unwrap();
    organiser.set_admission("drop", &change).await.unwrap();
}

async fn turn(live: &mut Live) -> Turn {
    people::listen(live, &mut Vec::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_there_are_let_in_past_the_absent_who_are_next_when_they_come_back() {
    let server = Server::start().await.unwrap();
    let visitor = server.visitor().unwrap();
    still(&server, 300).await;
    let (mut absent, mut there) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        absent.push(enter(&server).await);
        let token = enter(&server).await;
        there.push(visitor.live("drop", &token).await.unwrap());
    }
    a_while(&server).await;
    rate(&server, 1_000.0).await;
    for live in &mut there {
        assert!(matches!(turn(live).await, Turn::Ticket { .. }));
    }
    let ops = server.organiser().unwrap();
    let figures = ops.event("drop").await.unwrap();
    assert_eq!((figures.admitted, figures.waiting), (20, 20));

    rate(&server, 0.0).await;
    for token in &absent {
        let place = visitor.me("drop", token).await.unwrap();
        assert_eq!(place.state, PlaceState::Waiting);
        assert_eq!(place.position, Some(1), "they are next");
    }
    let late = enter(&server).await;
    let mut late = visitor.live("drop", &late).await.unwrap();
    rate(&server, 1_000.0).await;
    let mut back = visitor.live("drop", &absent[7]).await.unwrap();
    assert!(matches!(turn(&mut back).await, Turn::Ticket { .. }));
    assert!(matches!(turn(&mut late).await, Turn::Ticket { .. }));
    server.stop().await.unwrap();
}

/// Lets so many in per second who watch, all at once, and says how many seconds of the store's clock lie between the first and the
/// last of them.
async fn let_in(server: &Server, event: &str, rate_per_s: f64, there: Vec<Live>) -> i64 {
    let change = AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ..AdmissionChange::default()
    };
    let organiser = server.organiser().unwrap();
    organiser.set_admission(event, &change).await.unwrap();
    let turns = there.into_iter().map(|mut live| async move {
        match turn(&mut live).await {
            // All tickets last equally long.
            Turn::Ticket { expires_at, .. } => expires_at.unix_ms() / 1_000,
            gone @ Turn::Gone(_) => panic!("{gone:?}"),
        }
    });
    let ends = join_all(turns).await;
    ends.iter().max().unwrap() - ends.iter().min().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_heads_absent_do_not_slow_those_who_are_there() {
    const THERE: usize = 80;
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut lines = Vec::new();
    for event in ["half", "whole"] {
        let mut put = event_put(1_000, 0.0, Phase::Open);
        put.others.insert("presence_s".into(), json!(1));
        ops.put_event(event, &put).await.unwrap();
        let mut there = Vec::new();
        for _ in 0..THERE {
            if event == "half" {
                visitor.enter(event, None).await.unwrap();
            }
            let token = people::new_token().unwrap();
            visitor.enter(event, Some(&token)).await.unwrap();
            there.push(visitor.live(event, &token).await.unwrap());
        }
        lines.push(there);
    }
    a_while_in(&server, "half").await;
    let (whole, half) = (lines.pop().unwrap(), lines.pop().unwrap());
    let (half_s, whole_s) = tokio::join!(
        let_in(&server, "half", 10.0, half),
        let_in(&server, "whole", 10.0, whole),
    );
    // Eight seconds; sixteen if the absent took a turn each. Whatever slows the machine slows both lines.
    assert!(
        half_s < whole_s + 5,
        "{half_s} s, and {whole_s} s without anybody absent"
    );
    let figures = ops.event("half").await.unwrap();
    assert_eq!(
        (figures.admitted, figures.waiting),
        (THERE as u64, THERE as u64)
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_back_in_time_is_a_no_show_and_may_enter_at_the_back() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    still(&server, 1).await;
    let absent = enter(&server).await;
    let there = enter(&server).await;
    let mut there = visitor.live("drop", &there).await.unwrap();
    a_while(&server).await;
    rate(&server, 1_000.0).await;
    assert!(matches!(turn(&mut there).await, Turn::Ticket { .. }));
    let missed = until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.no_shows == 1).then_some(())
    });
    missed.await.unwrap();
    let place = visitor.me("drop", &absent).await.unwrap();
    let reason = GoneReason::NoShow;
    assert_eq!(place.state, PlaceState::Gone { reason });
    rate(&server, 0.0).await;
    let mut before = Vec::new();
    for _ in 0..3 {
        before.push(enter(&server).await);
    }
    let again = visitor.enter("drop", Some(&absent)).await.unwrap();
    assert_eq!((again.new, again.place.position), (true, Some(4)));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_ticket_is_a_no_show_too() {
    let server = Server::start().await.unwrap();
    let visitor = server.visitor().unwrap();
    let mut put = event_put(100, 1_000.0, Phase::Open);
    put.admission.ticket_ttl_s = Some(1);
    put.admission.capacity = Some(1);
    let organiser = server.organiser().unwrap();
    organiser.put_event("drop", &put).await.unwrap();
    let missed = enter(&server).await;
    let next = enter(&server).await;
    let mut first = visitor.live("drop", &missed).await.unwrap();
    assert!(matches!(turn(&mut first).await, Turn::Ticket { .. }));
    assert_eq!(turn(&mut first).await, Turn::Gone(GoneReason::NoShow));
    let mut next = visitor.live("drop", &next).await.unwrap();
    assert!(
        matches!(turn(&mut next).await, Turn::Ticket { .. }),
        "the room is free"
    );
    let again = visitor.enter("drop", Some(&missed)).await.unwrap();
    assert!(again.new);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_a_gateway_that_was_killed_are_passed_over_until_they_come_to_another() {
    let redis = Redis::start().unwrap();
    let with_others = |setup: Setup| {
        setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .with("--public-url", "http://drop.example")
    };
    let whole = with_others(Setup::new().unwrap()).start().await.unwrap();
    let second = with_others(Setup::new().unwrap()).with("--roles", "gateway");
    let mut second = second.start().await.unwrap();
    still(&whole, 300).await;
    let visitor = whole.visitor().unwrap();
    let head = enter(&whole).await;
    let there = enter(&whole).await;
    let lost = second.visitor().unwrap();
    let lost = lost.live("drop", &head).await.unwrap();
    let mut there = visitor.live("drop", &there).await.unwrap();
    a_while(&whole).await;
    second.kill().await.unwrap();
    drop(lost);
    a_while(&whole).await;
    rate(&whole, 1_000.0).await;
    assert!(matches!(turn(&mut there).await, Turn::Ticket { .. }));
    let place = visitor.me("drop", &head).await.unwrap();
    assert_eq!(place.position, Some(1), "nobody takes the place away");
    let mut head = visitor.live("drop", &head).await.unwrap();
    assert!(matches!(turn(&mut head).await, Turn::Ticket { .. }));
    whole.stop().await.unwrap();
}
