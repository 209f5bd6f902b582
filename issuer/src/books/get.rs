//! `GET /api/v1/admin/books/{book}`: a book, and how its coupons stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem};
use domain::book::CouponState;
use domain::{EventId, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use super::ledger_failed;
use super::shown::ShownListed;
use crate::Desk;

/// A book, and how its coupons stand.
#[derive(Serialize, ToSchema)]
#[schema(as = BookWithCoupons)]
pub struct Answer {
    #[serde(flatten)]
    book: ShownListed,
    /// How many coupons stand where: `unassigned`, `assigned`, `locked`, `redeemed`, `expired`, as the ledger knows them.
    #[schema(value_type = BTreeMap<String, u64>)]
    coupons: BTreeMap<CouponState, u64>,
}

/// A book with its rules, and how many of its coupons stand where.
#[utoipa::path(
    get, operation_id = "book", path = "/api/v1/admin/books/{book}", tag = "books",
    params(("book" = String, Path, description = "The book's id")),
    responses(
        (status = 200, description = "The book", body = Answer),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<EventId>,
) -> Result<Json<Answer>, Problem> {
    let held = desk.store.book(&id).await.map_err(Problem::try_again)?;
    let held = held.ok_or(Refusal::NoSuchBook)?;
    let book = held.book;
    let now = desk.store.now().await.map_err(Problem::try_again)?;
    let is_over = book.rules.are_over(now);
    let coupons = desk.ledger.coupons_by_state(&id, now, is_over).await;
    let coupons = coupons.map_err(ledger_failed)?;
    let book = ShownListed::new(book, held.for_event, desk.default_ack);
    Ok(Json(Answer { book, coupons }))
}
