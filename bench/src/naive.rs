//! The rival that anybody would build first: every second, for every socket, ZRANK in Redis and a new JSON text. Served by
//! this binary as a process of its own. Its asks are pipelined, and it reads neither the stock nor the number waiting.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use crate::enter;
use crate::process::{self, Meter};
use crate::redis::Redis;
use crate::report::per_second;
use crate::watchers::Watchers;

/// How often everybody is told.
const TICK: Duration = Duration::from_secs(1);
/// How long pushes are counted.
const WATCHED: Duration = Duration::from_secs(15);
/// Asks that go to Redis together at most.
const TOGETHER: usize = 1_024;

/// What a crowd cost the rival.
pub struct Cost {
    /// Microseconds of its processor time for each push.
    pub push_us: f64,
    /// Its processor time for each socket in one second, in microseconds; Redis' included.
    pub second_us: f64,
    /// Bytes of its memory for each socket.
    pub memory: f64,
}

/// Holds so many sockets of a line of so many people.
#[expect(
    clippy::cast_precision_loss,
    reason = "a crowd is far smaller than 2^53"
)]
pub async fn measure(people: usize, sockets: usize) -> Result<Cost> {
    let redis = Redis::start()?;
    for first in (0..people).step_by(1_000) {
        let scored = (first..people.min(first + 1_000))
            .flat_map(|number| [number.to_string(), enter::token(number)]);
        let command: Vec<String> = ["ZADD".to_owned(), "line".to_owned()]
            .into_iter()
            .chain(scored)
            .collect();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        redis.ask(&command)?;
    }
    let rival = Rival::start(redis.socket())?;
    let before = process::resident(rival.pid())?;
    let mut watchers = Watchers::start(rival.address, "/live")?;
    watchers.open(0, sockets, 0).await?;
    let memory = (process::resident(rival.pid())? - before) / sockets as f64;
    let (server, store) = (Meter::start(rival.pid())?, Meter::start(redis.pid())?);
    let heard = watchers.heard().await?.frames;
    tokio::time::sleep(WATCHED).await;
    let pushed = watchers.heard().await?.frames - heard;
    let (server, store) = (server.used()?, store.used()?);
    ensure!(pushed > 0, "the rival pushed nothing");
    Ok(Cost {
        push_us: server.as_secs_f64() * 1e6 / pushed as f64,
        second_us: per_second(1, WATCHED) * (server + store).as_secs_f64() * 1e6 / sockets as f64,
        memory,
    })
}

/// A running rival.
struct Rival {
    child: Child,
    address: SocketAddr,
}

impl Rival {
    fn start(redis: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("naive")
            .arg(redis)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        Ok(Self {
            child,
            address: line.trim().parse()?,
        })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the rival until killed; prints its address.
pub async fn serve(redis: PathBuf) -> Result<()> {
    let (ask, asks) = mpsc::unbounded_channel();
    let stream = UnixStream::connect(redis).await?;
    tokio::spawn(async move {
        if let Err(failure) = pipeline(stream, asks).await {
            eprintln!("the rival's Redis failed: {failure:#}");
        }
    });
    let routes = Router::new().route("/live", get(upgrade)).with_state(ask);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

/// Somebody's rank is wanted.
type Ask = (String, oneshot::Sender<Option<u64>>);

/// Asks for ranks, as many together as are wanted, on one connection.
async fn pipeline(stream: UnixStream, mut asks: mpsc::UnboundedReceiver<Ask>) -> Result<()> {
    let (replies, mut commands) = stream.into_split();
    let mut replies = tokio::io::BufReader::new(replies).lines();
    let mut wanted = Vec::new();
    while asks.recv_many(&mut wanted, TOGETHER).await > 0 {
        let mut batch = String::new();
        for (place, _) in &wanted {
            batch.extend(["ZRANK line ", place, "\r\n"]);
        }
        commands.write_all(batch.as_bytes()).await?;
        for (_, tell) in wanted.drain(..) {
            let reply = replies.next_line().await?.context("Redis is gone")?;
            // Whoever asked may have gone.
            let _ = tell.send(reply.strip_prefix(':').and_then(|rank| rank.parse().ok()));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Hello {
    place_token: String,
}

#[derive(Serialize)]
struct Told {
    r#type: &'static str,
    position: u64,
    waiting: u64,
    eta_s: Eta,
    rate_per_s: f64,
    stock_remaining: u64,
    at: &'static str,
}

#[derive(Serialize)]
struct Eta {
    low: u64,
    high: u64,
}

async fn upgrade(
    State(ranks): State<mpsc::UnboundedSender<Ask>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| push(socket, ranks))
}

/// Tells one person their position, tick by tick, until they are gone.
async fn push(mut socket: WebSocket, ranks: mpsc::UnboundedSender<Ask>) {
    let Some(Ok(Message::Text(hello))) = socket.recv().await else {
        return;
    };
    let Ok(Hello { place_token }) = serde_json::from_str(&hello) else {
        return;
    };
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let (tell, told) = oneshot::channel();
        if ranks.send((place_token.clone(), tell)).is_err() {
            return;
        }
        let Ok(Some(rank)) = told.await else { return };
        let position = Told {
            r#type: "position",
            position: rank + 1,
            waiting: 98_000,
            eta_s: Eta { low: 60, high: 90 },
            rate_per_s: 200.0,
            stock_remaining: 812,
            at: "2026-01-01T00:00:00.000Z",
        };
        let Ok(text) = serde_json::to_string(&position) else {
            return;
        };
        if socket.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
}
