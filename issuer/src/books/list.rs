//! `GET …/coupons`: the coupons of a book, as the ledger knows them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::{List, page_limit};
use chassis::{Path, Problem, Query};
use domain::EventId;
use domain::book::CouponState;
use ledger::Wanted;
use serde::Deserialize;

use super::shown::Shown;
use super::{ledger_failed, rules};
use crate::Desk;

/// Which coupons.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only those in this state.
    #[param(value_type = Option<String>, example = "assigned")]
    state: Option<CouponState>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most items of the page; 50 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The coupons of a book, in order of code, as the ledger knows them.
#[utoipa::path(
    get, operation_id = "book_coupons", path = "/api/v1/admin/books/{book}/coupons", tag = "books",
    params(("book" = String, Path, description = "The book's id"), Asked),
    responses(
        (status = 200, description = "A page of the list", body = List<Shown>),
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
) -> Result<Json<List<Shown>>, Problem> {
    let limit = page_limit(asked.limit)?;
    let rules = rules(&desk, &book).await?;
    let now = desk.store.now().await.map_err(Problem::try_again)?;
    let wanted = Wanted {
        state: asked.state,
        now,
        is_over: rules.are_over(now),
    };
    let after = asked.after.as_deref().unwrap_or_default();
    let rows = desk.ledger.book_coupons(&book, wanted, after, limit + 1);
    let mut rows = rows.await.map_err(ledger_failed)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Json(List {
        next: rows.last().filter(|_| more).map(|row| row.code.clone()),
        items: rows
            .into_iter()
            .map(|row| Shown::kept(row, &rules, now))
            .collect(),
    }))
}
