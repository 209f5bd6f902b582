//! `POST /api/v1/admin/dead-letters/{id}/redrive`: writes a message once more, after a mend. It lands once, however often it
//! is sent.

use axum::Json;
use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::Refusal;
use domain::record::Record;
use ledger::{DeadState, Ledger, Redriven};
use lua::Store;

use super::shown::Settled;
use super::{ledger_failed, letter, tell};

/// Writes the message once more.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{id}/redrive", tag = "ops",
    params(("id" = i64, Path, description = "The letter's number")),
    responses(
        (status = 200, description = "Its record is in the ledger, once", body = Settled),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (status = 409, description = "`still-dead`, with `reason`: nothing was written"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn redrive(
    State(store): State<Store>,
    State(ledger): State<Ledger>,
    Path(id): Path<i64>,
    staff: Staff,
) -> Result<Json<Settled>, Problem> {
    let stored = letter(&ledger, id).await?;
    let by = staff.name();
    let outcome = match Record::from_json(&stored.letter.payload) {
        Ok(record) => ledger.redrive(id, &record, by).await,
        Err(_) if stored.state != DeadState::Dead => Ok(Redriven::Settled(stored.state)),
        Err(not_a_record) => ledger.still_refused(id, by, not_a_record.to_string()).await,
    };
    let outcome = match outcome.map_err(ledger_failed)? {
        Redriven::Landed => "landed",
        Redriven::WasThere | Redriven::Settled(DeadState::Redriven) => "was-there",
        Redriven::Settled(_) => return Err(still_dead(id, "it was discarded".to_owned())),
        Redriven::Refused(reason) => return Err(still_dead(id, reason)),
    };
    tell(&store, &ledger, &stored).await;
    tracing::info!(
        dead_letter.id = id,
        by,
        outcome,
        "a dead letter was sent again"
    );
    Ok(Json(Settled {
        id,
        state: DeadState::Redriven.as_str(),
        outcome: Some(outcome),
    }))
}

fn still_dead(id: i64, reason: String) -> Problem {
    let detail = format!(
        "Dead letter {id} cannot be made a row; mend what `reason` says and send it again, or discard it."
    );
    Problem::new(Refusal::StillDead, detail).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use crate::ops::stage::Stage;

    #[tokio::test]
    async fn a_letter_lands_once_and_whoever_waits_for_it_is_told() {
        let stage = Stage::set().await;
        let ids = stage.bury(2).await;
        let path = format!("dead-letters/{}/redrive", ids[0]);
        assert_eq!(stage.buried().await, [1, 2]);
        let landed = stage.post(&path).await.is(200);
        assert_eq!(
            landed,
            serde_json::json!({ "id": ids[0], "state": "redriven", "outcome": "landed" })
        );
        assert_eq!(stage.post(&path).await.is(200)["outcome"], "was-there");
        assert_eq!(stage.issued().await, 1);
        assert_eq!(stage.buried().await, [2]);
        let shown = stage.get(&format!("dead-letters/{}", ids[0])).await.is(200);
        assert_eq!(shown["decisions"].as_array().unwrap().len(), 1);
        assert_eq!(shown["decisions"][0]["by"], "admin");
    }

    #[tokio::test]
    async fn what_is_still_no_record_stays_dead_and_says_why() {
        let stage = Stage::set().await;
        let id = stage.bury_message(b"{}").await;
        let refused = stage
            .post(&format!("dead-letters/{id}/redrive"))
            .await
            .is(409);
        assert_eq!(refused["type"], "/problems/still-dead");
        assert!(refused["reason"].as_str().unwrap().contains("not a record"));
        let shown = stage.get(&format!("dead-letters/{id}")).await.is(200);
        assert_eq!(shown["state"], "dead");
        assert_eq!(shown["decisions"][0]["action"], "refused");
    }
}
