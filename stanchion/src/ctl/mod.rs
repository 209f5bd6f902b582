//! `stanchion ctl`: the admin API from a terminal.

mod dead;
mod draw;
mod order;
mod shown;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use client::{AdmissionChange, ApiError, AuditEntry, LiveEvent, Ops, Options, Page, Put};
use serde_json::{Value, json};

use order::{AdminOrder, EventOrder, KeysOrder, LimitsArgs, Order};

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
    /// The data folder whose `admin-token` is used, unless `STANCHION_ADMIN_TOKEN` is set.
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
    let order = match &args.order {
        Order::Draw(order) => return draw::run(order, args.json).await,
        Order::Admin(order) => order,
    };
    let token = admin_token(&args.data)?;
    let ops = Ops::new(&args.ops_url, &token, Options::default())?;
    match answer(&ops, order).await {
        Ok(answer) if args.json => println!("{}", serde_json::to_string_pretty(&answer.json)?),
        Ok(answer) => println!("{}", answer.text),
        Err(error) => {
            eprintln!("{}", sentence(&error));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The admin token: from the environment, or the one that the first start left in the data folder. It has no flag, since
/// every user of the machine can read a command line.
pub fn admin_token(data: &Path) -> anyhow::Result<String> {
    match std::env::var("STANCHION_ADMIN_TOKEN") {
        Ok(token) => Ok(token),
        Err(_) => kept_token(&data.join("admin-token")),
    }
}

fn kept_token(file: &Path) -> anyhow::Result<String> {
    let token = std::fs::read_to_string(file).with_context(|| {
        format!(
            "no admin token: set STANCHION_ADMIN_TOKEN, or name the data folder with --data ({} cannot be read)",
            file.display()
        )
    })?;
    let token = token.trim();
    ensure!(!token.is_empty(), "{} is empty", file.display());
    Ok(token.to_owned())
}

/// An answer in both of its forms.
struct Answer {
    text: String,
    json: Value,
}

async fn answer(ops: &Ops, order: &AdminOrder) -> Result<Answer, ApiError> {
    match order {
        AdminOrder::Event(order) => about_events(ops, order).await,
        AdminOrder::Rate {
            event,
            per_s,
            ramp_s,
        } => set_rate(ops, event, *per_s, *ramp_s).await,
        AdminOrder::Phase { event, phase } => {
            let event = ops.move_phase(event, *phase).await?;
            Ok(Answer {
                text: format!("`{}` is {}", event.event, event.phase),
                json: json!(event),
            })
        }
        AdminOrder::Stock { event, add } => {
            let stock = ops.add_stock(event, *add).await?;
            Ok(Answer {
                text: format!("`{event}` has {} of {} left", stock.remaining, stock.total),
                json: json!(stock),
            })
        }
        AdminOrder::Limits(args) => about_limits(ops, args).await,
        AdminOrder::Keys(order) => about_keys(ops, order).await,
        AdminOrder::Dead(order) => dead::answer(ops, order).await,
        AdminOrder::Audit { event, limit } => {
            let entries = audit(ops, event, *limit).await?;
            Ok(Answer {
                text: shown::audit(&entries),
                json: json!(entries),
            })
        }
    }
}

async fn set_rate(
    ops: &Ops,
    event: &str,
    per_s: f64,
    ramp_s: Option<u64>,
) -> Result<Answer, ApiError> {
    let change = AdmissionChange {
        rate_per_s: Some(per_s),
        ramp_s,
        ..AdmissionChange::default()
    };
    let admission = ops.set_admission(event, &change).await?;
    let rate = admission.rate_per_s;
    Ok(Answer {
        text: match admission.ramp {
            Some(ramp) => format!(
                "`{event}` goes from {}/s to {rate}/s until {}",
                ramp.from_per_s, ramp.until
            ),
            None => format!("`{event}` lets in {rate}/s"),
        },
        json: json!(admission),
    })
}

async fn about_limits(ops: &Ops, args: &LimitsArgs) -> Result<Answer, ApiError> {
    let change = args.change();
    let limits = if change.is_empty() {
        ops.limits().await?
    } else {
        ops.set_limits(&change).await?
    };
    Ok(Answer {
        text: shown::limits(&limits),
        json: json!(limits),
    })
}

async fn about_keys(ops: &Ops, order: &KeysOrder) -> Result<Answer, ApiError> {
    Ok(match order {
        KeysOrder::List => {
            let keys = ops.keys().await?.items;
            Answer {
                text: shown::keys(&keys),
                json: json!(keys),
            }
        }
        KeysOrder::Rotate => {
            let next = ops.rotate_key().await?;
            Answer {
                text: shown::keys(std::slice::from_ref(&next)),
                json: json!(next),
            }
        }
    })
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
    fn without_a_token_it_says_where_one_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("admin-token");
        let missing = kept_token(&file).unwrap_err().to_string();
        assert!(missing.contains("STANCHION_ADMIN_TOKEN"), "{missing}");
        std::fs::write(&file, "kept\n").unwrap();
        assert_eq!(kept_token(&file).unwrap(), "kept");
        std::fs::write(&file, "\n").unwrap();
        assert!(kept_token(&file).is_err());
    }
}
