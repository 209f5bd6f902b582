//! A light HTTP/1.1 load generator: keep-alive connections that each send the next prepared request when the last is
//! answered. It does little per request, so that the server gets the machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::{Meter, redis_child};
use crate::report::per_second;
use crate::server::Server;

/// What came of a load.
pub struct Outcome {
    /// How long it took.
    pub elapsed: Duration,
    /// Latencies in microseconds.
    pub latency: Histogram<u64>,
    /// Replies by status.
    pub statuses: std::collections::BTreeMap<u16, usize>,
    /// The bodies, in the order of the requests, when they were asked for.
    pub bodies: Vec<Vec<u8>>,
}

/// How to send.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Connections at once.
    pub connections: usize,
    /// Requests per second over all connections; `None` as fast as answers come.
    pub per_s: Option<f64>,
    /// Keep the bodies.
    pub keep_bodies: bool,
}

/// The load of the throughput measurements.
pub const FULL: Pace = Pace {
    connections: 64,
    per_s: None,
    keep_bodies: false,
};

/// What one load cost, as work per second.
pub struct Round {
    /// Per second of the server's processor time.
    pub server: f64,
    /// Per second of its Redis child's processor time.
    pub redis: f64,
    /// Per second on the clock.
    pub wall: f64,
}

/// Sends every request to `server` and meters it; every answer must be `status`.
pub async fn metered(server: &Server, requests: Vec<Vec<u8>>, status: u16) -> Result<Round> {
    let store = redis_child(server.pid()).context("the server has no Redis of its own")?;
    metered_with(server, store, requests, status).await
}

/// The same with the process of the Redis that `server` uses.
pub async fn metered_with(
    server: &Server,
    store: u32,
    requests: Vec<Vec<u8>>,
    status: u16,
) -> Result<Round> {
    let count = requests.len();
    let (role, store) = (Meter::start(server.pid())?, Meter::start(store)?);
    let outcome = drive(server.public, Arc::new(requests), FULL).await?;
    ensure!(
        outcome.statuses == [(status, count)].into(),
        "not every answer was {status}: {:?}",
        outcome.statuses
    );
    Ok(Round {
        server: per_second(count, role.used()?),
        redis: per_second(count, store.used()?),
        wall: per_second(count, outcome.elapsed),
    })
}

/// One HTTP request as bytes.
pub fn request(method: &str, path: &str, bearer: Option<&str>, body: &str) -> Vec<u8> {
    let credential = bearer
        .map(|token| format!("authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\n{credential}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends every request once.
pub async fn drive(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    pace: Pace,
) -> Result<Outcome> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..pace.connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        workers.spawn(async move { connection(address, &requests, &next, pace, began).await });
    }
    let mut all = Outcome {
        elapsed: Duration::ZERO,
        latency: Histogram::new(3)?,
        statuses: std::collections::BTreeMap::new(),
        bodies: vec![Vec::new(); if pace.keep_bodies { requests.len() } else { 0 }],
    };
    while let Some(worker) = workers.join_next().await {
        for (index, status, latency, body) in worker?? {
            *all.statuses.entry(status).or_default() += 1;
            all.latency
                .record(u64::try_from(latency.as_micros())?.max(1))?;
            if let (Some(slot), Some(body)) = (all.bodies.get_mut(index), body) {
                *slot = body;
            }
        }
    }
    all.elapsed = began.elapsed();
    Ok(all)
}

type Answer = (usize, u16, Duration, Option<Vec<u8>>);

async fn connection(
    address: SocketAddr,
    requests: &[Vec<u8>],
    next: &AtomicUsize,
    pace: Pace,
    began: Instant,
) -> Result<Vec<Answer>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4_096);
    let mut answers = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(index) else {
            return Ok(answers);
        };
        let mut due = Instant::now();
        if let Some(per_s) = pace.per_s {
            // Latency counts from when the request was due, so that a stall is not hidden by the waiting of the generator.
            #[expect(
                clippy::cast_precision_loss,
                reason = "a load has far fewer than 2^53 requests"
            )]
            let at = began + Duration::from_secs_f64(index as f64 / per_s);
            tokio::time::sleep_until(at.into()).await;
            due = at;
        }
        stream.write_all(request).await?;
        let (status, body) = reply(&mut stream, &mut buffer).await?;
        answers.push((
            index,
            status,
            due.elapsed(),
            pace.keep_bodies.then_some(body),
        ));
    }
}

/// Reads one reply with a Content-Length.
async fn reply(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, Vec<u8>)> {
    buffer.clear();
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    let status: u16 = text.split(' ').nth(1).context("no status")?.parse()?;
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(Ok(0), |length| length.trim().parse())?;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection in the middle of a reply");
        }
    }
    Ok((status, buffer[head..head + length].to_vec()))
}
