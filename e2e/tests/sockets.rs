//! The live socket and its stream of server-sent events: what they say, to whom, and how they end.
#![cfg(test)]

use client::{AdmissionChange, Phase, PlaceToken};
use e2e::server::event_put;
use e2e::shape::{members, time};
use e2e::{Call, Heard, Server, Setup, Socket, people, until};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn hello(token: &PlaceToken) -> String {
    json!({"type": "hello", "place_token": token.reveal()}).to_string()
}

/// A socket that has said hello.
async fn open(server: &Server, token: &PlaceToken) -> Socket {
    let opened = Socket::open(&server.public, "drop", &[]).await.unwrap();
    let mut socket = opened.unwrap();
    socket.say(hello(token)).await.unwrap();
    socket
}

/// The next frame of this type.
async fn frame(socket: &mut Socket, kind: &str) -> Value {
    let listening = async {
        loop {
            match socket.hear().await.unwrap() {
                Heard::Frame(frame) if frame["type"] == kind => return frame,
                Heard::Frame(_) => {}
                Heard::Closed(code) => panic!("closed with {code} before any {kind}"),
            }
        }
    };
    let frame = tokio::time::timeout(e2e::PATIENCE, listening).await;
    frame.unwrap_or_else(|_| panic!("no {kind} is heard"))
}

async fn somebody(server: &Server) -> PlaceToken {
    let token = people::new_token().unwrap();
    let visitor = server.visitor().unwrap();
    visitor.enter("drop", Some(&token)).await.unwrap();
    token
}

