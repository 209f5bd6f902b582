//! `stanchion ctl`: the admin API from a terminal.

mod order;
mod shown;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use client::{AdmissionChange, ApiError, AuditEntry, LiveEvent, Ops, Options, Page, Put};
use serde_json::{Value, json};

use order::{EventOrder, KeysOrder, Order};

/// Runs events from a terminal, over the admin API.
#[derive(Clone, Debug, clap::Args)]
pub struct CtlArgs {
    /// The ops door.
    #[arg(
        long,
        env = "STANCHION_OPS_URL",
        default_value = "http://127.0.0.1:8081",
        global = true
    )]
    ops_url: String,
    /// The admin token; else the one in the data folder.
    #[arg(
        long,
        env = "STANCHION_ADMIN_TOKEN",
        hide_env_values = true,
        global = true
    )]
    token: Option<String>,
    /// The data folder that holds `admin-token`.
    #[arg(long, env = "STANCHION_DATA", default_value = "data", global = true)]
    data: PathBuf,
    /// JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    order: Order,
}

/// Carries the order out and shows the answer.
pub async fn run(args: CtlArgs) -> anyhow::Result<ExitCode> {
    let token = admin_token(args.token.as_deref(), &args.data)?;
    let ops = Ops::new(&args.ops_url, &token, Options::default())?;
    match answer(&ops, &args.order).await {
        Ok(answer) if args.json => println!("{}", serde_json::to_string_pretty(&answer.json)?),
        Ok(answer) => println!("{}", answer.text),
        Err(error) => {
            eprintln!("{}", sentence(&error));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The admin token: the one given, or the one that the first start left in the data folder.
pub fn admin_token(given: Option<&str>, data: &Path) -> anyhow::Result<String> {
    if let Some(token) = given {
        return Ok(token.to_owned());
    }
    let file = data.join("admin-token");
    let token = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "no admin token: set STANCHION_ADMIN_TOKEN, or name the data folder with --data ({} cannot be read)",
            file.display()
        )
    })?;
    let token = token.trim();
    if token.is_empty() {
        bail!("{} is empty", file.display());
    }
    Ok(token.to_owned())
}

/// An answer in both of its forms.
struct Answer {
    text: String,
    json: Value,
}

async fn answer(ops: &Ops, order: &Order) -> Result<Answer, ApiError> {
    match order {
        Order::Event(order) => about_events(ops, order).await,
        Order::Rate { event, per_s } => {
            let change = AdmissionChange {
                rate_per_s: Some(*per_s),
                ..AdmissionChange::default()
            };
            let admission = ops.set_admission(event, &change).await?;
            Ok(Answer {
                text: format!("`{event}` lets in {}/s", admission.rate_per_s),
                json: json!(admission),
            })
        }
        Order::Phase { event, phase } => {
            let event = ops.move_phase(event, *phase).await?;
            Ok(Answer {
                text: format!("`{}` is {}", event.event, event.phase),
                json: json!(event),
            })
        }
        Order::Stock { event, add } => {
            let stock = ops.add_stock(event, *add).await?;
            Ok(Answer {
                text: format!("`{event}` has {} of {} left", stock.remaining, stock.total),
                json: json!(stock),
            })
        }
        Order::Keys(KeysOrder::List) => {
            let keys = ops.keys().await?.items;
            Ok(Answer {
                text: shown::keys(&keys),
                json: json!(keys),
            })
        }
        Order::Audit { event, limit } => {
            let entries = audit(ops, event, *limit).await?;
            Ok(Answer {
                text: shown::audit(&entries),
                json: json!(entries),
            })
        }
    }
}

async fn about_events(ops: &Ops, order: &EventOrder) -> Result<Answer, ApiError> {
    match order {
        EventOrder::List => {
            let events = all_events(ops).await?;
            Ok(Answer {
                text: shown::events(&events),
                json: json!(events),
            })
        }
        EventOrder::Show { event } => Ok(one(&ops.event(event).await?, "")),
        EventOrder::Put(put) => {
            let Put { created, event } = ops.put_event(&put.event, &put.body()).await?;
            Ok(one(&event, if created { "made" } else { "set" }))
        }
    }
}

fn one(event: &LiveEvent, done: &str) -> Answer {
    Answer {
        text: shown::event(event, done),
        json: json!(event),
    }
}

async fn all_events(ops: &Ops) -> Result<Vec<LiveEvent>, ApiError> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let Page { items, next } = ops.events(after.as_deref()).await?;
        events.extend(items);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(events),
        }
    }
}

async fn audit(ops: &Ops, event: &str, limit: usize) -> Result<Vec<AuditEntry>, ApiError> {
    let mut entries = Vec::new();
    let mut after = None;
    while entries.len() < limit {
        let Page { items, next } = ops.audit(event, after.as_deref()).await?;
        entries.extend(items);
        after = next;
        if after.is_none() {
            break;
        }
    }
    entries.truncate(limit);
    Ok(entries)
}

/// A refusal as one sentence, with the name that the documentation knows it by.
fn sentence(error: &ApiError) -> String {
    match error {
        ApiError::Problem(problem) => format!("{} ({})", problem.detail, problem.name),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_given_wins_over_the_one_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let missing = admin_token(None, folder.path()).unwrap_err().to_string();
        assert!(missing.contains("STANCHION_ADMIN_TOKEN"), "{missing}");
        std::fs::write(folder.path().join("admin-token"), "kept\n").unwrap();
        assert_eq!(admin_token(None, folder.path()).unwrap(), "kept");
        assert_eq!(admin_token(Some("given"), folder.path()).unwrap(), "given");
    }
}
