//! `stanchion verify`: Redis = log = ledger?

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use chassis::config::{ServeConfig, WrongSetting};
use domain::EventId;
use persister::reconcile::{Difference, Report, reconcile};

use crate::outside::{asks_for_help, environment};
use crate::stores::Stores;

const USAGE: &str = "\
Compares the coupons in Redis, log and ledger. Exit code 0 when nothing is unexplained, 1 when something is.

Usage: stanchion verify [--event ID] [--json] [SETTINGS]

The settings are those of the process that serves; it may go on running.
";

/// What `verify` is asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    event: Option<EventId>,
    json: bool,
    /// What is left: the settings of `serve`.
    settings: Vec<String>,
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
    let ledger = stores.ledger.as_ref().context("no ledger")?;
    let kafka = stores.kafka.as_ref();
    let event = question.event.as_ref();
    let report = reconcile(&stores.store, &stores.redis, ledger, kafka, event).await;
    stores.close().await?;
    let report = report?;
    if question.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", told(&report));
    }
    Ok(if report.unexplained == 0 {
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
            if arg == "--json" {
                question.json = true;
            } else if inline.is_some() || arg == "--event" {
                let text = inline.or_else(|| args.next().map(String::as_str));
                question.event = Some(event(text.unwrap_or_default())?);
            } else {
                question.settings.push(arg.clone());
            }
        }
        Ok(question)
    }
}

fn event(text: &str) -> Result<EventId, WrongSetting> {
    text.parse().map_err(|_| {
        WrongSetting::new(
            "--event",
            text,
            "an event's id: 1 to 63 characters of a-z, 0-9 and -",
        )
    })
}

/// One line per event, and one per coupon that does not stand alike everywhere.
fn told(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    for event in &report.events {
        let _ = writeln!(
            text,
            "{}: issued redis {}, log {}, ledger {}; unexplained {}",
            event.event.as_str(),
            event.issued.redis,
            event.issued.log,
            event.issued.ledger,
            event.unexplained
        );
        for difference in &event.differences {
            let _ = writeln!(text, "  {}", one_line(difference));
        }
    }
    let verdict = match report.unexplained {
        0 => "nothing is unexplained".to_owned(),
        1 => "1 difference is unexplained".to_owned(),
        many => format!("{many} differences are unexplained"),
    };
    let _ = writeln!(text, "{verdict}");
    text
}

/// The difference in the words of the JSON report.
fn one_line(difference: &Difference) -> String {
    let word = |value: Result<serde_json::Value, _>| match value {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    };
    format!(
        "coupon {}: {} ({})",
        word(serde_json::to_value(difference.serial)),
        word(serde_json::to_value(difference.kind)),
        word(serde_json::to_value(difference.cause))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_taken_out_of_the_settings() {
        let args = ["--data", "d", "--event", "demo", "--json", "--log=warn"];
        let question = Question::read(&args.map(str::to_owned)).unwrap();
        assert_eq!(question.event, Some("demo".parse().unwrap()));
        assert!(question.json);
        assert_eq!(question.settings, ["--data", "d", "--log=warn"]);
        for wrong in ["--event=Demo", "--event"] {
            assert!(Question::read(&[wrong.to_owned()]).is_err());
        }
    }

    #[test]
    fn nothing_to_tell_is_told() {
        assert_eq!(told(&Report::default()), "nothing is unexplained\n");
    }
}
