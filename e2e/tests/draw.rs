//! The draw of the lobby: nobody has a position before it, everybody has one after it, and anybody can check the order.
#![cfg(test)]

use aws_lc_rs::digest::{SHA256, digest};
use client::{Frame, Phase, PlaceToken};
use e2e::people::{self, heard};
use e2e::server::event_put;
use e2e::{Server, until};
use serde_json::json;

/// How many wait in the lobby.
const PEOPLE: usize = 120;

async fn enter(server: &Server) -> PlaceToken {
    let token = people::new_token().unwrap();
    let visitor = server.visitor().unwrap();
    visitor.enter("drop", Some(&token)).await.unwrap();
    token
}

/// The 32 bytes that 64 hexadecimal digits write.
fn bytes(seed: &str) -> Vec<u8> {
    let byte = |nth| u8::from_str_radix(&seed[nth..nth + 2], 16).unwrap();
    (0..64).step_by(2).map(byte).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_is_drawn_into_an_order_that_the_recorded_seed_explains() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(1_000, 0.0, Phase::Lobby);
    put.others.insert("order".into(), json!("draw"));
    ops.put_event("drop", &put).await.unwrap();
    let mut lobby = Vec::new();
    for _ in 0..PEOPLE {
        lobby.push(enter(&server).await);
    }
    let early = visitor.me("drop", &lobby[0]).await.unwrap();
    assert_eq!(
        (early.position, early.eta_s, early.waiting),
        (None, None, PEOPLE as u64)
    );
    let mut watched = visitor.live("drop", &lobby[0]).await.unwrap();
    let frame = heard(&mut watched, |frame| {
        matches!(frame, Frame::Position { .. })
    })
    .await;
    let hidden = Frame::Position {
        position: None,
        waiting: PEOPLE as u64,
        eta_s: None,
        rate_per_s: 0.0,
        stock_remaining: 1_000,
        at: match frame.as_ref().unwrap() {
            Frame::Position { at, .. } => *at,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!(frame.unwrap(), hidden);

    ops.move_phase("drop", Phase::Open).await.unwrap();
    let late = enter(&server).await;
    let drawn = until(async || {
        let audit = ops.audit("drop", None).await.ok()?.items;
        let entry = audit.into_iter().find(|entry| entry.action == "draw")?;
        Some(entry.to)
    });
    let drawn = drawn.await.unwrap();
    assert_eq!(drawn["people"], PEOPLE);
    let seed = bytes(drawn["seed"].as_str().unwrap());
    let mut expected: Vec<(Vec<u8>, usize)> = lobby
        .iter()
        .map(|token| [seed.as_slice(), people::place_id(token).as_bytes()].concat())
        .enumerate()
        .map(|(nth, text)| (digest(&SHA256, &text).as_ref().to_vec(), nth))
        .collect();
    expected.sort();
    for (position, (_, nth)) in (1..).zip(expected) {
        let token = &lobby[nth];
        let place = async || visitor.me("drop", token).await.ok()?.position;
        assert_eq!(until(place).await.unwrap(), position, "place {nth}");
        if nth == 0 {
            let told = heard(&mut watched, |frame| {
                matches!(
                    frame,
                    Frame::Position {
                        position: Some(_),
                        ..
                    }
                )
            });
            let Frame::Position { position: told, .. } = told.await.unwrap() else {
                unreachable!("asked for a position");
            };
            assert_eq!(told, Some(position), "the socket hears the same");
        }
    }
    let late = visitor.me("drop", &late).await.unwrap();
    assert_eq!(late.position, Some(PEOPLE as u64 + 1));
    server.stop().await.unwrap();
}
