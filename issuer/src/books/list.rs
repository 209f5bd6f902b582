//! `GET …/coupons`: the coupons of a book, as the ledger knows them, as a list or as CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chassis::list::{List, page_limit};
use chassis::{Path, Problem, Query};
use domain::EventId;
use domain::book::{CouponState, Rules};
use ledger::{BookCoupon, Wanted};
use serde::Deserialize;

use super::shown::{Shown, StateSchema};
use super::{csv, ledger_failed, rules};
use crate::Desk;

/// The columns of the CSV.
const COLUMNS: &[&str] = &[
    "code",
    "state",
    "holder",
    "assigned_at",
    "locked_until",
    "redemptions",
    "remaining",
];

/// Which coupons.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only those in this state.
    #[param(value_type = Option<StateSchema>, example = "assigned")]
    state: Option<CouponState>,
    /// The `next` of the page before.
    #[param(min_length = 1)]
    after: Option<String>,
    /// Most items of the page; 50 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The coupons of a book, in order of code, as the ledger knows them.
///
/// With `Accept: text/csv` all of them from `after` on as CSV, whatever `limit` says.
#[utoipa::path(
    get, operation_id = "book_coupons", path = "/api/v1/admin/books/{book}/coupons", tag = "books",
    params(("book" = String, Path, description = "The book's id"), Asked),
    responses(
        (status = 200, description = "A page of the list, or CSV", content((List<Shown> = "application/json"), (String = "text/csv"))),
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
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = page_limit(asked.limit)?;
    let rules = rules(&desk, &book).await?;
    let after = asked.after.unwrap_or_default();
    if csv::is_wanted(&headers) {
        return csv::streamed(COLUMNS, after, move |after| {
            let (desk, book, rules) = (desk.clone(), book.clone(), rules.clone());
            async move { page(&desk, &book, &rules, (asked.state, &after), csv::PAGE).await }
        })
        .await;
    }
    let (items, next) = page(&desk, &book, &rules, (asked.state, &after), limit).await?;
    Ok(Json(List { items, next }).into_response())
}

/// The coupons in a state after a code, and where to read on.
async fn page(
    desk: &Desk,
    book: &EventId,
    rules: &Rules,
    (state, after): (Option<CouponState>, &str),
    limit: usize,
) -> csv::Page<Shown> {
    let now = desk.store.now().await.map_err(Problem::try_again)?;
    let wanted = Wanted {
        state,
        now,
        is_over: rules.are_over(now),
    };
    let rows = desk.ledger.book_coupons(book, wanted, after, limit + 1);
    let rows = rows.await.map_err(ledger_failed)?;
    let List { items, next } = List::<BookCoupon>::page(rows, limit, |row| row.code.clone());
    let items = items.into_iter().map(|row| Shown::kept(row, rules, now));
    Ok((items.collect(), next))
}
