//! Coupons without a line: claims of a hot coupon and what those hear who come too late, codes handed out from a book, and a million
//! codes loaded and made.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::{AdmissionChange, EventPut, Phase};
use serde_json::{Value, json};

use crate::load::{FULL, Outcome, Pace, drive, request};
use crate::process::{self, Meter};
use crate::redis;
use crate::report::{Figure, per_second};
use crate::server::{Server, TOKEN};
use crate::stack::Stack;

/// Coupons of the hot coupon, each for another person.
const CLAIMS: usize = 20_000;
/// People who come too late.
const TOO_LATE: usize = 30_000;
/// Codes of the book that is handed out.
const CODES: usize = 10_000;
/// Codes that are loaded, and codes that are made.
const MANY: usize = 1_000_000;
/// How long making them may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Measures claims and books.
pub async fn measure(binary: &Path) -> Result<Vec<Figure>> {
    let embedded = Stack::embedded(binary)?;
    let mut figures = hot_coupon("embedded", &embedded, &["redis", "ledger"]).await?;
    drop(embedded);
    figures.extend(books(binary).await?);
    let full = Stack::full(binary)?;
    figures.extend(hot_coupon("full stack", &full, &["redis", "log", "ledger"]).await?);
    figures.extend(handed_out("full stack", &full.server, &["redis", "log", "ledger"]).await?);
    Ok(figures)
}

/// Measures books alone, on the embedded default.
pub async fn books(binary: &Path) -> Result<Vec<Figure>> {
    let embedded = Server::embedded(binary)?;
    let mut figures = handed_out("embedded", &embedded, &["redis", "ledger"]).await?;
    drop(embedded);
    figures.extend(loaded(&Server::embedded(binary)?).await?);
    figures.extend(made(&Server::embedded(binary)?).await?);
    Ok(figures)
}

/// Claims of one coupon at each level, until it is sold out and on.
async fn hot_coupon(name: &str, stack: &Stack, levels: &[&str]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for level in levels {
        let coupon = format!("hot-{level}");
        let put = EventPut {
            title: Some(coupon.clone()),
            stock: Some(u64::try_from(CLAIMS)?),
            phase: Some(Phase::Open),
            others: [("ack", json!(level)), ("line", json!(false))]
                .map(|(field, value)| (field.to_owned(), value))
                .into_iter()
                .collect(),
            admission: AdmissionChange::default(),
        };
        stack.server.ops.put_event(&coupon, &put).await?;
        let (people, late) = (0..CLAIMS, CLAIMS..CLAIMS + TOO_LATE);
        let claimed = asked(stack.server.public, claims(&coupon, people), 200).await?;
        let refused = asked(stack.server.public, claims(&coupon, late), 400).await?;
        stack.is_at_rest(&coupon).await?;
        figures.extend(told(&format!("claim, {name}, ack {level}"), &claimed));
        figures.extend(told(&format!("sold out, {name}, ack {level}"), &refused));
    }
    Ok(figures)
}

/// The claims of these people.
fn claims(coupon: &str, people: Range<usize>) -> Vec<Vec<u8>> {
    let body = |number| json!({"user_id": format!("user-{number}"), "coupon_name": coupon});
    people
        .map(|number| {
            request(
                "POST",
                "/api/coupons/claim",
                None,
                &body(number).to_string(),
            )
        })
        .collect()
}

/// Every code of a book of each level, each to another person, by a program with a service key.
async fn handed_out(stack: &str, server: &Server, levels: &[&str]) -> Result<Vec<Figure>> {
    let list: Vec<String> = (0..CODES).map(|number| format!("CODE-{number}")).collect();
    let codes = json!({ "codes": list }).to_string();
    let mut figures = Vec::new();
    for level in levels {
        let spring = format!("spring-{level}");
        book(server, &json!({"title": spring, "ack": level}), &spring).await?;
        let path = format!("/books/{spring}/codes");
        answered(
            server,
            staff("POST", &path, "application/json", &codes),
            201,
        )
        .await?;
        let key = json!({"name": spring, "books": [spring]}).to_string();
        let key = staff("POST", "/service-keys", "application/json", &key);
        let key = answered(server, key, 201).await?;
        let key = key["key"].as_str().context("a service key has a secret")?;
        let path = format!("/api/v1/books/{spring}/assignments");
        let body = |number| json!({"user_id": format!("user-{number}")}).to_string();
        let requests = (0..CODES).map(|number| request("POST", &path, Some(key), &body(number)));
        let meter = Meter::start(server.pid())?;
        let assigned = asked(server.public, requests.collect(), 201).await?;
        let used = per_second(CODES, meter.used()?);
        let name = format!("assign from a book of {CODES}, {stack}, ack {level}");
        figures.extend(told(&name, &assigned));
        let name = format!("{name}: per server CPU second");
        figures.push(Figure::plain(&name, used, "1/s"));
    }
    Ok(figures)
}

