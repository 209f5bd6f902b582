//! Several gateways: whoever goes from one to another never sees a higher position than before.
#![cfg(test)]

use client::{Frame, Phase, Visitor};
use e2e::people::{self, heard};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup};

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
