//! The floors: a bare axum route that parses and answers JSON, a bare axum socket with 1 KiB buffers that answers its
//! first message, one that is pushed the same text twice a second. Served by this binary as a process of its own, so that its
//! processor time and memory are measured alike.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::load::{FULL, drive, request};
use crate::process::Meter;
use crate::report::{median, per_second};

/// As long as a position frame.
const PUSHED: &str = r#"{"type":"position","position":1234,"waiting":98000,"eta_s":{"low":60,"high":90},"rate_per_s":200,"stock_remaining":812,"at":"2026-01-01T00:00:00.000Z"}"#;

/// Serves the floor until killed; prints its address.
pub async fn serve() -> Result<()> {
    let (told, _) = watch::channel(Utf8Bytes::from_static(PUSHED));
    let teller = told.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        loop {
            ticks.tick().await;
            teller.send_modify(|_| {});
        }
    });
    let routes = Router::new()
        .route("/json", post(answer))
        .route("/socket", get(upgrade))
        .route("/pushed", get(pushed))
        .with_state(told);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

async fn answer(axum::Json(body): axum::Json<Value>) -> axum::Json<Value> {
    axum::Json(
        json!({"place_token": body["place_token"], "state": "waiting", "position": 1, "waiting": 1}),
    )
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(1_024)
        .write_buffer_size(0)
        .max_message_size(4_096)
        .on_upgrade(echo)
}

async fn pushed(
    State(told): State<watch::Sender<Utf8Bytes>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let told = told.subscribe();
    upgrade
        .read_buffer_size(1_024)
        .write_buffer_size(0)
        .max_message_size(4_096)
        .on_upgrade(move |socket| push(socket, told))
}

async fn push(mut socket: WebSocket, mut told: watch::Receiver<Utf8Bytes>) {
    while told.changed().await.is_ok() {
        let text = told.borrow_and_update().clone();
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message
            && socket.send(Message::Text(text)).await.is_err()
        {
            return;
        }
    }
}

/// A running floor.
pub struct Floor {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Floor {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("floor")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        Ok(Self {
            child,
            address: line.trim().parse()?,
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Requests per second of the bare route's processor time.
pub async fn route(rounds: usize, body: impl Fn(usize) -> String) -> Result<f64> {
    const REQUESTS: usize = 60_000;
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let bare = Floor::start()?;
        let requests: Vec<_> = (0..REQUESTS)
            .map(|number| request("POST", "/json", None, &body(number)))
            .collect();
        let meter = Meter::start(bare.pid())?;
        drive(bare.address, Arc::new(requests), FULL).await?;
        rates.push(per_second(REQUESTS, meter.used()?));
    }
    Ok(median(&mut rates))
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
