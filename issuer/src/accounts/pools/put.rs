//! `PUT /api/v1/admin/pools/{pool}`: makes a pool, or names it anew.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::{Path, Problem};
use domain::pool::PoolId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ShownPool, shown};
use crate::accounts::{Accounts, act, ledger_failed};

/// Most characters of a title.
const LONGEST_TITLE: usize = 200;

/// The pool.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PoolPut)]
pub struct Body {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
}

/// Makes a pool, or names it anew; its members stay.
#[utoipa::path(
    put, operation_id = "put_pool", path = "/api/v1/admin/pools/{pool}", tag = "pools",
    params(("pool" = String, Path, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", description = "The pool's id: 1–63 characters of `a-z`, `0-9` and `-`")),
    request_body = Body,
    responses(
        (status = 200, description = "The pool was there and is now as put", body = ShownPool),
        (status = 201, description = "The pool is new", body = ShownPool),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(pool): Path<String>,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<(StatusCode, Json<ShownPool>), Problem> {
    let pool: PoolId = pool
        .parse()
        .map_err(|error| Problem::field("pool", format!("`pool` is in the path: {error}.")))?;
    if !(1..=LONGEST_TITLE).contains(&body.title.chars().count()) {
        let detail = format!("`title` must be 1 to {LONGEST_TITLE} characters.");
        return Err(Problem::field("title", detail));
    }
    let act = act(&staff, accounts.now().await?);
    let is_new = accounts.ledger.put_pool(&pool, &body.title, act).await;
    let status = if is_new.map_err(ledger_failed)? {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(shown(&accounts, &pool).await?)))
}
