//! What a thousand events cost at which nobody looks.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::crowd::as_float;
use crate::process::Meter;
use crate::redis::Redis;
use crate::report::Figure;
use crate::server::Server;

/// Events at which nobody looks.
const EVENTS: usize = 1_000;
/// Until they are at rest.
const SETTLING: Duration = Duration::from_secs(70);
/// How long their cost is counted: more than the longest pause between two comparisons.
const COUNTED: Duration = Duration::from_mins(1);

/// What a thousand open events cost the store at which nobody looks.
pub async fn measure(binary: &Path) -> Result<Vec<Figure>> {
    let redis = Redis::start()?;
    let shared = redis.shared();
    let arguments: Vec<&str> = shared.iter().map(String::as_str).collect();
    let server = Server::start(binary, &arguments)?;
    for nth in 0..EVENTS {
        server
            .event(&format!("idle-{nth}"), 10, 10.0, "redis")
            .await?;
    }
    // Admission falls asleep, the gateway forgets whom nobody asks for, and the comparison has looked at all of them.
    sleep(SETTLING).await;
    let (process, store) = (Meter::start(server.pid())?, Meter::start(redis.pid())?);
    let before = redis.commands()?;
    sleep(COUNTED).await;
    let after = redis.commands()?;
    let calls = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    let share = |used: Duration| 100.0 * used.as_secs_f64() / COUNTED.as_secs_f64();
    let all = after.values().sum::<u64>() - before.values().sum::<u64>();
    let per_s = |count| as_float(count) / COUNTED.as_secs_f64();
    Ok(vec![
        Figure::plain(
            "1000 idle events: script calls",
            per_s(calls("evalsha")),
            "1/s",
        ),
        Figure::plain("1000 idle events: store commands in all", per_s(all), "1/s"),
        Figure::plain(
            "1000 idle events: CPU of the server",
            share(process.used()?),
            "%",
        ),
        Figure::plain("1000 idle events: CPU of Redis", share(store.used()?), "%"),
    ])
}
