//! The draw of a large lobby: how long and with how much processor time, and for how long Redis did nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::{AdmissionChange, EventPut, Phase};
use tokio::time::sleep;

use crate::crowd::enter_all;
use crate::process::Meter;
use crate::redis::Redis;
use crate::report::Figure;
use crate::server::Server;

/// The lobby's event.
const EVENT: &str = "lobby";
/// Commands that took so long are kept, in microseconds.
const SLOW_US: &str = "5000";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Draws a lobby of so many people.
pub async fn measure(binary: &Path, people: usize) -> Result<Vec<Figure>> {
    let redis = Redis::start()?;
    let shared = redis.shared();
    let arguments: Vec<&str> = shared.iter().map(String::as_str).collect();
    let server = Server::start(binary, &arguments)?;
    lobby(&server).await?;
    enter_all(server.public, EVENT, 0..people).await?;
    // What the ledger still has to read is no part of a draw.
    until(async || Ok(server.ops.event(EVENT).await?.ledger_lag == 0)).await?;
    redis.ask(&[
        "CONFIG",
        "SET",
        "slowlog-log-slower-than",
        SLOW_US,
        "slowlog-max-len",
        "10000",
    ])?;
    redis.ask(&["SLOWLOG", "RESET"])?;
    let (process, store) = (Meter::start(server.pid())?, Meter::start(redis.pid())?);
    let began = Instant::now();
    server.ops.move_phase(EVENT, Phase::Open).await?;
    until(async || Ok(is_drawn(&redis)?)).await?;
    let took = began.elapsed();
    let (process, store) = (process.used()?, store.used()?);
    let (longest_ms, what) = longest(&redis)?;
    Ok(vec![
        figure(
            people,
            "from the opening to the order",
            took.as_secs_f64(),
            "s",
        ),
        figure(people, "CPU of the server", process.as_secs_f64(), "s"),
        figure(
            people,
            "CPU of Redis (AOF always)",
            store.as_secs_f64(),
            "s",
        ),
        figure(
            people,
            &format!("longest time that Redis did nothing else ({what})"),
            longest_ms,
            "ms",
        ),
    ])
}

/// Makes the lobby that will be drawn.
async fn lobby(server: &Server) -> Result<()> {
    let lobby = EventPut {
        title: Some(EVENT.to_owned()),
        stock: Some(1_000),
        phase: Some(Phase::Lobby),
        others: [
            ("ack".to_owned(), "redis".into()),
            ("order".to_owned(), "draw".into()),
        ]
        .into_iter()
        .collect(),
        admission: AdmissionChange {
            rate_per_s: Some(0.0),
            ..AdmissionChange::default()
        },
    };
    server.ops.put_event(EVENT, &lobby).await?;
    Ok(())
}

fn figure(people: usize, what: &str, value: f64, unit: &'static str) -> Figure {
    Figure::plain(&format!("draw of {people}: {what}"), value, unit)
}

fn is_drawn(redis: &Redis) -> Result<bool> {
    let state = redis.ask(&["HGET", &format!("line:{{{EVENT}}}:draw"), "state"])?;
    Ok(state.trim() == "done")
}

/// The longest command since the log was emptied, in milliseconds, and its name or its script's fingerprint.
fn longest(redis: &Redis) -> Result<(f64, String)> {
    let log = redis.ask(&["--json", "SLOWLOG", "GET", "-1"])?;
    let log: Vec<serde_json::Value> = serde_json::from_str(&log).context("SLOWLOG as JSON")?;
    let longest = log
        .iter()
        .max_by_key(|entry| entry[2].as_u64().unwrap_or_default());
    let Some(entry) = longest else {
        return Ok((0.0, format!("none above {SLOW_US} us")));
    };
    let words = [&entry[3][0], &entry[3][1]].map(|word| {
        let word = word.as_str().unwrap_or_default();
        word.chars().take(12).collect::<String>()
    });
    let taken = Duration::from_micros(entry[2].as_u64().unwrap_or_default());
    Ok((taken.as_secs_f64() * 1_000.0, words.join(" ")))
}

async fn until(is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !is_so().await? {
        ensure!(began.elapsed() < PATIENCE, "it does not come to pass");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
