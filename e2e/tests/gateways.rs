//! Several gateways: whoever goes from one to another never sees a higher position than before, and what they count adds up.
#![cfg(test)]

use client::{Frame, Phase, Visitor};
use e2e::people::{self, heard};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::waits::Waits;
use e2e::{Server, Setup, until};
use futures_util::future::try_join_all;
use testbed::Postgres;

/// How many stand before the one who goes to and fro.
const BEFORE: usize = 150;

/// The position that the visitor is shown: by a socket when `live`, else by asking.
async fn shown(door: &Visitor, token: &client::PlaceToken, live: bool) -> u64 {
    if !live {
        return door.me("drop", token).await.unwrap().position.unwrap();
    }
    let mut socket = door.live("drop", token).await.unwrap();
    let any = |frame: &Frame| matches!(frame, Frame::Position { .. });
    match heard(&mut socket, any).await.unwrap() {
        Frame::Position { position, .. } => position.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_gateway_to_another_a_position_never_rises() {
    let redis = Redis::start().unwrap();
    let with_others = |setup: Setup| {
        setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .with("--public-url", "http://drop.example")
    };
    let whole = with_others(Setup::new().unwrap()).start().await.unwrap();
    let second = with_others(Setup::new().unwrap()).with("--roles", "gateway");
    let second = second.start().await.unwrap();
    let put = event_put(100, 0.0, Phase::Open);
    let organiser = whole.organiser().unwrap();
    organiser.put_event("drop", &put).await.unwrap();
    let doors = [&whole, &second].map(|server: &Server| server.visitor().unwrap());
    let mut before = Vec::new();
    for _ in 0..BEFORE {
        let token = people::new_token().unwrap();
        doors[0].enter("drop", Some(&token)).await.unwrap();
        before.push(token);
    }
    let last = people::new_token().unwrap();
    doors[0].enter("drop", Some(&last)).await.unwrap();

    let leaving = async {
        for token in &before {
            doors[0].leave("drop", token).await.unwrap();
        }
    };
    let watching = async {
        let mut lowest = u64::MAX;
        for nth in 0.. {
            let position = shown(&doors[nth % 2], &last, nth % 6 > 3).await;
            assert!(position <= lowest, "{position} after {lowest}, look {nth}");
            lowest = position;
            if position == 1 {
                return;
            }
        }
    };
    tokio::join!(leaving, watching);
    for server in [whole, second] {
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_right_the_time_left_was_adds_up_over_gateways_that_are_processes_of_their_own() {
    let redis = Redis::start().unwrap();
    let database = Postgres::shared().database().unwrap();
    let start = async |roles: &str| {
        let setup = Setup::new().unwrap().with("--roles", roles);
        let setup = setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .env("STANCHION_DATABASE_URL", &database);
        let started = setup.with("--public-url", "http://drop.example").start();
        started.await.unwrap()
    };
    let rest = start("admission,issuer,persister").await;
    let gateways = [start("gateway").await, start("gateway").await];
    let organiser = rest.organiser().unwrap();
    let put = event_put(100, 4.0, Phase::Open);
    organiser.put_event("drop", &put).await.unwrap();

    let doors = gateways.each_ref().map(|server| server.visitor().unwrap());
    let crowd = doors.iter().flat_map(|door| [door; 5]);
    try_join_all(crowd.map(|door| people::admitted(door, "drop")))
        .await
        .unwrap();

    let told = until(async || {
        let counted = [
            Waits::of(&gateways[0]).await.unwrap(),
            Waits::of(&gateways[1]).await.unwrap(),
        ];
        let told = organiser.event("drop").await.unwrap().waits;
        let all: u64 = counted.iter().map(|waits| waits.all).sum();
        let right: u64 = counted.iter().map(|waits| waits.right).sum();
        let adds_up = told.all == all && told.in_range == right;
        (adds_up && counted.iter().all(|waits| waits.all > 0)).then_some(told)
    });
    let told = told.await.unwrap();
    assert!(told.all >= told.in_range, "{told:?}");
    for server in gateways.into_iter().chain([rest]) {
        server.stop().await.unwrap();
    }
}
