//! Live connections through a real listener, on a real Redis.

use std::time::Duration;

use axum::http::Method;
use chassis::lifecycle::Ending;
use chassis::throttle::Limits;
use domain::Phase;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::tests::rig::{Rig, URL, api, bearer, cookie, eventually, open, request, send, token};
use crate::tests::socket::Socket;

const LIVE: &str = "/places/me/live";

/// An event whose coupon goes to whoever comes first; those behind may wait for returns when `keep`.
fn one_coupon(on_sold_out: &str) -> Value {
    json!({
        "title": "Demo", "stock": 1, "phase": "open", "on_sold_out": on_sold_out,
        "admission": {"rate_per_s": 1_000_000.0},
    })
}

#[tokio::test]
async fn the_position_comes_at_once_and_again_when_it_changed_and_never_rises() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(99)).await;
    for _ in 0..9 {
        rig.visitor(&event).await;
    }
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut socket = Socket::hello(door, &event, &token).await;
    let first = socket.next().await.unwrap();
    assert_eq!(
        (&first["type"], &first["position"]),
        (&json!("position"), &json!(10))
    );
    assert_eq!(first["stock_remaining"], 99);
    let mut shown = 10;
    for served in [3, 2, 4] {
        rig.admit(&event, served).await;
        let target = shown - served as u64;
        while shown > target {
            let position = socket.of("position").await["position"].as_u64().unwrap();
            assert!(position < shown, "{position} after {shown}");
            shown = position;
        }
    }
    assert_eq!(shown, 1);
}

#[tokio::test]
async fn the_ticket_is_pushed_to_every_tab_and_the_coupon_ends_them() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let mut tab = Socket::hello(door, &event, &token).await;
        tab.of("position").await;
        tabs.push(tab);
    }
    let admitted = rig.admit(&event, 1).await;
    rig.mint(&event, &admitted).await;
    let expected = json!({
        "type": "ticket", "ticket": "ticket-1", "expires_at": admitted[0].expires_at,
        "redeem_url": "/api/v1/events/demo/redemptions",
    });
    for tab in &mut tabs {
        assert_eq!(tab.of("ticket").await, expected);
    }
    let mut late = Socket::hello(door, &event, &token).await;
    assert_eq!(
        late.next().await,
        Ok(expected),
        "a tab opened later has it at once"
    );
    rig.redeem(&event, &admitted[0]).await;
    for mut tab in tabs.into_iter().chain([late]) {
        assert_eq!(tab.closed().await, 1000);
    }
    let mut after = Socket::hello(door, &event, &token).await;
    assert_eq!(after.next().await, Err(1000));
}

#[tokio::test]
async fn leaving_in_one_tab_ends_the_other() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let door = rig.listen().await;
    let gone = json!({"type": "gone", "reason": "left"});

    let token = rig.visitor(&event).await;
    let mut one = Socket::hello(door, &event, &token).await;
    let mut other = Socket::hello(door, &event, &token).await;
    one.of("position").await;
    other.of("position").await;
    one.say(r#"{"type":"leave"}"#).await;
    for tab in [&mut one, &mut other] {
        assert_eq!(tab.of("gone").await, gone);
        assert_eq!(tab.next().await, Err(1000));
    }

    let token = rig.visitor(&event).await;
    let mut tab = Socket::hello(door, &event, &token).await;
    tab.of("position").await;
    let header = bearer(&token);
    let shown = [("authorization", header.as_str())];
    rig.send(request(
        Method::DELETE,
        &api(&event, "/places/me"),
        &shown,
        "",
    ))
    .await;
    assert_eq!(tab.of("gone").await, gone);

    let mut late = Socket::hello(door, &event, &token).await;
    assert_eq!(late.next().await, Ok(gone));
    assert_eq!(late.next().await, Err(1000));
}

#[tokio::test]
async fn everyone_hears_when_the_last_coupon_went() {
    let rig = Rig::start().await;
    let event = rig.event("demo", one_coupon("close")).await;
    rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let token = rig.visitor(&event).await;
        let mut socket = Socket::hello(door, &event, &token).await;
        socket.of("position").await;
        sockets.push(socket);
    }
    rig.redeem_first(&event).await;
    for socket in &mut sockets {
        let event = socket.of("event").await;
        let told =
            json!({"type": "event", "phase": "draining", "sold_out": true, "stock_remaining": 0});
        assert_eq!(event, told);
        assert_eq!(socket.of("gone").await["reason"], "sold-out");
        assert_eq!(socket.next().await, Err(1000));
    }
}

