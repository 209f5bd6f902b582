//! How the client behaves towards a server that says "later", "not yet" or nothing: against a server made by hand,
//! because the real one cannot be told to.
#![cfg(test)]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use client::{ApiError, Frame, GoneReason, Options, PlaceToken, Redemption, Source, Visitor};
use futures_util::StreamExt as _;
use serde_json::json;

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Serves `routes` on a free port; the address.
async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

fn problem(status: u16, name: &str, retry_after_s: Option<&str>) -> Response {
    let body = json!({
        "type": format!("/problems/{name}"), "title": "t", "status": status, "detail": "d.", "request_id": "r",
    });
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after_s {
        headers.insert("retry-after", seconds.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers, Json(body)).into_response()
}

/// A redeem that is refused for the moment, then unknown, then pending, then a pass.
async fn reluctant(State(calls): State<Arc<AtomicU32>>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bearer the.same.ticket");
    match calls.fetch_add(1, Ordering::Relaxed) {
        0 => problem(429, "slow-down", Some("0")),
        1 => problem(503, "outcome-unknown", Some("0")),
        2 => (
            StatusCode::ACCEPTED,
            Json(json!({"result": "pending", "record_id": "demo:1:1"})),
        )
            .into_response(),
        _ => Json(json!({
            "result": "pass", "event": "demo", "coupon": {"code": "C", "serial": 1}, "holder": "h",
            "issued_at": "2026-11-21T10:00:03.120Z", "record_id": "demo:1:1", "ack": "ledger", "replayed": true,
        }))
        .into_response(),
    }
}

fn redeeming(calls: &Arc<AtomicU32>) -> Router {
    Router::new()
        .route("/api/v1/events/demo/redemptions", post(reluctant))
        .with_state(calls.clone())
}

#[tokio::test]
async fn an_unknown_or_pending_outcome_is_asked_for_again_with_the_same_ticket() {
    let calls = Arc::default();
    let url = serve(redeeming(&calls)).await;
    let visitor = Visitor::new(&url, Options::default()).unwrap();
    let outcome = visitor
        .redeem("demo", "the.same.ticket", &PlaceToken::new(TOKEN))
        .await
        .unwrap();
    assert!(
        matches!(&outcome, Redemption::Pass(pass) if pass.coupon.code == "C"),
        "{outcome:?}"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn without_patience_the_first_answer_counts() {
    let calls = Arc::default();
    let url = serve(redeeming(&calls)).await;
    let options = Options {
        patience: Duration::ZERO,
        ..Options::default()
    };
    let visitor = Visitor::new(&url, options).unwrap();
    let refused = visitor
        .redeem("demo", "the.same.ticket", &PlaceToken::new(TOKEN))
        .await
        .unwrap_err();
    assert!(refused.is("slow-down"), "{refused:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_chosen_source_is_where_calls_and_sockets_come_from() {
    async fn whence(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
        problem(409, &peer.ip().to_string(), None)
    }
    async fn whence_live(
        ConnectInfo(peer): ConnectInfo<SocketAddr>,
        upgrade: WebSocketUpgrade,
    ) -> Response {
        upgrade.on_upgrade(async move |mut socket| {
            let close = CloseFrame {
                code: 4404,
                reason: peer.ip().to_string().into(),
            };
            let _ = socket.send(Message::Close(Some(close))).await;
        })
    }
    let routes = Router::new()
        .route("/api/v1/events/demo/places", post(whence))
        .route("/api/v1/events/demo/places/me/live", any(whence_live));
    let url = serve(routes).await;
    let address: IpAddr = "127.3.2.1".parse().unwrap();
    let options = Options {
        source: Source::at(address),
        ..Options::default()
    };
    let visitor = Visitor::new(&url, options).unwrap();
    let refused = visitor.enter("demo", None).await.unwrap_err();
    assert!(refused.is("127.3.2.1"), "{refused:?}");

    let mut live = visitor.live("demo", &PlaceToken::new(TOKEN)).await.unwrap();
    let closed = live.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&closed, ApiError::Closed { code: 4404, reason } if reason == "127.3.2.1"),
        "{closed:?}"
    );
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn frames_come_in_order_and_a_normal_close_ends_the_stream() {
    async fn talk(upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| {
            let hello = socket.recv().await.unwrap().unwrap().into_text().unwrap();
            let hello: serde_json::Value = serde_json::from_str(&hello).unwrap();
            assert_eq!(hello, json!({"type": "hello", "place_token": TOKEN}));
            let leave = socket.recv().await.unwrap().unwrap();
            assert_eq!(leave.into_text().unwrap().as_str(), r#"{"type":"leave"}"#);
            let gone = Message::text(r#"{"type":"gone","reason":"left"}"#);
            socket.send(gone).await.unwrap();
            let close = CloseFrame {
                code: 1000,
                reason: "".into(),
            };
            socket.send(Message::Close(Some(close))).await.unwrap();
        })
    }
    let url = serve(Router::new().route("/api/v1/events/demo/places/me/live", any(talk))).await;
    let visitor = Visitor::new(&url, Options::default()).unwrap();
    let mut live = visitor.live("demo", &PlaceToken::new(TOKEN)).await.unwrap();
    live.leave().await.unwrap();
    let reason = GoneReason::Left;
    assert_eq!(live.next().await.unwrap().unwrap(), Frame::Gone { reason });
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_refuses() {
    let visitor = Visitor::new("http://127.0.0.1:1", Options::default()).unwrap();
    let call = visitor.status("demo").await.unwrap_err();
    let socket = visitor
        .live("demo", &PlaceToken::new(TOKEN))
        .await
        .unwrap_err();
    for error in [call, socket] {
        assert!(matches!(error, ApiError::Unreachable(_)), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
