//! `GET /api/v1/admin/events`: every event with its live figures, a list in order of id.

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};
use domain::EventId;
use lua::Store;

use super::shown::ShownEvent;
use super::store_failed;

/// Every event with its live figures, a list in order of id.
#[utoipa::path(
    get, path = "/api/v1/admin/events", tag = "ops",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownEvent>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn list_events(
    State(store): State<Store>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownEvent>>, Problem> {
    let limit = query.limit()?;
    let after = query.after.as_deref().map(str::parse::<EventId>);
    let after = after.transpose().map_err(|_| bad_after())?;
    let mut ids = store.events().await.map_err(store_failed)?;
    if let Some(after) = after {
        ids.retain(|id| *id > after);
    }
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = ids.last().filter(|_| more).map(EventId::to_string);
    let items = ShownEvent::read_all(&store, &ids)
        .await
        .map_err(store_failed)?;
    Ok(Json(List { items, next }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::stage::Stage;

    #[tokio::test]
    async fn every_event_comes_once_page_by_page_in_order_of_id() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let empty = replica.get("/api/v1/admin/events").await;
        assert_eq!(empty.body, json!({ "items": [], "next": null }));
        let ids = ["a", "b", "b-1", "c", "d", "e", "f"];
        for id in ids {
            replica.make(id, json!({ "stock": 1 })).await;
        }
        for limit in [1, 3, 6, 7, 1_000] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/v1/admin/events?limit={limit}{after}");
                let page = replica.get(&path).await.body;
                let items = page["items"].as_array().unwrap();
                assert!((1..=limit).contains(&items.len()), "{page}");
                seen.extend(
                    items
                        .iter()
                        .map(|item| item["event"].as_str().unwrap().to_owned()),
                );
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert_eq!(seen, ids, "limit {limit}");
        }
        let one = replica.get("/api/v1/admin/events/b").await.body;
        let listed = replica
            .get("/api/v1/admin/events?after=a&limit=1")
            .await
            .body;
        let but_for_the_time = |mut event: serde_json::Value| {
            event["at"].take();
            event
        };
        assert_eq!(
            but_for_the_time(one),
            but_for_the_time(listed["items"][0].clone()),
            "an event is the same in the list and alone"
        );
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_is_refused_by_the_parameters_name() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("limit=all", "limit"),
            ("after=", "after"),
            ("page=2", "page"),
        ] {
            let path = format!("/api/v1/admin/events?{query}");
            let refused = replica.get(&path).await.refused(400, "bad-request");
            assert_eq!(refused["field"], field, "{query}");
        }
    }
}