#[tokio::test]
async fn those_who_may_wait_for_returns_are_told_and_stay() {
    let rig = Rig::start().await;
    let event = rig.event("demo", one_coupon("keep")).await;
    rig.visitor(&event).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut socket = Socket::hello(door, &event, &token).await;
    socket.of("position").await;
    rig.redeem_first(&event).await;
    let told = json!({"type": "event", "phase": "open", "sold_out": true, "stock_remaining": 0});
    assert_eq!(socket.of("event").await, told);
    rig.add_stock(&event, 1).await;
    let told = json!({"type": "event", "phase": "open", "sold_out": false, "stock_remaining": 1});
    assert_eq!(socket.of("event").await, told);
    assert_eq!(rig.me(&event, &token).await["state"], "waiting");
}

#[tokio::test]
async fn every_change_of_phase_is_told_and_closing_lets_everyone_go() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let (admitted, waiting) = (rig.visitor(&event).await, rig.visitor(&event).await);
    rig.admit(&event, 1).await;
    let door = rig.listen().await;
    let mut sockets = [
        Socket::hello(door, &event, &admitted).await,
        Socket::hello(door, &event, &waiting).await,
    ];
    sockets[1].of("position").await;
    for phase in [Phase::Paused, Phase::Open, Phase::Draining, Phase::Closed] {
        rig.phase(&event, phase).await;
        for socket in &mut sockets {
            assert_eq!(socket.of("event").await["phase"], phase.as_str());
        }
    }
    for socket in &mut sockets {
        assert_eq!(socket.of("gone").await["reason"], "closed");
        assert_eq!(socket.next().await, Err(1000));
    }
}

#[tokio::test]
async fn a_store_that_was_away_costs_nobody_their_socket_or_their_place() {
    let mut rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    rig.visitor(&event).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut socket = Socket::hello(door, &event, &token).await;
    assert_eq!(socket.of("position").await["position"], 2);
    rig.kill_redis();
    let mut newcomer = Socket::hello(door, &event, &token).await;
    newcomer.of("bye").await;
    assert_eq!(newcomer.next().await, Err(1012));
    rig.restart_redis().await;
    rig.admit(&event, 1).await;
    while socket.of("position").await["position"] != 1 {}
}

