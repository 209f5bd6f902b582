//! `GET /api/v1/admin/books`: every book, as the ledger knows it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};
use ledger::ListedBook;

use super::ledger_failed;
use super::shown::ShownListed;
use crate::Desk;

/// Every book with its rules, a list in order of id.
#[utoipa::path(
    get, operation_id = "books", path = "/api/v1/admin/books", tag = "books",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownListed>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownListed>>, Problem> {
    let limit = query.limit()?;
    if query.after.as_deref() == Some("") {
        return Err(bad_after());
    }
    let after = query.after.unwrap_or_default();
    let found = desk.ledger.books_after(&after, limit + 1).await;
    let found = found.map_err(ledger_failed)?;
    let List { items, next } =
        List::<ListedBook>::page(found, limit, |last| last.book.book.to_string());
    let shown = |one: ListedBook| ShownListed::new(one.book, one.for_event, desk.default_ack);
    let items = items.into_iter().map(shown).collect();
    Ok(Json(List { items, next }))
}
