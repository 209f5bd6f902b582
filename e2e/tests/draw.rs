//! The draw of the lobby: nobody has a position before it, everybody has one after it, and anybody can check the order.
#![cfg(test)]

use aws_lc_rs::digest::{SHA256, digest};
use client::{Eta, Frame, Live, Phase, PlaceToken};
use e2e::people::{self, heard};
use e2e::server::event_put;
use e2e::setup::command;
use e2e::shape::members;
use e2e::{Call, Server, until};
use serde_json::{Value, json};

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

/// The lobby's people in the order that the seed in the audit explains: the nth of them, first come first.
fn order(lobby: &[PlaceToken], seed: &str) -> Vec<usize> {
    let seed = bytes(seed);
    let mut order: Vec<(Vec<u8>, usize)> = lobby
        .iter()
        .map(|token| [seed.as_slice(), people::place_id(token).as_bytes()].concat())
        .enumerate()
        .map(|(nth, text)| (digest(&SHA256, &text).as_ref().to_vec(), nth))
        .collect();
    order.sort();
    order.into_iter().map(|(_, nth)| nth).collect()
}

/// The next position frame: the position, the time left, and how many wait.
async fn position(live: &mut Live, shown: bool) -> (Option<u64>, Option<Eta>, u64) {
    let wanted = |frame: &Frame| match frame {
        Frame::Position { position, .. } => position.is_some() == shown,
        _ => false,
    };
    match heard(live, wanted).await.unwrap() {
        Frame::Position {
            position,
            eta_s,
            waiting,
            ..
        } => (position, eta_s, waiting),
        other => panic!("{other:?}"),
    }
}

/// Everybody may read the seed and the list, find themselves on it, and work its order out again.
async fn is_published(server: &Server, lobby: &[PlaceToken], seed: &str, fingerprint: &str) {
    let url = format!("{}/api/v1/events/drop/draw", server.public);
    let told = Call::new("GET", &url).send().await.unwrap();
    told.ok(200);
    members(&told.json, "event seed seed_origin people drawn_at digest");
    assert_eq!(
        (&told.json["seed"], &told.json["digest"]),
        (&json!(seed), &json!(fingerprint))
    );
    let list = Call::new("GET", &url).header("accept", "text/plain");
    let list = list.send().await.unwrap().text;
    let ids: Vec<String> = order(lobby, seed)
        .into_iter()
        .map(|nth| people::place_id(&lobby[nth]))
        .collect();
    assert_eq!(list.lines().collect::<Vec<_>>(), ids);
    let of_list = digest(&SHA256, list.as_bytes());
    let hex = |text: String, byte: &u8| format!("{text}{byte:02x}");
    assert_eq!(
        of_list.as_ref().iter().fold(String::new(), hex),
        fingerprint
    );
}

/// What `ctl draw check` says of the draw, without a token, and whether it agrees.
async fn checked(server: &Server, more: &[&str]) -> (Value, bool) {
    let line = "ctl --json --data /nowhere draw check drop --public-url";
    let mut arguments: Vec<&str> = line.split(' ').collect();
    arguments.push(&server.public);
    arguments.extend(more);
    let told = command().unwrap().args(arguments).output().await.unwrap();
    let said = serde_json::from_slice(&told.stdout).unwrap_or_default();
    (said, told.status.success())
}

/// Anybody's check agrees, and names what is wrong with any other list.
async fn can_be_checked(server: &Server, first: &str) {
    let (told, agrees) = checked(server, &["--place", first]).await;
    assert!(agrees && told["agrees"] == true, "{told}");
    let said = told["said"].as_str().unwrap();
    assert!(said.ends_with("was drawn as number 1"), "{said}");
    let url = format!("{}/api/v1/events/drop/draw", server.public);
    let list = Call::new("GET", &url).header("accept", "text/plain");
    let list = list.send().await.unwrap().text;
    let lines: Vec<&str> = list.lines().collect();
    let mut swapped = lines.clone();
    swapped.swap(4, 9);
    let named = format!(
        "line 5 of the list is {}, but the seed puts {} there",
        lines[9], lines[4]
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.txt");
    let file = file.to_str().unwrap();
    for (altered, named) in [
        (swapped, named.as_str()),
        (
            lines[1..].to_vec(),
            "120 were drawn, but 119 stand on the list",
        ),
    ] {
        std::fs::write(file, altered.join("\n") + "\n").unwrap();
        let (told, agrees) = checked(server, &["--list", file]).await;
        assert!(!agrees && told["agrees"] == false, "{told}");
        assert!(told["said"].as_str().unwrap().ends_with(named), "{told}");
    }
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
    let hidden = (None, None, PEOPLE as u64);
    let early = visitor.me("drop", &lobby[0]).await.unwrap();
    assert_eq!((early.position, early.eta_s, early.waiting), hidden);
    let mut watched = visitor.live("drop", &lobby[0]).await.unwrap();
    assert_eq!(position(&mut watched, false).await, hidden);

    ops.move_phase("drop", Phase::Open).await.unwrap();
    let late = enter(&server).await;
    let drawn = until(async || {
        let audit = ops.audit("drop", None).await.ok()?.items;
        let entry = audit.into_iter().find(|entry| entry.action == "draw")?;
        Some(entry.to)
    });
    let drawn = drawn.await.unwrap();
    assert_eq!(drawn["people"], PEOPLE);
    for (stands, nth) in (1..).zip(order(&lobby, drawn["seed"].as_str().unwrap())) {
        let place = async || visitor.me("drop", &lobby[nth]).await.ok()?.position;
        assert_eq!(until(place).await.unwrap(), stands, "place {nth}");
        if nth == 0 {
            let (told, ..) = position(&mut watched, true).await;
            assert_eq!(told, Some(stands), "the socket hears the same");
        }
    }
    let seed = drawn["seed"].as_str().unwrap();
    is_published(&server, &lobby, seed, drawn["digest"].as_str().unwrap()).await;
    let first = people::place_id(&lobby[order(&lobby, seed)[0]]);
    can_be_checked(&server, &first).await;
    let late = visitor.me("drop", &late).await.unwrap();
    assert_eq!(late.position, Some(PEOPLE as u64 + 1));
    server.stop().await.unwrap();
}
