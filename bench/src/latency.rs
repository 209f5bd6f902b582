//! The ack levels beside each other, on the embedded default and on the full stack (Redis, Kafka, PostgreSQL): throughput against
//! level `redis` of the same run, and latency at about half of it. The latency of a request counts from when it was due.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::load::{FULL, Outcome, Pace, drive};
use crate::redeem;
use crate::report::{Figure, per_second};
use crate::stack::Stack;

const COUPONS: usize = 20_000;

/// Measures.
pub async fn measure(binary: &Path) -> Result<Vec<Figure>> {
    let embedded = Stack::embedded(binary)?;
    let mut figures = levels("embedded", &embedded, &["redis", "ledger"]).await?;
    drop(embedded);
    let full = Stack::full(binary)?;
    figures.extend(levels("full stack", &full, &["redis", "log", "ledger"]).await?);
    Ok(figures)
}

/// Throughput and latency of each level; the first is what the others are compared with.
async fn levels(name: &str, stack: &Stack, levels: &[&str]) -> Result<Vec<Figure>> {
    let (mut figures, mut first) = (Vec::new(), None);
    for level in levels {
        let outcome = redeemed(stack, level, FULL).await?;
        let most = per_second(COUPONS, outcome.elapsed);
        let told = format!("redeem, {name}, ack {level}: per second on the shared machine");
        figures.push(match first {
            None => Figure::plain(&told, most, "1/s"),
            Some(first) => Figure::ratio(&told, most, "1/s", "ack redis", first),
        });
        first = first.or(Some(most));
        let half = Pace {
            connections: 256,
            per_s: Some(most / 2.0),
            keep_bodies: false,
        };
        let outcome = redeemed(stack, level, half).await?;
        for (quantile, told) in [(0.5, "p50"), (0.99, "p99")] {
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of a latency are far below 2^53"
            )]
            let ms = outcome.latency.value_at_quantile(quantile) as f64 / 1_000.0;
            let half = most / 2.0;
            let told = format!("redeem, {name}, ack {level}: {told} at half load ({half:.0}/s)");
            figures.push(Figure::plain(&told, ms, "ms"));
        }
    }
    Ok(figures)
}

/// Redeems the tickets of a new event; everything is in the ledger before and after.
async fn redeemed(stack: &Stack, level: &str, pace: Pace) -> Result<Outcome> {
    let event = match pace.per_s {
        None => format!("full-{level}"),
        Some(_) => format!("half-{level}"),
    };
    let requests = redeem::tickets(&stack.server, &event, COUPONS, level).await?;
    stack.is_at_rest(&event).await?;
    let outcome = drive(stack.server.public, Arc::new(requests), pace).await?;
    ensure!(
        outcome.statuses == [(200, COUPONS)].into(),
        "redeeming failed: {:?}",
        outcome.statuses
    );
    stack.is_at_rest(&event).await?;
    Ok(outcome)
}
