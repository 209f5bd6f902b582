//! `stanchion rehearse`: a crowd of real clients that enter, watch and redeem like everybody else, and a report at the
//! end that says whether the promises were kept. It knows the API alone.

mod crowd;
mod descriptors;
mod keep;
mod outstanding;
mod parts;
mod person;
mod report;
mod street;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use client::{LiveEvent, Ops, Options, Phase, Visitor};
use tokio::time::sleep;

use crate::ctl;

/// How long the last to come may take to enter before a lobby is opened.
const SETTLING_IN: Duration = Duration::from_secs(2);

/// Sends a crowd of real clients that enter, watch and redeem, and reports whether the promises were kept.
#[derive(Clone, Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct RehearseArgs {
    /// The public door, or several: people spread over them.
    #[arg(long, value_delimiter = ',', default_value = "http://127.0.0.1:8080")]
    url: Vec<String>,
    /// Where tickets are handed in, when no edge in front of the public doors leads there.
    #[arg(long)]
    redeem_url: Option<String>,
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
    /// The share of people (0 to 1) who go away without a word at some moment, half of them for good.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    absent: f64,
    /// The share of people (0 to 1) who leave the line at some moment.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    leave: f64,
    /// Opens a lobby when everybody has come.
    #[arg(long)]
    open: bool,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Keeps so many people in line for ever, without a report: some leave, a few redeem, new ones come.
    #[arg(long, conflicts_with_all = ["over", "json", "absent", "leave", "open"])]
    keep: bool,
    /// Sends a part of a crowd, and writes down what it saw for the process that reports.
    #[arg(long, hide = true, conflicts_with_all = ["keep", "open"])]
    part: bool,
}

/// Runs the rehearsal; fails when a promise was broken.
pub async fn run(args: RehearseArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.absent + args.leave <= 1.0,
        "--absent and --leave together are more than everybody"
    );
    let room = descriptors::room()?;
    let token = ctl::admin_token(&args.data)?;
    let ops = Ops::new(&args.ops_url, &token, Options::default())?;
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
    if args.part {
        let rehearsed = send(&args, &before).await?;
        println!("{}", serde_json::to_string(&rehearsed)?);
        return Ok(ExitCode::SUCCESS);
    }
    if args.keep {
        let (visitor, street, crowd) = crowd_of(&args, &before).await?;
        return keep::keep(&args, &visitor, crowd, street).await;
    }
    let report = report(&args, &ops, &before, room).await?;
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

/// Sends everybody, and tells what came of it.
async fn report(
    args: &RehearseArgs,
    ops: &Ops,
    before: &LiveEvent,
    room: u32,
) -> anyhow::Result<report::Report> {
    let outstanding = outstanding::Outstanding::watch(ops, &args.event);
    let rehearsed = async {
        if args.visitors > room {
            parts::rehearse(args, room).await
        } else {
            send(args, before).await
        }
    };
    let opening = args.open && before.phase == Phase::Lobby;
    let (rehearsed, ()) = tokio::try_join!(rehearsed, open(args, ops, opening))?;
    let after = report::settled(ops, &args.event).await?;
    let pace = report::pace(before, &after, outstanding.most());
    Ok(report::Report::new(args, rehearsed, before, &after, pace))
}

/// Sends a crowd that this process has room for.
async fn send(args: &RehearseArgs, before: &LiveEvent) -> anyhow::Result<crowd::Rehearsed> {
    let (visitor, street, crowd) = crowd_of(args, before).await?;
    let public = visitor.status(&args.event).await?;
    crowd.tally.rate(public.rate_per_s);
    if before.phase != Phase::Lobby {
        crowd.tally.opens();
    }
    crowd::rehearse(args, crowd, street).await
}

/// A crowd and where it lives, when every door answers.
async fn crowd_of(
    args: &RehearseArgs,
    before: &LiveEvent,
) -> anyhow::Result<(Visitor, street::Street, Arc<crowd::Crowd>)> {
    let mut visitor = None;
    for url in &args.url {
        let door = Visitor::new(url, Options::default())?;
        let status = door.status(&args.event).await;
        status.with_context(|| format!("the public door at {url} does not answer"))?;
        visitor.get_or_insert(door);
    }
    let visitor = visitor.context("there is no door")?;
    let street = street::Street::new(&args.url, args.redeem_url.as_deref(), args.visitors)?;
    let set = before.settings.get("on_sold_out");
    let crowd = crowd::Crowd::new(&args.event, set.is_some_and(|set| set == "keep"));
    Ok((visitor, street, crowd))
}

/// Opens a lobby when everybody has come.
async fn open(args: &RehearseArgs, ops: &Ops, opening: bool) -> anyhow::Result<()> {
    if opening {
        sleep(args.over + SETTLING_IN).await;
        let opened = ops.move_phase(&args.event, Phase::Open).await;
        opened.context("the lobby does not open")?;
    }
    Ok(())
}

/// A share of people, from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
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
