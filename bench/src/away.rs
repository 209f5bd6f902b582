//! A store goes away in mid-drop, at a steady rate of redeems: what is heard at each ack level meanwhile, how long the outbox
//! grows, and how fast everything is caught up. Whatever was answered pending is asked again afterwards: everybody has one
//! coupon of their own, and Redis, log and ledger agree.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::load::{Outcome, Pace, drive};
use crate::redeem;
use crate::report::{Figure, per_second};
use crate::stack::Stack;

/// How long a redeem waits for its level before it is answered pending.
const PENDING_AFTER: usize = 5;
/// Seconds of the same load before, for comparison.
const BEFORE_S: usize = 10;
/// How often the lags are read.
const SAMPLED: Duration = Duration::from_millis(100);

/// What goes away.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// The log.
    Kafka,
    /// The ledger.
    Postgres,
}

/// How long, and at how many redeems a second.
#[derive(Clone, Copy)]
pub struct Away {
    /// Which; none is each in its turn.
    pub store: Option<Store>,
    /// Seconds.
    pub lasts_s: usize,
    /// Redeems per second.
    pub per_s: usize,
}

/// Measures; at each level a drop of its own.
pub async fn measure(binary: &Path, away: Away) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (store, level) in [
        (Store::Kafka, "redis"),
        (Store::Kafka, "log"),
        (Store::Kafka, "ledger"),
        (Store::Postgres, "redis"),
        (Store::Postgres, "log"),
    ] {
        if away.store.is_none_or(|wanted| wanted == store) {
            figures.extend(drop_without(binary, store, level, away).await?);
        }
    }
    Ok(figures)
}

async fn drop_without(binary: &Path, store: Store, level: &str, away: Away) -> Result<Vec<Figure>> {
    let mut stack = Stack::full(binary)?;
    let (before, during) = (BEFORE_S * away.per_s, away.lasts_s * away.per_s);
    let everybody = redeem::tickets(&stack.server, level, before + during, level).await?;
    let (first, rest) = everybody.split_at(before);
    stack.is_at_rest(level).await?;
    let waits = level == "ledger" || store == Store::Kafka && level == "log";
    let pace = Pace {
        connections: if waits {
            (PENDING_AFTER + 1) * away.per_s
        } else {
            512
        },
        per_s: Some(float(away.per_s)),
        keep_bodies: true,
    };
    let usual = drive(stack.server.public, Arc::new(first.to_vec()), pace).await?;
    set(&mut stack, store, false)?;
    let lags = Lags::watch(&stack, level);
    let outcome = drive(stack.server.public, Arc::new(rest.to_vec()), pace).await?;
    set(&mut stack, store, true)?;
    let back = Instant::now();
    stack.is_at_rest(level).await?;
    let lags = lags.stop().await?;
    let heard = usual.bodies.iter().chain(&outcome.bodies);
    everybody_has_one(&stack, everybody, heard).await?;
    stack.agrees(level, before + during)?;
    Ok(told(
        store,
        level,
        away,
        &usual,
        &outcome,
        &lags.since(back),
    ))
}

/// Takes a store away, as a crash would, or brings it back.
fn set(stack: &mut Stack, store: Store, is_there: bool) -> Result<()> {
    let stores = stack.stores()?;
    block_in_place(|| match (store, is_there) {
        (Store::Kafka, false) => stores.kafka.stop(),
        (Store::Kafka, true) => stores.kafka.start_again(),
        (Store::Postgres, false) => stores.postgres.stop(),
        (Store::Postgres, true) => stores.postgres.start_again(),
    })
}

/// Asks everybody's ticket again: each has a coupon that nobody else has, and the one that was heard of before.
async fn everybody_has_one(
    stack: &Stack,
    asked: Vec<Vec<u8>>,
    heard: impl Iterator<Item = &Vec<u8>>,
) -> Result<()> {
    let mut codes = BTreeSet::new();
    let answers = stack.answered(&Arc::new(asked)).await?;
    for (before, now) in heard.zip(&answers) {
        let now = code(now).context("a pass")?;
        let before = code(before);
        ensure!(
            before.as_ref().is_none_or(|before| *before == now),
            "{before:?} was heard, then {now}"
        );
        ensure!(codes.insert(now.clone()), "{now} was given twice");
    }
    Ok(())
}

