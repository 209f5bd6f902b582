//! `stanchion verify`: Redis = log = ledger?

mod told;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chassis::config::{ServeConfig, WrongSetting};
use domain::EventId;
use persister::reconcile::{Memory, Repaired, Report, Stations};
use serde::Serialize;

use crate::outside::{asks_for_help, environment};
use crate::stores::Stores;

const USAGE: &str = "\
Compares the coupons in Redis, log and ledger. Exit code 0 when nothing is unexplained, 1 when something is.

Usage: stanchion verify [--event ID] [--json] [--repair | --watch] [SETTINGS]

  --repair  adds rows that are missing and puts altered ones right, by what Redis and the log hold; refuses the rest by name
  --watch   compares again and again, and tells whenever what it finds has changed

The settings are those of the process that serves; it may go on running. If none runs, the embedded Redis is started for it.
";

/// The pause between two comparisons of `--watch`.
const PAUSE: Duration = Duration::from_secs(5);

/// What `verify` is asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    event: Option<EventId>,
    json: bool,
    repair: bool,
    watch: bool,
    /// What is left: the settings of `serve`.
    settings: Vec<String>,
}

/// What `verify` says: after a repair, how things stand then.
#[derive(Debug, Serialize)]
struct Verdict {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    repairs: Option<Vec<Repaired>>,
}

/// Compares and tells.
pub async fn run(settings: &[String]) -> anyhow::Result<ExitCode> {
    if asks_for_help(settings) {
        print!("{USAGE}\n{}", ServeConfig::help());
        return Ok(ExitCode::SUCCESS);
    }
    let question = Question::read(settings)?;
    let config = ServeConfig::parse(&question.settings, &environment())?;
    let stores = Stores::for_looking(&config).await?;
    let verdict = question.ask(&stores).await;
    stores.close().await?;
    Ok(if verdict?.report.unexplained == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Question {
    fn read(args: &[String]) -> Result<Self, WrongSetting> {
        let mut question = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let inline = arg.strip_prefix("--event=");
            match arg.as_str() {
                "--json" => question.json = true,
                "--repair" => question.repair = true,
                "--watch" => question.watch = true,
                "--event" => {
                    let text = args.next().map(String::as_str);
                    question.event = Some(event(text.unwrap_or_default())?);
                }
                _ if inline.is_some() => {
                    question.event = Some(event(inline.unwrap_or_default())?);
                }
                _ => question.settings.push(arg.clone()),
            }
        }
        if question.repair && question.watch {
            let allowed = "either --repair or --watch: a repair is looked at by somebody";
            return Err(WrongSetting::new("--repair", "--watch", allowed));
        }
        Ok(question)
    }

    async fn ask(&self, stores: &Stores) -> anyhow::Result<Verdict> {
        let stations = Stations {
            store: &stores.store,
            redis: &stores.redis,
            ledger: stores.ledger.as_ref().context("no ledger")?,
            log: stores.kafka.as_ref(),
        };
        if stores.runs_redis() {
            persister::recognise(stations).await?;
        }
        let (event, mut memory) = (self.event.as_ref(), Memory::default());
        let mut report = stations.reconcile(event, &mut memory).await?;
        let mut repairs = None;
        if self.repair {
            repairs = Some(stations.repair(&report).await?);
            report = stations.reconcile(event, &mut memory).await?;
        }
        let mut verdict = Verdict { report, repairs };
        self.tell(&verdict)?;
        if !self.watch {
            return Ok(verdict);
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = tokio::signal::ctrl_c() => return Ok(verdict),
            }
            let report = stations.reconcile(event, &mut memory).await?;
            let changed = differences(&report) != differences(&verdict.report);
            verdict.report = report;
            if changed {
                self.tell(&verdict)?;
            }
        }
    }

    fn tell(&self, verdict: &Verdict) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(verdict)?);
        } else {
            print!("{}", told::told(verdict));
        }
        Ok(())
    }
}

/// What is unexplained, without the counts that move all the time.
fn differences(report: &Report) -> Vec<String> {
    let mut unexplained = Vec::new();
    for event in &report.events {
        let on_its_way = persister::reconcile::Cause::OnItsWay;
        let differences = event.differences.iter().filter(|d| d.cause != on_its_way);
        unexplained.extend(differences.map(|d| format!("{} {d:?}", event.event)));
        let codes = event.book.iter().flat_map(|book| &book.differences);
        unexplained.extend(codes.map(|d| format!("{} {d:?}", event.event)));
        if event.balance.is_some_and(|balance| !balance.holds) {
            unexplained.push(event.event.to_string());
        }
    }
    unexplained
}

fn event(text: &str) -> Result<EventId, WrongSetting> {
    text.parse()
        .map_err(|_| WrongSetting::new("--event", text, "the id of an event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_taken_out_of_the_settings() {
        let args = [
            "--data",
            "d",
            "--event",
            "demo",
            "--json",
            "--repair",
            "--log=warn",
        ];
        let question = Question::read(&args.map(str::to_owned)).unwrap();
        assert_eq!(question.event, Some("demo".parse().unwrap()));
        assert!(question.json && question.repair && !question.watch);
        assert_eq!(question.settings, ["--data", "d", "--log=warn"]);
        for wrong in [&["--event="][..], &["--event"], &["--watch", "--repair"]] {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            assert!(Question::read(&wrong).is_err(), "{wrong:?}");
        }
    }
}
