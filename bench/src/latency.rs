//! Latency of redeeming at about half of what the machine does, for each ack level of the embedded default. The latency of
//! a request counts from when it was due.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};

use crate::load::{FULL, Pace, drive};
use crate::redeem;
use crate::report::{Figure, per_second};
use crate::server::Server;

const COUPONS: usize = 20_000;

/// Measures.
pub async fn measure(binary: &Path) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for level in ["redis", "ledger"] {
        let server = Server::embedded(binary)?;
        let requests = Arc::new(redeem::tickets(&server, "full", COUPONS, level).await?);
        let most = per_second(COUPONS, drive(server.public, requests, FULL).await?.elapsed);
        let half = Pace {
            connections: 256,
            per_s: Some(most / 2.0),
            keep_bodies: false,
        };
        let requests = Arc::new(redeem::tickets(&server, "half", COUPONS, level).await?);
        let outcome = drive(server.public, requests, half).await?;
        ensure!(
            outcome.statuses == [(200, COUPONS)].into(),
            "redeeming failed: {:?}",
            outcome.statuses
        );
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            #[expect(
                clippy::cast_precision_loss,
                reason = "microseconds of a latency are far below 2^53"
            )]
            let ms = outcome.latency.value_at_quantile(quantile) as f64 / 1_000.0;
            figures.push(Figure::plain(
                &format!(
                    "redeem, ack {level}: {name} at half load ({:.0}/s)",
                    most / 2.0
                ),
                ms,
                "ms",
            ));
        }
    }
    Ok(figures)
}
