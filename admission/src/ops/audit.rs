//! `GET /api/v1/admin/events/{event}/audit`: who changed what, from what, when; newest first.

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Path, Problem, Query};
use domain::{EventId, Millis};
use lua::{AuditEntry, AuditPage, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{no_such_event, store_failed};

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audited {
    /// The entry's id.
    id: String,
    /// When, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
    /// Who.
    by: String,
    /// What was done: `created`, `changed`, `admission`, `phase`, `stock`, `draw`, `brake`, `recovered`; `limits`.
    action: String,
    /// What it was before.
    from: serde_json::Value,
    /// What it is now.
    to: serde_json::Value,
}

/// Who changed what, from what, when; newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/events/{event}/audit", tag = "ops",
    params(("event" = String, Path, description = "The event's id"), ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<Audited>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 404, description = "`no-such-event`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn audit(
    State(store): State<Store>,
    Path(event): Path<EventId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Audited>>, Problem> {
    let (limit, after) = (query.limit()?, after(&query)?);
    let known = store.event(&event).await.map_err(store_failed)?;
    if known.is_none() {
        return Err(no_such_event(&event));
    }
    let page = store
        .audit(&event, after, limit)
        .await
        .map_err(store_failed)?;
    Ok(Json(shown(page)))
}

/// Where a page of an audit goes on; refuses what is no entry's id.
pub fn after(query: &ListQuery) -> Result<Option<&str>, Problem> {
    match query.after.as_deref() {
        Some(after) if !is_entry(after) => Err(bad_after()),
        after => Ok(after),
    }
}

/// Does this look like an entry's id: two whole numbers joined by `-`?
fn is_entry(id: &str) -> bool {
    let whole =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u64>().is_ok();
    id.split_once('-')
        .is_some_and(|(time, n)| whole(time) && whole(n))
}

/// A page of an audit as it is shown.
pub fn shown(page: AuditPage) -> List<Audited> {
    List {
        items: page.entries.into_iter().map(Audited::from).collect(),
        next: page.next,
    }
}

impl From<AuditEntry> for Audited {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            by: entry.by,
            action: entry.action,
            from: entry.from,
            to: entry.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::stage::Stage;

    #[tokio::test]
    async fn every_change_is_told_newest_first_with_what_it_was_and_is() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 5 })).await;
        replica.put("demo", json!({ "title": "Renamed" })).await;
        replica.patch("demo", json!({ "rate_per_s": 20 })).await;
        replica
            .post("demo", "phase", json!({ "phase": "open" }))
            .await;
        replica.post("demo", "stock", json!({ "add": 3 })).await;
        // These change nothing and leave no trace.
        replica.put("demo", json!({ "title": "Renamed" })).await;
        replica
            .post("demo", "phase", json!({ "phase": "draft" }))
            .await
            .refused(409, "phase-move");

        let whole = replica.get("/api/v1/admin/events/demo/audit").await;
        assert_eq!(
            (whole.status, &whole.body["next"]),
            (200, &Value::Null),
            "{}",
            whole.body
        );
        let told = whole.body["items"].as_array().unwrap();
        let actions: Vec<_> = told
            .iter()
            .map(|entry| entry["action"].as_str().unwrap())
            .collect();
        assert_eq!(
            actions,
            ["stock", "phase", "admission", "changed", "created"]
        );
        assert!(told.iter().all(|entry| entry["by"] == "admin"));
        assert!(
            told.windows(2)
                .all(|pair| pair[0]["at"].as_str() >= pair[1]["at"].as_str())
        );
        assert!(told[2].to_string().contains("20") && told[3].to_string().contains("Renamed"));

        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/admin/events/demo/audit?limit=2{after}");
            let page = replica.get(&path).await.body;
            seen.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(&seen, told, "page by page it is the same");
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_is_refused() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica.make("demo", json!({ "stock": 5 })).await;
        for (query, field) in [
            ("limit=0", "limit"),
            ("after=yesterday", "after"),
            ("after=", "after"),
        ] {
            for event in ["demo", "nowhere"] {
                let path = format!("/api/v1/admin/events/{event}/audit?{query}");
                let refused = replica.get(&path).await.refused(400, "bad-request");
                assert_eq!(refused["field"], field);
            }
        }
        let path = "/api/v1/admin/events/nowhere/audit";
        replica.get(path).await.refused(404, "no-such-event");
    }
}