/// The code in an answer, if it is a pass.
fn code(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    Some(answer["coupon"]["code"].as_str()?.to_owned())
}

fn told(
    store: Store,
    level: &str,
    away: Away,
    usual: &Outcome,
    outcome: &Outcome,
    lags: &CaughtUp,
) -> Vec<Figure> {
    let name = named(store, level, away);
    let (p99, before) = (p99_ms(outcome), p99_ms(usual));
    eprintln!(
        "{name}: answers {:?}, p99 {p99} ms (before {before}), {lags:?}",
        outcome.statuses
    );
    let figure = |what: &str, value, unit| Figure::plain(&format!("{name}: {what}"), value, unit);
    let answered = |status| outcome.statuses.get(&status).copied().unwrap_or_default();
    let mut figures = vec![
        figure("passes heard", float(answered(200)), ""),
        figure("answered pending", float(answered(202)), ""),
        Figure::ratio(
            &format!("{name}: p99"),
            p99,
            "ms",
            "the 10 s before",
            before,
        ),
    ];
    if store == Store::Kafka {
        figures.push(figure(
            "longest outbox",
            float(lags.longest_outbox),
            "records",
        ));
    }
    figures.push(figure("the ledger lacked", float(lags.owed), "records"));
    figures.push(figure(
        "all in the ledger after",
        lags.took.as_secs_f64(),
        "s",
    ));
    figures.push(figure(
        "caught up, from its first record on",
        lags.rows_per_s,
        "1/s",
    ));
    figures
}

/// What was away, for how long, and what was asked meanwhile.
fn named(store: Store, level: &str, away: Away) -> String {
    let name = match store {
        Store::Kafka => "Kafka",
        Store::Postgres => "PostgreSQL",
    };
    let Away { lasts_s, per_s, .. } = away;
    format!("{name} away {lasts_s} s at {per_s}/s, ack {level}")
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a latency are far below 2^53"
)]
fn p99_ms(outcome: &Outcome) -> f64 {
    outcome.latency.value_at_quantile(0.99) as f64 / 1_000.0
}

/// An event's lags, read all the time: when, records not in the log, records not in the ledger.
struct Lags(Vec<(Instant, usize, usize)>);

struct Watching(JoinHandle<Lags>, tokio::sync::oneshot::Sender<()>);

impl Lags {
    fn watch(stack: &Stack, event: &str) -> Watching {
        let (ops, event) = (stack.server.ops.clone(), event.to_owned());
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let watching = tokio::spawn(async move {
            let mut lags = Vec::new();
            while stopped.try_recv().is_err() {
                if let Ok(event) = ops.event(&event).await {
                    let whole = |lag: u64| usize::try_from(lag).unwrap_or(usize::MAX);
                    lags.push((
                        Instant::now(),
                        whole(event.outbox_lag),
                        whole(event.ledger_lag),
                    ));
                }
                sleep(SAMPLED).await;
            }
            Lags(lags)
        });
        Watching(watching, stop)
    }

    /// How it was caught up after the store came back.
    fn since(&self, back: Instant) -> CaughtUp {
        let after: Vec<_> = self.0.iter().filter(|(at, ..)| *at >= back).collect();
        let owed = after.first().map_or(0, |(.., ledger)| *ledger);
        let begun = after.iter().rev().find(|(.., ledger)| *ledger == owed);
        let ended = after.iter().find(|(.., ledger)| *ledger == 0);
        let (begun, ended) = (
            begun.map_or(back, |(at, ..)| *at),
            ended.map_or(back, |(at, ..)| *at),
        );
        CaughtUp {
            longest_outbox: self
                .0
                .iter()
                .map(|(_, outbox, _)| *outbox)
                .max()
                .unwrap_or(0),
            owed,
            took: ended.saturating_duration_since(back),
            rows_per_s: per_second(owed, ended.saturating_duration_since(begun)),
        }
    }
}

impl Watching {
    async fn stop(self) -> Result<Lags> {
        // Once more, so that the end is among them.
        sleep(2 * SAMPLED).await;
        let _ = self.1.send(());
        Ok(self.0.await?)
    }
}

/// How the ledger caught up.
#[derive(Debug)]
struct CaughtUp {
    longest_outbox: usize,
    /// Records that it lacked when the store was back.
    owed: usize,
    took: Duration,
    rows_per_s: f64,
}
