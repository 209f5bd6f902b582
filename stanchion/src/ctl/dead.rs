//! Orders about dead letters.

use client::{ApiError, DeadLetter, Ops, Page, Settled};
use serde_json::{Value, json};

use super::order::DeadOrder;
use super::{Answer, sentence, shown};

/// Carries the order out.
pub(super) async fn answer(ops: &Ops, order: &DeadOrder) -> Result<Answer, ApiError> {
    match order {
        DeadOrder::List => {
            let letters = all(ops).await?;
            Ok(Answer {
                text: shown::dead_letters(&letters),
                json: json!(letters),
            })
        }
        DeadOrder::Show { id } => {
            let letter = ops.dead_letter(*id).await?;
            Ok(Answer {
                text: shown::dead_letter(&letter),
                json: json!(letter),
            })
        }
        DeadOrder::Redrive { ids, all: false } => each(ids, |id| ops.redrive(id)).await,
        DeadOrder::Redrive { all: true, .. } => {
            let ids: Vec<i64> = all(ops).await?.iter().map(|letter| letter.id).collect();
            each(&ids, |id| ops.redrive(id)).await
        }
        DeadOrder::Discard { ids } => each(ids, |id| ops.discard(id)).await,
    }
}

/// Every letter that nobody has decided on.
async fn all(ops: &Ops) -> Result<Vec<DeadLetter>, ApiError> {
    let mut letters = Vec::new();
    let mut after = None;
    loop {
        let Page { items, next } = ops.dead_letters(after.as_deref()).await?;
        letters.extend(items);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(letters),
        }
    }
}

/// Decides on one after the other; a refusal stands beside the others and ends nothing.
async fn each<F>(ids: &[i64], decide: impl Fn(i64) -> F) -> Result<Answer, ApiError>
where
    F: Future<Output = Result<Settled, ApiError>>,
{
    let (mut lines, mut ends) = (Vec::new(), Vec::<Value>::new());
    for &id in ids {
        match decide(id).await {
            Ok(settled) => {
                let outcome = settled.outcome.as_deref().unwrap_or(&settled.state);
                lines.push(format!("{id}  {outcome}"));
                ends.push(json!(settled));
            }
            Err(error) => {
                let why = reason(&error);
                lines.push(format!("{id}  refused: {why}"));
                ends.push(json!({ "id": id, "refused": why }));
            }
        }
    }
    let text = if lines.is_empty() {
        "no dead letters".to_owned()
    } else {
        lines.join("\n")
    };
    Ok(Answer {
        text,
        json: json!(ends),
    })
}

/// Why a letter could not be decided on: the server's own reason where it gives one.
fn reason(error: &ApiError) -> String {
    let given = match error {
        ApiError::Problem(problem) => problem.members.get("reason").and_then(Value::as_str),
        _ => None,
    };
    given.map_or_else(|| sentence(error), str::to_owned)
}