/// A million codes as CSV.
async fn loaded(server: &Server) -> Result<[Figure; 4]> {
    book(server, &json!({"title": "loaded"}), "loaded").await?;
    let mut csv = String::from("code\r\n");
    for number in 0..MANY {
        write!(csv, "SUMMER-{number:0>12}\r\n")?;
    }
    let upload = staff("POST", "/books/loaded/codes", "text/csv", &csv);
    let watch = Watch::begin(server)?;
    let answer = answered(server, upload, 201).await?;
    ensure!(answer["accepted"] == MANY, "not all were taken: {answer}");
    watch.figures("1,000,000 codes loaded as CSV")
}

/// A million codes by a pattern.
async fn made(server: &Server) -> Result<[Figure; 4]> {
    book(server, &json!({"title": "made"}), "made").await?;
    let body = json!({"count": MANY, "code_pattern": "SUMMER-{}"}).to_string();
    let watch = Watch::begin(server)?;
    let order = staff("POST", "/books/made/generate", "application/json", &body);
    let mut job = answered(server, order, 202).await?;
    while job["state"] != "done" {
        ensure!(
            job["state"] != "failed" && watch.began.elapsed() < PATIENCE,
            "they were not made: {job}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        let id = job["id"].as_str().context("a job has an id")?;
        let look = staff("GET", &format!("/jobs/{id}"), "application/json", "");
        job = answered(server, look, 200).await?;
    }
    watch.figures("1,000,000 codes made by pattern")
}

/// What a server and its Redis need for something.
struct Watch<'a> {
    server: &'a Server,
    socket: PathBuf,
    began: Instant,
    meter: Meter,
}

impl<'a> Watch<'a> {
    /// From now on. Redis notes each call that takes it a millisecond or more.
    fn begin(server: &'a Server) -> Result<Self> {
        let socket = server.folder().join("redis").join("redis.sock");
        redis::ask(
            &socket,
            &["config", "set", "slowlog-log-slower-than", "1000"],
        )?;
        redis::ask(&socket, &["config", "set", "slowlog-max-len", "100000"])?;
        redis::ask(&socket, &["slowlog", "reset"])?;
        Ok(Self {
            server,
            socket,
            began: Instant::now(),
            meter: Meter::start(server.pid())?,
        })
    }

    /// How long it took, what the server used, the most memory that it ever had, and for how long one call held Redis up at most.
    fn figures(&self, name: &str) -> Result<[Figure; 4]> {
        let took = self.began.elapsed().as_secs_f64();
        let used = self.meter.used()?.as_secs_f64();
        let peak = process::most_resident(self.server.pid())? / 1e6;
        let longest = self.longest_call_ms()?;
        Ok([
            Figure::plain(name, took, "s"),
            Figure::plain(&format!("{name}: CPU of the server"), used, "s"),
            Figure::plain(&format!("{name}: most memory of the server"), peak, "MB"),
            Figure::plain(&format!("{name}: longest call of Redis"), longest, "ms"),
        ])
    }

    /// The longest call since the beginning; 0 when none took a millisecond.
    fn longest_call_ms(&self) -> Result<f64> {
        const LONGEST: &str = "local most = 0 for _, call in ipairs(redis.call('SLOWLOG', 'GET', '-1')) do \
                               most = math.max(most, call[3]) end return tostring(most / 1000)";
        let longest = redis::ask(&self.socket, &["eval", LONGEST, "0"])?;
        Ok(longest.trim().parse()?)
    }
}

async fn book(server: &Server, rules: &Value, book: &str) -> Result<()> {
    let path = format!("/books/{book}");
    let put = staff("PUT", &path, "application/json", &rules.to_string());
    answered(server, put, 201).await.map(drop)
}

/// A call of the ops door.
fn staff(method: &str, path: &str, kind: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} /api/v1/admin{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Its answer.
async fn answered(server: &Server, request: Vec<u8>, status: u16) -> Result<Value> {
    let door = server.ops_url.trim_start_matches("http://").parse()?;
    let one = Pace {
        connections: 1,
        per_s: None,
        keep_bodies: true,
    };
    let outcome = drive(door, Arc::new(vec![request]), one).await?;
    let body = outcome.bodies.first().context("one answer")?;
    let text = String::from_utf8_lossy(body);
    ensure!(outcome.statuses == [(status, 1)].into(), "{text}");
    Ok(serde_json::from_slice(body)?)
}

/// Sends every request by 64 connections; every answer must be `status`.
async fn asked(door: SocketAddr, requests: Vec<Vec<u8>>, status: u16) -> Result<Outcome> {
    let count = requests.len();
    let outcome = drive(door, Arc::new(requests), FULL).await?;
    ensure!(
        outcome.statuses == [(status, count)].into(),
        "not every answer was {status}: {:?}",
        outcome.statuses
    );
    Ok(outcome)
}

/// Throughput and latency of a load.
fn told(name: &str, outcome: &Outcome) -> [Figure; 3] {
    let count = outcome.statuses.values().sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of a latency are far below 2^53"
    )]
    let ms = |quantile| outcome.latency.value_at_quantile(quantile) as f64 / 1_000.0;
    [
        Figure::plain(
            &format!("{name}: per second on the shared machine"),
            per_second(count, outcome.elapsed),
            "1/s",
        ),
        Figure::plain(&format!("{name}: p50"), ms(0.5), "ms"),
        Figure::plain(&format!("{name}: p99"), ms(0.99), "ms"),
    ]
}
