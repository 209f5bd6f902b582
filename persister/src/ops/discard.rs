//! `POST /api/v1/admin/dead-letters/{id}/discard`: gives a message up. It stays in the table, and what it told of stays out of
//! the ledger: a pass that waits for it stays pending.

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::Refusal;
use ledger::{DeadState, Ledger};
use lua::Store;

use super::shown::Settled;
use super::{ledger_failed, letter, tell};

/// Gives the message up.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{id}/discard", tag = "ops",
    params(("id" = i64, Path, description = "The letter's number")),
    responses(
        (status = 200, description = "It is discarded", body = Settled),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`: there is none, or its record is in the ledger by now"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn discard(
    State(store): State<Store>,
    State(ledger): State<Ledger>,
    Path(id): Path<i64>,
    staff: Staff,
) -> Result<Json<Settled>, Problem> {
    let stored = letter(&ledger, id).await?;
    match ledger
        .discard(id, staff.name())
        .await
        .map_err(ledger_failed)?
    {
        Some(DeadState::Redriven) => Err(Problem::new(
            Refusal::NotFound,
            format!("Letter {id} is dead no more: its record is in the ledger."),
        )),
        None | Some(DeadState::Dead | DeadState::Discarded) => {
            tell(&store, &ledger, &stored).await;
            tracing::info!(
                dead_letter.id = id,
                by = staff.name(),
                "a dead letter was discarded"
            );
            Ok(Json(Settled {
                id,
                state: DeadState::Discarded.as_str(),
                outcome: None,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::stage::Stage;

    #[tokio::test]
    async fn a_discarded_letter_is_kept_and_its_record_is_not_held_for_a_row() {
        let stage = Stage::set().await;
        let ids = stage.bury(1).await;
        let path = format!("dead-letters/{}", ids[0]);
        for _ in 0..2 {
            let answer = stage.post(&format!("{path}/discard")).await.is(200);
            assert_eq!(answer["state"], "discarded");
        }
        let shown = stage.get(&path).await.is(200);
        assert_eq!(shown["state"], "discarded");
        assert_eq!(shown["decisions"].as_array().unwrap().len(), 1);
        assert_eq!(stage.issued().await, 0);
        assert_eq!(stage.buried().await, [1]);
        stage.post(&format!("{path}/redrive")).await.is(409);
        stage.post("dead-letters/999/discard").await.is(404);
    }

    #[tokio::test]
    async fn what_has_landed_cannot_be_discarded() {
        let stage = Stage::set().await;
        let ids = stage.bury(1).await;
        let path = format!("dead-letters/{}", ids[0]);
        stage.post(&format!("{path}/redrive")).await.is(200);
        stage.post(&format!("{path}/discard")).await.is(404);
    }
}
