//! SIGTERM under load: requests finish, sockets are told to come back, nothing that was heard is lost, exit 0.
#![cfg(test)]

use std::time::Duration;

use client::{ApiError, Frame, Redemption};
use e2e::people::{self, Temper};
use e2e::{Server, ledger, until};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_told_to_come_back_before_they_are_closed() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..200 {
        let token = people::new_token().unwrap();
        visitor.enter("drop", Some(&token)).await.unwrap();
        let mut live = visitor.live("drop", &token).await.unwrap();
        // The first frame shows that the server knows this socket.
        live.next().await.unwrap().unwrap();
        sockets.push((token, live));
    }
    server.terminate().unwrap();
    let mut waits = Vec::new();
    let mut tokens = Vec::new();
    for (token, mut live) in sockets {
        let wait = loop {
            match live.next().await.unwrap().unwrap() {
                Frame::Bye { retry_after_ms } => break retry_after_ms,
                Frame::Position { .. } | Frame::Event { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        waits.push(wait);
        tokens.push(token);
        let closed = live.next().await;
        assert!(
            matches!(closed, Some(Err(ApiError::Closed { code: 1012, .. }))),
            "{closed:?}"
        );
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 20, "they come back one by one: {waits:?}");
    assert!(server.ended().await.unwrap().success(), "{}", server.log());

    let server = server.start_again().await.unwrap();
    for (nth, token) in (1..).zip(&tokens) {
        let place = visitor.me("drop", token).await.unwrap();
        assert_eq!(place.position, Some(nth));
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_is_answered() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let address = server.public.trim_start_matches("http://");
    let token = people::new_token().unwrap();
    let body = format!(r#"{{"place_token":"{}"}}"#, token.reveal());
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/events/drop/places HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{}",
        body.len(),
        &body[..10]
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // A second connection that was answered shows that the server has seen the first, which came before it.
    server.visitor().unwrap().status("drop").await.unwrap();
    server.terminate().unwrap();
    let closed = until(async || TcpStream::connect(address).await.err());
    closed.await.expect("no new connection is taken");
    connection.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(server.ended().await.unwrap().success(), "{}", server.log());

    let server = server.start_again().await.unwrap();
    let place = server.visitor().unwrap().me("drop", &token).await.unwrap();
    assert_eq!(place.position, Some(1));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_goes_on_after_a_stop_as_if_nothing_had_been() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 300, 150.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let drop = tokio::spawn(async move {
        let over = Duration::from_secs(1);
        people::crowd(&visitor, "drop", 400, over, Temper::Steadfast).await
    });
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.terminate().unwrap();
        assert!(server.ended().await.unwrap().success(), "{}", server.log());
        server = server.start_again().await.unwrap();
    }
    let stories = drop.await.unwrap().unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 300);
    let visitor = server.visitor().unwrap();
    for story in stories.iter().filter(|story| story.pass().is_some()) {
        let kept = visitor.redemption("drop", &story.token).await.unwrap();
        let Some(Redemption::Pass(kept)) = kept else {
            panic!("{kept:?}");
        };
        assert_eq!(Some(&kept.coupon), story.pass().map(|pass| &pass.coupon));
    }
    ledger::agrees(&server, "drop", 300).await.unwrap();
    server.stop().await.unwrap();
}
