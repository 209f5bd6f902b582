//! Everybody of some processes loses the connection and comes back at once: how soon they are back, and what that costs the store
//! and the processors beyond what the same line costs at rest.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use super::{Crowd, as_float, round_trips};
use crate::process::Meter;
use crate::report::Figure;
use crate::server::Server;
use crate::watchers::Watchers;

/// So many come back at once.
const STORM: usize = 50_000;
/// How long the line is counted at rest before.
const AT_REST: Duration = Duration::from_secs(10);

/// Processor time of some processes in microseconds, shared out among those who came back.
fn cost_us(meters: &[Meter], came: f64) -> Result<f64> {
    let used = meters.iter().map(Meter::used).sum::<Result<Duration>>()?;
    Ok(used.as_secs_f64() * 1e6 / came)
}

/// Meters of these processes, from now on.
fn meters(pids: impl Iterator<Item = u32>) -> Result<Vec<Meter>> {
    pids.map(Meter::start).collect()
}

impl Crowd {
    /// How often the store was asked so far.
    fn asked(&self) -> Result<f64> {
        Ok(as_float(round_trips(&self.redis.commands()?)))
    }

    /// How often the store is asked per second while nothing happens.
    async fn at_rest_per_s(&self) -> Result<f64> {
        let (before, began) = (self.asked()?, Instant::now());
        sleep(AT_REST).await;
        Ok((self.asked()? - before) / began.elapsed().as_secs_f64())
    }

    /// Everybody of some processes comes back at once, to a line that stands still.
    pub(super) async fn storm(&mut self) -> Result<Vec<Figure>> {
        let each = self.people / self.parts.len();
        let parts = STORM.div_ceil(each).min(self.parts.len());
        let came = as_float(parts * each);
        let at_rest_per_s = self.at_rest_per_s().await?;
        let servers = meters(self.gateways[..parts].iter().map(Server::pid))?;
        let clients = meters(self.parts[..parts].iter().map(Watchers::pid))?;
        let (before, began) = (self.asked()?, Instant::now());
        let back = try_join_all(self.parts[..parts].iter_mut().map(Watchers::storm)).await?;
        let (asked, took) = (self.asked()? - before, began.elapsed());
        let own = asked - at_rest_per_s * took.as_secs_f64();
        let last = |spans: &mut dyn Iterator<Item = Duration>| {
            spans.max().unwrap_or_default().as_secs_f64()
        };
        let nearly_s = last(&mut back.iter().map(|(nearly, _)| *nearly));
        let all_s = last(&mut back.iter().map(|(_, all)| *all));
        let figures = [
            ("all but a hundredth are back after", nearly_s, "s"),
            ("the last is back after", all_s, "s"),
            ("store round trips each", own / came, ""),
            (
                "store round trips each, with those of a line at rest",
                asked / came,
                "",
            ),
            ("store round trips of all at rest", at_rest_per_s, "1/s"),
            ("gateway CPU each", cost_us(&servers, came)?, "us"),
            ("CPU of the clients each", cost_us(&clients, came)?, "us"),
        ];
        let figure = |(what, value, unit): (&str, f64, _)| {
            Figure::plain(&format!("{came} reconnect at once: {what}"), value, unit)
        };
        Ok(figures.into_iter().map(figure).collect())
    }
}
