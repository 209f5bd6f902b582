//! `GET /api/v1/admin/dead-letters/{id}`: one message that could not be made a row, and what was done about it.

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use ledger::Ledger;

use super::shown::WholeLetter;
use super::{ledger_failed, letter};

/// One message that could not be made a row, and what was done about it.
#[utoipa::path(
    get, path = "/api/v1/admin/dead-letters/{id}", tag = "ops",
    params(("id" = i64, Path, description = "The letter's number")),
    responses(
        (status = 200, description = "The letter", body = WholeLetter),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn get_letter(
    State(ledger): State<Ledger>,
    Path(id): Path<i64>,
) -> Result<Json<WholeLetter>, Problem> {
    let stored = letter(&ledger, id).await?;
    let decisions = ledger.decisions(id).await.map_err(ledger_failed)?;
    Ok(Json(WholeLetter::new(stored, decisions)))
}

#[cfg(test)]
mod tests {
    use crate::ops::stage::Stage;

    #[tokio::test]
    async fn a_letter_is_shown_whole_and_one_that_is_not_there_is_said() {
        let stage = Stage::set().await;
        let ids = stage.bury(1).await;
        let shown = stage.get(&format!("dead-letters/{}", ids[0])).await.is(200);
        assert_eq!(shown["reason"], "because");
        assert!(shown["payload"].as_str().unwrap().contains("coupon.issued"));
        assert_eq!(shown["decisions"], serde_json::json!([]));
        stage.get("dead-letters/999").await.is(404);
    }
}
