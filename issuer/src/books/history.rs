//! `GET …/history`: every step that a coupon of the book made, as a list or as CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Path, Problem, Query};
use domain::{EventId, Millis};
use ledger::HistoryRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{csv, ledger_failed, rules};
use crate::Desk;

/// The columns of the CSV.
const COLUMNS: &[&str] = &["at", "code", "user_id", "from", "to", "by", "metadata"];

/// A step that a coupon made.
#[derive(Serialize, ToSchema)]
#[schema(as = CouponStep)]
pub struct Entry {
    /// When, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
    /// Which coupon.
    code: String,
    /// Whose it was.
    user_id: String,
    /// Where it stood.
    from: String,
    /// Where it stood then.
    to: String,
    /// Who did it: an account, a service key, `admin` for the admin token; `line` or `claim` for what the book's event issued.
    by: String,
    /// What came with it.
    #[schema(required)]
    metadata: Option<Value>,
}

/// Every step that coupons of the book made, oldest first.
///
/// With `Accept: text/csv` all of them from `after` on as CSV, whatever `limit` says.
#[utoipa::path(
    get, operation_id = "book_history", path = "/api/v1/admin/books/{book}/history", tag = "books",
    params(("book" = String, Path, description = "The book's id"), ListQuery),
    responses(
        (status = 200, description = "A page of the list, or CSV", content((List<Entry> = "application/json"), (String = "text/csv"))),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(book): Path<EventId>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    let after = query.after.unwrap_or_else(|| "0".to_owned());
    rules(&desk, &book).await?;
    if csv::is_wanted(&headers) {
        return csv::streamed(COLUMNS, after, move |after| {
            let (desk, book) = (desk.clone(), book.clone());
            async move { page(&desk, &book, &after, csv::PAGE).await }
        })
        .await;
    }
    let (items, next) = page(&desk, &book, &after, limit).await?;
    Ok(Json(List { items, next }).into_response())
}

/// The steps after a record, and where to read on.
async fn page(desk: &Desk, book: &EventId, after: &str, limit: usize) -> csv::Page<Entry> {
    let after = after.parse().map_err(|_| bad_after())?;
    let rows = desk.ledger.coupon_history(book, after, limit + 1);
    let rows = rows.await.map_err(ledger_failed)?;
    let List { items, next } = List::page(rows, limit, |row| row.ordinal.to_string());
    Ok((items, next))
}

impl From<HistoryRow> for Entry {
    fn from(row: HistoryRow) -> Self {
        Self {
            at: row.at,
            code: row.code,
            user_id: row.user_id,
            from: row.from,
            to: row.to,
            by: row.by,
            metadata: row.metadata,
        }
    }
}
