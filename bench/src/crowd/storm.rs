//! Everybody of some processes loses the connection and comes back at once: how soon they are back, and what that costs the store
//! and the processors beyond what the same line costs at rest.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use super::{Crowd, as_float, round_trips};
use crate::process::Meter;
use crate::report::Figure;
use crate::watchers::Watchers;

/// So many come back at once.
const STORM: usize = 50_000;
/// How long the line is counted at rest before.
const AT_REST: Duration = Duration::from_secs(10);

impl Crowd {
    /// Everybody of some processes comes back at once, to a line that stands still.
    pub(super) async fn storm(&mut self) -> Result<Vec<Figure>> {
        let each = self.people / self.parts.len();
        let parts = STORM.div_ceil(each).min(self.parts.len());
        let before = round_trips(&self.redis.commands()?);
        let began = Instant::now();
        sleep(AT_REST).await;
        let at_rest = as_float(round_trips(&self.redis.commands()?) - before);
        let at_rest_per_s = at_rest / began.elapsed().as_secs_f64();

        let servers = self.gateways[..parts].iter().map(|one| one.pid());
        let servers: Vec<_> = servers.map(Meter::start).collect::<Result<_>>()?;
        let clients = self.parts[..parts].iter().map(Watchers::pid);
        let clients: Vec<_> = clients.map(Meter::start).collect::<Result<_>>()?;
        let before = round_trips(&self.redis.commands()?);
        let began = Instant::now();
        let back = try_join_all(self.parts[..parts].iter_mut().map(Watchers::storm)).await?;
        let took_s = began.elapsed().as_secs_f64();
        let asked = as_float(round_trips(&self.redis.commands()?) - before);

        let came = as_float(parts * each);
        let cost_us = |meters: &[Meter]| -> Result<f64> {
            let used = meters.iter().map(Meter::used).sum::<Result<Duration>>()?;
            Ok(used.as_secs_f64() * 1e6 / came)
        };
        let longest = |span: fn(&(Duration, Duration)) -> Duration| {
            let longest = back.iter().map(span).max().unwrap_or_default();
            longest.as_secs_f64()
        };
        let figures = [
            (
                "nearly all (99 %) are back after",
                longest(|(nearly, _)| *nearly),
                "s",
            ),
            ("the last is back after", longest(|(_, all)| *all), "s"),
            (
                "store round trips each, everything included",
                asked / came,
                "",
            ),
            (
                "store round trips per second at rest before",
                at_rest_per_s,
                "1/s",
            ),
            (
                "store round trips each, without those at rest",
                (asked - at_rest_per_s * took_s) / came,
                "",
            ),
            ("gateway CPU each", cost_us(&servers)?, "us"),
            ("the clients' CPU each", cost_us(&clients)?, "us"),
        ];
        let figure = |(what, value, unit): (&str, f64, _)| {
            Figure::plain(&format!("{came} reconnect at once: {what}"), value, unit)
        };
        Ok(figures.into_iter().map(figure).collect())
    }
}
