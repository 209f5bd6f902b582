//! `GET …/history`: every step that a coupon of the book made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Path, Problem, Query};
use domain::{EventId, Millis};
use ledger::HistoryRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ledger_failed, rules};
use crate::Desk;

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
    /// Who did it: an account, a service key, or `admin` for the admin token.
    by: String,
    /// What came with it.
    #[schema(value_type = Option<Object>, required)]
    metadata: Option<Value>,
}

/// Every step that coupons of the book made, oldest first.
#[utoipa::path(
    get, operation_id = "book_history", path = "/api/v1/admin/books/{book}/history", tag = "books",
    params(("book" = String, Path, description = "The book's id"), ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<Entry>),
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
) -> Result<Json<List<Entry>>, Problem> {
    let limit = query.limit()?;
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| bad_after())?.unwrap_or(0);
    rules(&desk, &book).await?;
    let rows = desk.ledger.coupon_history(&book, after, limit + 1);
    let mut rows = rows.await.map_err(ledger_failed)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more);
    Ok(Json(List {
        next: next.map(|row| row.ordinal.to_string()),
        items: rows.into_iter().map(Entry::from).collect(),
    }))
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
