//! `GET …/coupons/{code}`: a coupon, to its holder.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::{Path, Problem, Query};
use domain::{EventId, Holder};
use serde::Deserialize;

use super::rules_for;
use super::shown::Shown;
use crate::Desk;
use crate::caller::Caller;

/// For whom.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// For whom, with a service key.
    #[param(value_type = Option<String>, min_length = 1, max_length = 255)]
    user_id: Option<Holder>,
}

/// A coupon, to its holder. Somebody else's and none are answered alike.
#[utoipa::path(
    get, operation_id = "book_coupon", path = "/api/v1/books/{book}/coupons/{code}", tag = "books",
    params(("book" = String, Path, description = "The book's id"), ("code" = String, Path, description = "The code"), Asked),
    responses(
        (status = 200, description = "The coupon as it stands", body = Shown),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`no-such-book` or `no-such-coupon`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("access_token" = []), ("service_key" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Path((book, code)): Path<(EventId, String)>,
    Query(asked): Query<Asked>,
) -> Result<Json<Shown>, Problem> {
    let holder = caller.holder(asked.user_id)?;
    let rules = rules_for(&desk, &caller, &book).await?;
    let held = desk.store.book_coupon(&book, &code, &holder).await;
    let (coupon, now) = held
        .map_err(Problem::try_again)?
        .ok_or_else(|| caller.no_such_coupon(&desk))?;
    Ok(Json(Shown::new(&code, &coupon, &rules, now)))
}