async fn rate(server: &Server, rate_per_s: f64) {
    let change = AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ..AdmissionChange::default()
    };
    let organiser = server.organiser().unwrap();
    organiser.set_admission("drop", &change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_have_exactly_the_members_of_the_contract() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 1, 0.0).await.unwrap();
    let (first, second) = (somebody(&server).await, somebody(&server).await);
    let (mut one, mut other) = (open(&server, &first).await, open(&server, &second).await);
    let position = frame(&mut other, "position").await;
    members(
        &position,
        "type position waiting eta_s rate_per_s stock_remaining chance at",
    );
    assert_eq!(
        (&position["position"], &position["waiting"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        (&position["eta_s"], &position["stock_remaining"]),
        (&json!(null), &json!(1))
    );
    assert_eq!(position["chance"], "uncertain", "one coupon for two");
    time(&position["at"]);

    rate(&server, 100.0).await;
    let ticket = frame(&mut one, "ticket").await;
    members(&ticket, "type ticket expires_at redeem_url");
    time(&ticket["expires_at"]);
    assert_eq!(ticket["redeem_url"], "/api/v1/events/drop/redemptions");
    let organiser = server.organiser().unwrap();
    organiser.move_phase("drop", Phase::Paused).await.unwrap();
    let event = frame(&mut other, "event").await;
    members(&event, "type phase sold_out stock_remaining");
    assert_eq!(
        (&event["phase"], &event["sold_out"]),
        (&json!("paused"), &json!(false))
    );

    let ticket = ticket["ticket"].as_str().unwrap();
    let visitor = server.visitor().unwrap();
    visitor.redeem("drop", ticket, &first).await.unwrap();
    let gone = frame(&mut other, "gone").await;
    assert_eq!(gone, json!({"type": "gone", "reason": "sold-out"}));
    assert_eq!(other.closed().await.unwrap(), 1000);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tab_of_a_place_hears_the_same_and_a_new_one_hears_it_at_once() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let (before, token) = (somebody(&server).await, somebody(&server).await);
    let (mut tab, mut other) = (open(&server, &token).await, open(&server, &token).await);
    for tab in [&mut tab, &mut other] {
        assert_eq!(frame(tab, "position").await["position"], 2);
    }
    server
        .visitor()
        .unwrap()
        .leave("drop", &before)
        .await
        .unwrap();
    for tab in [&mut tab, &mut other] {
        assert_eq!(frame(tab, "position").await["position"], 1);
    }
    rate(&server, 100.0).await;
    let ticket = frame(&mut tab, "ticket").await;
    assert_eq!(frame(&mut other, "ticket").await, ticket);
    let mut reloaded = open(&server, &token).await;
    assert_eq!(frame(&mut reloaded, "ticket").await, ticket);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_ends_the_socket_with_its_code() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let token = somebody(&server).await;
    let first: [(Message, u16); 8] = [
        ("tea".into(), 4400),
        ("{}".into(), 4400),
        (r#"{"type":"tea"}"#.into(), 4400),
        (r#"{"type":"hello"}"#.into(), 4400),
        (Message::binary(vec![1, 2, 3]), 4400),
        (hello(&PlaceToken::new("short")).into(), 4404),
        (hello(&people::new_token().unwrap()).into(), 4404),
        (r#"{"type":"leave"}"#.into(), 4401),
    ];
    for (said, code) in first {
        let opened = Socket::open(&server.public, "drop", &[]).await.unwrap();
        let mut socket = opened.unwrap();
        socket.say(said.clone()).await.unwrap();
        assert_eq!(socket.closed().await.unwrap(), code, "{said:?}");
    }
    for said in ["tea", r#"{"type":"tea"}"#, r#"{"type":"leave","x":1}"#, ""] {
        let mut socket = open(&server, &token).await;
        frame(&mut socket, "position").await;
        socket.say(said).await.unwrap();
        assert_eq!(socket.closed().await.unwrap(), 4400, "{said}");
    }
    let mut silent = Socket::open(&server.public, "drop", &[])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(silent.closed().await.unwrap(), 4401, "no hello in time");
    let place = server.visitor().unwrap().me("drop", &token).await.unwrap();
    assert_eq!(place.position, Some(1), "none of it cost the place");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_another_site_is_refused_and_a_cookie_needs_no_hello() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let token = somebody(&server).await;
    let cookie = format!("stanchion-drop={}", token.reveal());
    for origin in ["https://elsewhere.example", "null"] {
        let headers = [("origin", origin), ("cookie", &cookie)];
        let refused = Socket::open(&server.public, "drop", &headers)
            .await
            .unwrap();
        assert_eq!(refused.err(), Some(403), "{origin}");
    }
    let headers = [("origin", server.public.as_str()), ("cookie", &cookie)];
    let own = Socket::open(&server.public, "drop", &headers)
        .await
        .unwrap();
    assert_eq!(frame(&mut own.unwrap(), "position").await["position"], 1);
    let unknown = Socket::open(&server.public, "nowhere", &[]).await.unwrap();
    assert_eq!(unknown.err(), Some(404));
    let url = format!("{}/api/v1/events/drop/places/me/live", server.public);
    let plain = Call::new("GET", url).send().await.unwrap();
    plain.refused(400, "bad-request");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_sockets_and_gets_one_back_for_each_it_closes() {
    let setup = Setup::new().unwrap().without("--limit-exempt");
    let server = setup.with("--limit-sockets", "2").start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let token = somebody(&server).await;
    let (mut one, mut two) = (open(&server, &token).await, open(&server, &token).await);
    frame(&mut one, "position").await;
    frame(&mut two, "position").await;
    let third = Socket::open(&server.public, "drop", &[]).await.unwrap();
    assert_eq!(third.err(), Some(429));
    drop(one);
    let again = until(async || Socket::open(&server.public, "drop", &[]).await.ok()?.ok());
    let mut again = again.await.unwrap();
    again.say(hello(&token)).await.unwrap();
    frame(&mut again, "position").await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_events_says_what_the_socket_says() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let token = somebody(&server).await;
    let url = format!("{}/api/v1/events/drop/places/me/events", server.public);
    Call::new("GET", &url)
        .send()
        .await
        .unwrap()
        .refused(401, "no-place");
    let stranger = people::new_token().unwrap();
    let refused = Call::get(&url, stranger.reveal()).await.unwrap();
    refused.refused(401, "no-place");

    let client = reqwest::Client::new();
    let mut stream = client
        .get(&url)
        .bearer_auth(token.reveal())
        .send()
        .await
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    let mut kinds = Vec::new();
    rate(&server, 100.0).await;
    while !kinds.contains(&json!("ticket")) {
        let chunk = tokio::time::timeout(e2e::PATIENCE, stream.chunk())
            .await
            .unwrap();
        let chunk = chunk.unwrap().expect("it goes on until the ticket");
        heard.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = heard.split_once("\n\n") {
            let frames = event.lines().filter_map(|line| line.strip_prefix("data:"));
            kinds.extend(frames.map(|frame| {
                let frame: Value = serde_json::from_str(frame).unwrap();
                frame["type"].clone()
            }));
            heard = rest.to_owned();
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_hears_the_figures_with_the_token_alone() {
    let server = Server::start().await.unwrap();
    let organiser = server.organiser().unwrap();
    organiser
        .put_event("drop", &event_put(5, 1.0, Phase::Draft))
        .await
        .unwrap();
    let stranger = client::Ops::new(&server.ops, "somebody", client::Options::default()).unwrap();
    let refused = stranger.live().await.unwrap_err();
    assert!(
        refused.is("unauthorized") || refused.to_string().contains("401"),
        "{refused:?}"
    );
    organiser.live().await.unwrap();
    server.stop().await.unwrap();
}
