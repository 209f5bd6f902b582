//! The doors through real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::lifecycle::{Ending, STOP_DEADLINE};
use crate::system::SystemRandom;
use crate::{ClientAddress, Json, Path};

/// A process with both doors open.
struct Process {
    public: SocketAddr,
    ops: SocketAddr,
    lifecycle: Lifecycle,
    /// Lets `GET /slow` answer.
    release: Arc<tokio::sync::Notify>,
    /// `GET /slow` was asked.
    asked: Arc<tokio::sync::Notify>,
}

impl Process {
    fn start() -> Self {
        let (release, asked) = (Arc::default(), Arc::default());
        let lifecycle = Lifecycle::new();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let doors = Doors {
            public: Some(Listener::bind(any).unwrap()),
            ops: Listener::bind(any).unwrap(),
        };
        let (public, ops) = (
            doors.public.as_ref().unwrap().address(),
            doors.ops.address(),
        );
        let parts = DoorParts {
            random: Arc::new(SystemRandom),
            proxies: TrustedProxies(vec!["127.0.0.0/8".parse().unwrap()]),
            health: Health::default(),
            metrics: Metrics::unrecorded(),
            described: Vec::new(),
        };
        let role = role(&release, &asked);
        doors.open(vec![role], &parts, &lifecycle).unwrap();
        Self {
            public,
            ops,
            lifecycle,
            release,
            asked,
        }
    }

    async fn ask(&self, head: &str) -> String {
        exchange(self.public, head).await
    }
}

fn role(release: &Arc<tokio::sync::Notify>, asked: &Arc<tokio::sync::Notify>) -> Role {
    let (release, asked) = (release.clone(), asked.clone());
    let slow = async move || {
        asked.notify_one();
        release.notified().await;
        "done"
    };
    let public = Router::new()
        .route(
            "/own",
            get(|| async { ([("cache-control", "max-age=1")], "own") }),
        )
        .route(
            "/who",
            get(|ClientAddress(ip): ClientAddress| async move { ip.to_string() }),
        )
        .route(
            "/panic",
            get(async || -> &'static str { panic!("on purpose") }),
        )
        .route("/json", post(|_: Json<serde_json::Value>| async {}))
        .route("/raw", post(|_: axum::body::Bytes| async {}))
        .route("/n/{n}", get(|_: Path<u8>| async {}))
        .route("/ws", get(|_: axum::extract::WebSocketUpgrade| async {}))
        .route(
            "/page",
            get(|| async { (StatusCode::NOT_FOUND, Html("<p>No such drop")) }),
        )
        .route("/slow", get(slow));
    Role {
        name: "test",
        public,
        ops: Router::new(),
    }
}

/// Sends a request head (and body) on a connection of its own and reads the whole reply.
async fn exchange(door: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(door).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply).into_owned()
}

fn request(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")
}

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn every_error_of_either_door_is_a_problem_that_names_the_request() {
    let process = Process::start();
    let long = format!("{JSON}content-length: 16385\r\n");
    let chunk = "x".repeat(16_385);
    let raw = "transfer-encoding: chunked\r\n";
    let table = [
        ("GET /nowhere", "", 404, "not-found"),
        ("GET /problems/tea-pot", "", 404, "not-found"),
        ("GET /n/300", "", 404, "not-found"),
        ("GET /n/%FF", "", 404, "not-found"),
        ("DELETE /own", "", 405, "method-not-allowed"),
        (
            "POST /json",
            "content-type: text/plain\r\n",
            415,
            "unsupported-media-type",
        ),
        ("POST /json", &long, 413, "too-large"),
        ("POST /raw", raw, 413, "too-large"),
        ("GET /ws", "", 400, "bad-request"),
        ("GET /panic", "", 503, "try-again"),
    ];
    for (line, more, status, name) in table {
        for id in ["", "x-request-id: mine\r\n"] {
            let mut asked = request(line, &format!("{more}{id}"));
            if more.contains("chunked") {
                asked = format!("{asked}4001\r\n{chunk}\r\n0\r\n\r\n");
            }
            let reply = process.ask(&asked).await;
            let (head, body) = reply.split_once("\r\n\r\n").unwrap();
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status} ")),
                "{line} {head}"
            );
            assert!(
                head.contains("content-type: application/problem+json"),
                "{head}"
            );
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["type"], format!("/problems/{name}"), "{line}");
            let id_in_body = body["request_id"].as_str().unwrap();
            assert!(
                head.contains(&format!("x-request-id: {id_in_body}")),
                "{head}"
            );
            assert_eq!(id_in_body == "mine", !id.is_empty());
            assert_eq!(head.contains("allow: GET,HEAD"), status == 405, "{head}");
        }
    }
}

