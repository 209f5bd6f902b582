//! The long form of the proof: trial after trial, embedded and full stack in turn, until the time is over. One JSON line
//! per trial on stdout and a sum at the end; exit code 1 when anything was found.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::chance::Chance;
use e2e::nemesis::Stack;
use e2e::trial::Trial;
use serde_json::json;

/// How much goes wrong in one trial.
const STRIKES: usize = 12;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let minutes = std::env::var("MINUTES").ok();
    let minutes: u64 = minutes
        .map_or(Ok(60), |minutes| minutes.parse())
        .context("MINUTES")?;
    let mut seeds = Chance::new(Chance::seed("soak"));
    let ends = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut trials, mut kills, mut heard) = (0_u64, 0_u64, 0_usize);
    let (mut lost, mut duplicates, mut oversold, mut unexplained, mut violations) = (0, 0, 0, 0, 0);
    for stack in [Stack::Embedded, Stack::Full].into_iter().cycle() {
        if Instant::now() > ends {
            break;
        }
        // Below 2^53: every reader of JSON reads it as it is.
        let seed = seeds.below(1 << 53);
        let outcome = Trial::new(stack, seed, STRIKES).run().await?;
        println!("{}", serde_json::to_string(&outcome)?);
        trials += 1;
        kills += u64::from(outcome.kills);
        heard += outcome.heard;
        lost += outcome.lost;
        duplicates += outcome.duplicates;
        oversold += outcome.oversold;
        unexplained += outcome.unexplained;
        violations += outcome.violations.len();
    }
    let sum = json!({
        "trials": trials, "kills": kills, "heard": heard, "lost": lost, "duplicates": duplicates,
        "oversold": oversold, "unexplained": unexplained, "violations": violations,
    });
    println!("{sum}");
    Ok(if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
