//! Idle WebSockets: memory each; then a moving line: positions pushed per second of server processor time. Beside bare axum
//! sockets with 1 KiB buffers, idle and pushed to.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use client::AdmissionChange;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use crate::enter;
use crate::floor::Floor;
use crate::load::{FULL, drive};
use crate::process::{self, Meter};
use crate::report::{Figure, per_second};
use crate::server::Server;

/// How long pushes are counted.
const WATCHED: Duration = Duration::from_secs(20);
/// Sockets opened at once.
const OPENING: usize = 200;

/// The sockets of one measurement: tasks that count the frames they hear, until dropped.
struct Crowd {
    heard: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Crowd {
    /// Opens `count` sockets and waits until each heard its first frame.
    async fn open(address: SocketAddr, path: &str, count: usize, hello: bool) -> Result<Self> {
        let heard = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Semaphore::new(OPENING));
        let (mut tasks, (opened, mut openings)) =
            (JoinSet::new(), tokio::sync::mpsc::unbounded_channel());
        let url = format!("ws://{address}{path}");
        for number in 0..count {
            let (heard, gate, opened, url) = (
                Arc::clone(&heard),
                Arc::clone(&gate),
                opened.clone(),
                url.clone(),
            );
            tasks.spawn(async move {
                let turn = gate.acquire_owned().await;
                let socket = open(
                    source(number),
                    address,
                    &url,
                    hello.then(|| enter::token(number)),
                )
                .await;
                let _ = opened.send(socket.as_ref().map(|_| ()).map_err(ToString::to_string));
                drop(turn);
                let Ok((mut socket, _)) = socket else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        heard.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..count {
            openings
                .recv()
                .await
                .context("every task tells")?
                .map_err(anyhow::Error::msg)?;
        }
        Ok(Self {
            heard,
            _tasks: tasks,
        })
    }

    /// Frames heard so far.
    fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

/// Where somebody connects from. Many addresses: of one, the kernel hands out 14,000 ports in microseconds, and looks for each further one
/// for many milliseconds (those that were closed just now count too).
pub fn source(number: usize) -> Ipv4Addr {
    let nth = u8::try_from(number % 250).unwrap_or(0);
    Ipv4Addr::new(127, 0, 1, nth + 1)
}

/// A client's socket.
pub type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// Opens one socket from `source`, an address of this machine, and hears its first frame.
pub async fn open(
    source: Ipv4Addr,
    address: SocketAddr,
    url: &str,
    token: Option<String>,
) -> Result<(Socket, String)> {
    let own = TcpSocket::new_v4()?;
    own.bind(SocketAddr::from((source, 0)))?;
    let stream = own.connect(address).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(1_024)
        .write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    let hello = token.map_or_else(
        || "hello".to_owned(),
        |token| format!(r#"{{"type":"hello","place_token":"{token}"}}"#),
    );
    socket.send(Message::text(hello)).await?;
    let first = socket
        .next()
        .await
        .context("the server closed the socket")??;
    ensure!(first.is_text(), "the server refused the socket: {first}");
    let first = first.into_text()?.to_string();
    Ok((socket, first))
}

/// Memory of an idle socket in bytes, pushes per second, pushes per second of processor time.
struct Measured {
    each: f64,
    pushed: f64,
    pushed_per_cpu_s: f64,
}

impl Measured {
    /// Opens the crowd, weighs it, lets `start` set the line moving, then counts for a while.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a crowd is far smaller than 2^53"
    )]
    async fn of(
        pid: u32,
        crowd: impl Future<Output = Result<Crowd>>,
        count: usize,
        start: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Self> {
        let before = process::resident(pid)?;
        let crowd = crowd.await?;
        let each = (process::resident(pid)? - before) / count as f64;
        start().await?;
        let (heard, meter) = (crowd.heard(), Meter::start(pid)?);
        tokio::time::sleep(WATCHED).await;
        let pushed = crowd.heard() - heard;
        let per_cpu_s = per_second(pushed, meter.used()?);
        Ok(Self {
            each,
            pushed: per_second(pushed, WATCHED),
            pushed_per_cpu_s: per_cpu_s,
        })
    }
}

/// Measures.
pub async fn measure(binary: &Path, sockets: usize) -> Result<Vec<Figure>> {
    let ours = ours(binary, sockets).await?;
    let idle = bare("/socket", sockets).await?;
    let told = bare("/pushed", sockets).await?;
    Ok(vec![
        Figure::ratio(
            &format!("{sockets} idle sockets: server memory each"),
            ours.each,
            "B",
            "bare axum socket",
            idle.each,
        ),
        Figure::plain("positions pushed", ours.pushed, "1/s"),
        Figure::ratio(
            "positions pushed per server CPU second",
            ours.pushed_per_cpu_s,
            "1/s",
            "bare axum sockets, one text for all",
            told.pushed_per_cpu_s,
        ),
    ])
}

/// Everyone waits; then ten people a second are let in.
async fn ours(binary: &Path, sockets: usize) -> Result<Measured> {
    let server = Server::embedded(binary)?;
    server.event("idle", 1_000_000, 0.0, "redis").await?;
    drive(
        server.public,
        Arc::new(enter::requests("idle", sockets)),
        FULL,
    )
    .await?;
    let path = "/api/v1/events/idle/places/me/live";
    let crowd = Crowd::open(server.public, path, sockets, true);
    let moving = AdmissionChange {
        rate_per_s: Some(10.0),
        ..AdmissionChange::default()
    };
    let start = async || {
        let changed = server.ops.set_admission("idle", &moving).await;
        changed.map(drop).map_err(Into::into)
    };
    Measured::of(server.pid(), crowd, sockets, start).await
}

/// The floor's sockets at `path`.
async fn bare(path: &str, sockets: usize) -> Result<Measured> {
    let bare = Floor::start()?;
    let crowd = Crowd::open(bare.address, path, sockets, false);
    Measured::of(bare.pid(), crowd, sockets, async || Ok(())).await
}