#[tokio::test]
async fn every_reply_carries_the_safety_headers_and_a_handlers_own_win() {
    let process = Process::start();
    let plain = process.ask(&request("GET /who", "")).await;
    for header in [
        "x-content-type-options: nosniff",
        "referrer-policy: same-origin",
        "content-security-policy: default-src 'self'",
        "frame-ancestors 'none'",
        "cross-origin-opener-policy: same-origin",
        "cache-control: no-store",
        "x-request-id: ",
    ] {
        assert!(plain.contains(header), "{plain}");
    }
    let own = process.ask(&request("GET /own", "")).await;
    assert!(own.contains("cache-control: max-age=1") && !own.contains("no-store"));
}

#[tokio::test]
async fn each_door_has_its_pages() {
    let process = Process::start();
    for (door, path, status, says) in [
        (process.public, "/", 200, "Stanchion"),
        (process.public, "/health", 200, r#"{"status":"healthy"}"#),
        (
            process.public,
            "/problems/sold-out",
            200,
            "Every coupon is gone",
        ),
        (
            process.ops,
            "/problems/sold-out",
            200,
            "Every coupon is gone",
        ),
        (process.public, "/api/openapi.json", 200, r#""openapi":"3."#),
        (process.ops, "/api/openapi.json", 200, r#""openapi":"3."#),
        (process.public, "/docs", 200, "<code>GET /health</code>"),
        (process.ops, "/docs", 200, "<code>GET /health</code>"),
        (process.public, "/docs/look.css", 200, "text/css"),
        (process.ops, "/health/live", 200, "live"),
        (process.ops, "/health/ready", 200, r#""status":"ready""#),
        (process.ops, "/metrics", 200, ""),
        (process.public, "/page", 404, "\r\n\r\n<p>No such drop"),
        (process.public, "/metrics", 404, "not-found"),
        (process.public, "/health/ready", 404, "not-found"),
    ] {
        let reply = exchange(door, &request(&format!("GET {path}"), "")).await;
        assert!(
            reply.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path} {reply}"
        );
        assert!(reply.contains(says), "{path} {reply}");
    }
}

#[tokio::test]
async fn the_client_is_found_behind_a_trusted_proxy() {
    let process = Process::start();
    let forwarded = "x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: 192.0.2.7\r\n";
    let reply = process.ask(&request("GET /who", forwarded)).await;
    assert!(reply.ends_with("192.0.2.7"), "{reply}");
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_takes_no_new_connection() {
    let process = Process::start();
    let running = tokio::spawn({
        let (door, line) = (process.public, request("GET /slow", ""));
        async move { exchange(door, &line).await }
    });
    let mut idle = TcpStream::connect(process.public).await.unwrap();
    process.asked.notified().await;

    process.lifecycle.stop();
    let mut nothing = [0];
    assert_eq!(idle.read(&mut nothing).await.unwrap(), 0, "closed");
    assert!(!process.lifecycle.is_drained());
    process.release.notify_one();
    assert!(running.await.unwrap().ends_with("done"));
    assert_eq!(process.lifecycle.finish(STOP_DEADLINE).await, Ending::Clean);
    assert!(process.lifecycle.is_drained());
    assert!(TcpStream::connect(process.public).await.is_err());
}

#[tokio::test]
async fn a_second_signal_ends_requests_that_do_not_finish() {
    let process = Process::start();
    let running = tokio::spawn({
        let (door, line) = (process.public, request("GET /slow", ""));
        async move { exchange(door, &line).await }
    });
    process.asked.notified().await;
    process.lifecycle.stop();
    let ending = process.lifecycle.finish(Duration::from_millis(1)).await;
    assert_eq!(ending, Ending::Forced);
    assert_eq!(running.await.unwrap(), "");
}