#[tokio::test]
async fn a_line_that_is_opened_again_begins_anew() {
    let rig = Rig::start().await;
    let event = rig.event("demo", one_coupon("close")).await;
    rig.visitor(&event).await;
    let old = rig.visitor(&event).await;
    assert_eq!(rig.me(&event, &old).await["position"], 2);
    rig.redeem_first(&event).await;
    assert_eq!(rig.me(&event, &old).await["reason"], "sold-out");
    rig.add_stock(&event, 5).await;
    rig.phase(&event, Phase::Open).await;
    // The moves stream skipped an ordinal: the line is loaded again, and those of the old one stand before nobody.
    let new = rig.visitor(&event).await;
    let place = eventually("the new line", async || {
        let place = rig.me(&event, &new).await;
        (place["position"] == 1 && place["waiting"] == 1).then_some(place)
    });
    assert_eq!(place.await["state"], "waiting");
    rig.admit(&event, 1).await;
    let next = rig.visitor(&event).await;
    eventually("the moves after the gap", async || {
        let place = rig.me(&event, &next).await;
        (place["position"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_socket_shows_its_place_by_cookie_header_or_hello() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let (sent, header) = (cookie(&event, &token), bearer(&token));
    let own = format!("http://{door}");
    let table: [&[(&'static str, &str)]; 4] = [
        &[("cookie", &sent)],
        &[("cookie", &sent), ("origin", &own)],
        &[("cookie", &sent), ("origin", URL)],
        &[("authorization", &header)],
    ];
    for headers in table {
        let mut socket = Socket::open(door, &event, headers).await.unwrap();
        assert_eq!(socket.next().await.unwrap()["position"], 1, "{headers:?}");
    }
    let mut socket = Socket::hello(door, &event, &token).await;
    assert_eq!(socket.next().await.unwrap()["position"], 1);
    let again = json!({"type": "hello", "place_token": token.reveal()}).to_string();
    socket.say(&again).await;
    socket.say(r#"{"type":"leave"}"#).await;
    assert_eq!(socket.of("gone").await["reason"], "left");
}

#[tokio::test]
async fn a_handshake_that_may_not_be_is_refused() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let sent = cookie(&event, &token);
    let table: [(&[(&'static str, &str)], u16); 3] = [
        (
            &[("cookie", &sent), ("origin", "https://evil.example")],
            403,
        ),
        (&[("origin", "null")], 403),
        (&[("authorization", "Bearer short")], 401),
    ];
    for (headers, status) in table {
        let refused = Socket::open(door, &event, headers).await.err();
        assert_eq!(refused, Some(status), "{headers:?}");
    }
    let unknown = "unknown".parse().unwrap();
    assert_eq!(Socket::open(door, &unknown, &[]).await.err(), Some(404));
    let plain = rig.get(&api(&event, LIVE), Some(&token)).await;
    assert_eq!(plain.status, 400);
    assert_eq!(plain.json()["field"], "upgrade", "no WebSocket handshake");
}

#[tokio::test]
async fn a_token_without_a_place_is_closed_with_4404() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let door = rig.listen().await;
    let mut socket = Socket::hello(door, &event, &token()).await;
    assert_eq!(socket.next().await, Err(4404));
    let sent = cookie(&event, &token());
    let mut socket = Socket::open(door, &event, &[("cookie", &sent)])
        .await
        .unwrap();
    assert_eq!(socket.next().await, Err(4404));
    let mut socket = Socket::open(door, &event, &[]).await.unwrap();
    socket
        .say(r#"{"type":"hello","place_token":"short"}"#)
        .await;
    assert_eq!(socket.next().await, Err(4404));
}

#[tokio::test]
async fn what_is_not_understood_is_closed_with_4400() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let other = json!({"type": "hello", "place_token": self::token().reveal()}).to_string();
    let long = format!("{{\"type\":\"{}\"}}", "x".repeat(5_000));
    let messages = [
        Message::text("nonsense"),
        Message::text(r#"{"type":"dance"}"#),
        Message::text(other),
        Message::text(long),
        Message::binary(vec![1, 2, 3]),
    ];
    for message in messages {
        let mut socket = Socket::hello(door, &event, &token).await;
        socket.of("position").await;
        socket.send(message.clone()).await;
        assert_eq!(socket.closed().await, 4400, "{message:?}");
    }
    let mut socket = Socket::open(door, &event, &[]).await.unwrap();
    socket.say("nonsense").await;
    assert_eq!(socket.next().await, Err(4400), "before the hello too");
}

#[tokio::test]
async fn without_a_hello_in_time_a_socket_is_closed_with_4401() {
    let rig = Rig::with(Duration::from_millis(50), Limits::default()).await;
    let event = rig.event("demo", open(9)).await;
    let door = rig.listen().await;
    let mut silent = Socket::open(door, &event, &[]).await.unwrap();
    assert_eq!(silent.next().await, Err(4401));
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let mut leaving = Socket::open(rig.listen().await, &event, &[]).await.unwrap();
    leaving.say(r#"{"type":"leave"}"#).await;
    assert_eq!(leaving.next().await, Err(4401));
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_gets_them_back() {
    let limits = Limits {
        sockets: Some(1),
        ..Limits::default()
    };
    let rig = Rig::with(crate::HELLO_DEADLINE, limits).await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let door = rig.listen().await;
    let mut socket = Socket::hello(door, &event, &token).await;
    socket.of("position").await;
    assert_eq!(Socket::open(door, &event, &[]).await.err(), Some(429));
    let stream = rig
        .get(&api(&event, "/places/me/events"), Some(&token))
        .await;
    assert_eq!(stream.problem(), (429, "slow-down".to_owned()));
    socket.say(r#"{"type":"leave"}"#).await;
    assert_eq!(socket.closed().await, 1000);
    eventually("the share to come back", async || {
        Socket::open(door, &event, &[]).await.ok().map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn at_the_stop_everyone_is_told_to_come_back_and_nobody_new_is_taken() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let (token, other) = (rig.visitor(&event).await, rig.visitor(&event).await);
    let door = rig.listen().await;
    let mut watching = Socket::hello(door, &event, &token).await;
    watching.of("position").await;
    let mut silent = Socket::open(door, &event, &[]).await.unwrap();
    let mut stream = Stream::open(&rig, &event, &other).await;
    assert_eq!(stream.next().await.unwrap()["type"], "position");
    rig.lifecycle.stop();
    for socket in [&mut watching, &mut silent] {
        let bye = socket.of("bye").await;
        assert!(bye["retry_after_ms"].as_u64().unwrap() < 10_000, "{bye}");
        assert_eq!(socket.next().await, Err(1012));
    }
    while let Some(frame) = stream.next().await {
        assert!(frame["type"] == "bye" || frame["type"] == "position");
    }
    for path in [LIVE, "/places/me/events"] {
        let refused = rig.get(&api(&event, path), Some(&token)).await;
        assert_eq!(refused.problem(), (503, "try-again".to_owned()), "{path}");
    }
    drop((watching, silent, stream));
    let ending = rig.lifecycle.finish(Duration::from_secs(30)).await;
    assert_eq!(ending, Ending::Clean);
}

#[tokio::test]
async fn whether_the_time_left_was_right_is_told_to_the_store_before_the_stop_is_over() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let mut socket = Socket::hello(rig.listen().await, &event, &token).await;
    let promised = socket.of("position").await["eta_s"].clone();
    assert!(promised.is_object(), "{promised}");
    let admitted = rig.admit(&event, 1).await;
    rig.mint(&event, &admitted).await;
    socket.of("ticket").await;
    rig.lifecycle.stop();
    drop(socket);
    let ending = rig.lifecycle.finish(Duration::from_secs(30)).await;
    assert_eq!(ending, Ending::Clean);
    let figures = rig.store.figures(&event).await.unwrap().unwrap();
    assert_eq!(figures.waits.all, 1);
}

/// A stream of server-sent events, as frames.
struct Stream {
    body: axum::body::BodyDataStream,
    read: String,
}

impl Stream {
    async fn open(rig: &Rig, event: &domain::EventId, token: &domain::PlaceToken) -> Self {
        use tower::ServiceExt as _;
        let header = bearer(token);
        let asked = request(
            Method::GET,
            &api(event, "/places/me/events"),
            &[("authorization", &header)],
            "",
        );
        let reply = rig.gateway.clone().oneshot(asked).await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        Self {
            body: reply.into_body().into_data_stream(),
            read: String::new(),
        }
    }

    /// The next frame; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let frame = data.map(|data| serde_json::from_str(data).unwrap());
                self.read = rest.to_owned();
                if frame.is_some() {
                    return frame;
                }
                continue;
            }
            let read = tokio::time::timeout(Duration::from_secs(30), self.body.next());
            let bytes = read.await.expect("a frame")?.unwrap();
            self.read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_tells_the_same_frames_and_ends_with_them() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let token = rig.visitor(&event).await;
    let mut stream = Stream::open(&rig, &event, &token).await;
    assert_eq!(stream.next().await.unwrap()["position"], 1);
    let admitted = rig.admit(&event, 1).await;
    rig.mint(&event, &admitted).await;
    let ticket = loop {
        let frame = stream.next().await.unwrap();
        if frame["type"] == "ticket" {
            break frame;
        }
    };
    assert_eq!(ticket["ticket"], "ticket-1");
    rig.store.leave(&event, &token.place_id()).await.unwrap();
    let gone = json!({"type": "gone", "reason": "left"});
    assert_eq!(stream.next().await, Some(gone.clone()));
    assert_eq!(stream.next().await, None);
    let mut late = Stream::open(&rig, &event, &token).await;
    assert_eq!((late.next().await, late.next().await), (Some(gone), None));
}

#[tokio::test]
async fn a_stream_needs_a_place_and_has_nothing_for_a_holder_of_a_coupon() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(9)).await;
    let path = api(&event, "/places/me/events");
    for shown in [None, Some(token())] {
        let refused = rig.get(&path, shown.as_ref()).await;
        assert_eq!(refused.problem(), (401, "no-place".to_owned()));
    }
    let holder = rig.visitor(&event).await;
    rig.redeem_first(&event).await;
    assert_eq!(rig.get(&path, Some(&holder)).await.status, 204);
    let sent = cookie(&event, &rig.visitor(&event).await);
    let head = request(Method::HEAD, &path, &[("cookie", &sent)], "");
    assert_eq!(send(&rig.gateway, head).await.status, 200);
}
