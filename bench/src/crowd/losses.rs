//! What becomes of a crowd when Redis is killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use tokio::time::sleep;

use super::{Crowd, EVENT, PATIENCE, WARM, as_float};
use crate::enter;
use crate::load::{Pace, drive, request};
use crate::report::Figure;

/// By then everybody heard of what happened before.
const EVERYBODY: Duration = Duration::from_secs(18);

impl Crowd {
    /// Redis is killed and started again while the line moves.
    pub(super) async fn without_redis(&mut self) -> Result<Vec<Figure>> {
        self.until(async |crowd| Ok(crowd.figures().await?.ledger_lag == 0))
            .await
            .context("the ledger does not have all places")?;
        let before = self.figures().await?.admitted;
        let began = Instant::now();
        self.redis.kill_and_start_again()?;
        self.until(async |crowd| Ok(crowd.figures().await?.admitted > before))
            .await?;
        let moves = began.elapsed();
        // Somebody far back hears a new position only at their pace: ask for theirs.
        let right = loop {
            if self.is_right(before).await.unwrap_or(false) {
                break began.elapsed();
            }
            ensure!(began.elapsed() < PATIENCE, "positions stay wrong");
        };
        sleep(WARM).await;
        let admitted = self.stand_still().await?;
        sleep(EVERYBODY).await;
        let judged = self.parts.iter_mut().map(|part| part.judged(admitted));
        let judged = try_join_all(judged).await?;
        let wrong: u64 = judged.iter().map(|(wrong, _)| wrong).sum();
        let inverted: u64 = judged.iter().map(|(_, inverted)| inverted).sum();
        let heard = self.heard().await?;
        let after = |what: &str, span: Duration| {
            Figure::plain(
                &format!("Redis killed: {what} after"),
                span.as_secs_f64(),
                "s",
            )
        };
        let count = |what: &str, count: u64| Figure::plain(what, as_float(count), "");
        Ok(vec![
            after("people are let in again", moves),
            after("positions move and are right again", right),
            count("Redis killed: wrong positions on sockets 18 s later", wrong),
            count("Redis killed: let in against the order", inverted),
            count("positions that rose, in the whole run", heard.rose),
            count("sockets lost, in the whole run", heard.lost),
        ])
    }

    /// Do gateways answer with positions behind more than `admitted` admissions, as the store has them now?
    async fn is_right(&self, admitted: u64) -> Result<bool> {
        let before = self.figures().await?.admitted;
        let last = enter::token(self.people - 1);
        let path = format!("/api/v1/events/{EVENT}/places/me");
        let look = Arc::new(vec![request("GET", &path, Some(&last), "")]);
        let asked = self.gateways.iter().map(|gateway| {
            drive(
                gateway.public,
                Arc::clone(&look),
                Pace {
                    connections: 1,
                    per_s: None,
                    keep_bodies: true,
                },
            )
        });
        let mut shown = Vec::new();
        for answer in join_all(asked).await {
            let place: serde_json::Value = serde_json::from_slice(&answer?.bodies[0])?;
            let (position, waiting) = (place["position"].as_u64(), place["waiting"].as_u64());
            let (Some(position), Some(waiting)) = (position, waiting) else {
                return Ok(false);
            };
            ensure!(position <= waiting, "a position behind everybody");
            shown.push(u64::try_from(self.people)? - waiting);
        }
        let after = self.figures().await?.admitted;
        // A gateway hears of an admission a moment later: three are a third of a second.
        let right = |known: &u64| *known + 3 >= before && *known <= after;
        Ok(before > admitted && shown.iter().all(right))
    }
}
