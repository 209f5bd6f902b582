//! `stanchion rehearse`: a crowd of real clients that enter, watch and redeem like everybody else, and a report at the
//! end that says whether the promises were kept. It knows the API alone.

mod crowd;
mod descriptors;
mod keep;
mod person;
mod report;
mod street;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::{Ops, Options, Phase, Visitor};

use crate::ctl;

/// Sends a crowd of real clients that enter, watch and redeem, and reports whether the promises were kept.
#[derive(Clone, Debug, clap::Args)]
pub struct RehearseArgs {
    /// The public door.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The ops door, asked what was set and what was issued.
    #[arg(
        long,
        env = "STANCHION_OPS_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    ops_url: String,
    /// The data folder whose `admin-token` is used, unless `STANCHION_ADMIN_TOKEN` is set.
    #[arg(long, env = "STANCHION_DATA", default_value = "data")]
    data: PathBuf,
    /// The event they come for.
    #[arg(long)]
    event: String,
    /// How many people come.
    #[arg(long, default_value_t = 1_000)]
    visitors: u32,
    /// Over which time they arrive, such as 500ms, 10s or 2m.
    #[arg(long, default_value = "10s", value_parser = span)]
    over: Duration,
    /// How long nothing may happen before those who still wait are given up.
    #[arg(long, default_value = "60s", value_parser = span)]
    patience: Duration,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Keeps so many people in line for ever, without a report: some leave, a few redeem, new ones come.
    #[arg(long, conflicts_with_all = ["over", "json"])]
    keep: bool,
}

/// Runs the rehearsal; fails when a promise was broken.
pub async fn run(args: RehearseArgs) -> anyhow::Result<ExitCode> {
    descriptors::make_room_for(args.visitors)?;
    let token = ctl::admin_token(&args.data)?;
    let ops = Ops::new(&args.ops_url, &token, Options::default())?;
    let visitor = Visitor::new(&args.url, Options::default())?;
    let before = ops.event(&args.event).await.with_context(|| {
        format!(
            "the ops door at {} does not show `{}`",
            args.ops_url, args.event
        )
    })?;
    if matches!(before.phase, Phase::Draft | Phase::Closed) {
        bail!(
            "`{0}` is {1}: nobody may enter; `stanchion ctl phase {0} open` opens a draft",
            args.event,
            before.phase
        );
    }
    let public = visitor
        .status(&args.event)
        .await
        .with_context(|| format!("the public door at {} does not answer", args.url))?;
    let street = street::Street::new(&args.url, args.visitors)?;
    let line_stays = before
        .settings
        .get("on_sold_out")
        .is_some_and(|set| set == "keep");
    let crowd = crowd::Crowd::new(&args.event, line_stays);
    if args.keep {
        return keep::keep(&args, &visitor, crowd, street).await;
    }
    crowd.tally.rate(public.rate_per_s);
    let rehearsed = crowd::rehearse(&args, crowd, street).await?;
    let after = report::settled(&ops, &args.event).await?;
    let report = report::Report::new(&args, rehearsed, &before, &after);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.consistent() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A time such as `500ms`, `10s` or `2m`.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a time looks like 500ms, 10s or 2m".to_owned();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (count, unit) = text.split_at(unit_at);
    let count: u64 = count.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(count)),
        "s" => Ok(Duration::from_secs(count)),
        "m" => Ok(Duration::from_secs(count.saturating_mul(60))),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_needs_its_unit() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "10", "s", "-1s", "1.5s", "10 s", "1h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
