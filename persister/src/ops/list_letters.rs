//! `GET /api/v1/admin/dead-letters`: the messages that nobody has decided on, oldest first.

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};
use ledger::Ledger;

use super::ledger_failed;
use super::shown::ShownLetter;

/// The messages that could not be made rows and that nobody has decided on, oldest first.
#[utoipa::path(
    get, path = "/api/v1/admin/dead-letters", tag = "ops",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownLetter>),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn list_letters(
    State(ledger): State<Ledger>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownLetter>>, Problem> {
    let limit = query.limit()?;
    let after = match &query.after {
        Some(after) => after.parse().map_err(|_| bad_after())?,
        None => 0,
    };
    let letters = ledger
        .dead_letters(after, limit + 1)
        .await
        .map_err(ledger_failed)?;
    Ok(Json(List::page(letters, limit, |last| last.id.to_string())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::stage::Stage;

    #[tokio::test]
    async fn the_letters_are_read_page_by_page_and_those_decided_on_are_no_more_among_them() {
        let stage = Stage::set().await;
        let ids = stage.bury(5).await;
        stage
            .post(&format!("dead-letters/{}/discard", ids[1]))
            .await
            .is(200);
        let first = stage.get("dead-letters?limit=2").await.is(200);
        let shown = |items: &serde_json::Value| {
            let items = items.as_array().unwrap().iter();
            items
                .map(|item| item["id"].as_i64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(&first["items"]), [ids[0], ids[2]]);
        assert_eq!(first["next"], ids[2].to_string());
        let rest = stage
            .get(&format!("dead-letters?limit=2&after={}", ids[2]))
            .await
            .is(200);
        assert_eq!(shown(&rest["items"]), [ids[3], ids[4]]);
        assert_eq!(rest["next"], json!(null));
        let item = &first["items"][0];
        assert_eq!(
            (&item["event"], &item["record_id"], &item["state"]),
            (&json!("demo"), &json!("demo:1:1"), &json!("dead"))
        );
        assert!(item.get("payload").is_none(), "a list holds no messages");
        let refused = stage.get("dead-letters?after=x").await.is(400);
        assert_eq!(refused["field"], "after");
    }
}
