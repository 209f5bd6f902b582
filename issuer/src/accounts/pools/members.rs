//! `GET|POST|DELETE /api/v1/admin/pools/{pool}/members`: who is in a pool.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::admin::Staff;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Keyed, Path, Problem, Query};
use domain::{Holder, Refusal};
use ledger::Membership;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ShownPool, named, shown};
use crate::accounts::{Accounts, act, ledger_failed};
use crate::once::answered_once;

/// Most users of one call.
const MOST_USERS: usize = 1_000;

/// A user in a pool.
#[derive(Serialize, ToSchema)]
#[schema(as = PoolMember)]
pub struct ShownMember {
    /// Any id of 1–255 characters.
    #[schema(value_type = String)]
    user_id: Holder,
}

/// Who is put in or taken out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PoolMembers)]
pub struct Body {
    /// 1–1000 ids of any kind; repeated ones are fine.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1000)]
    user_ids: Vec<Holder>,
}

/// Who is in a pool, a list in order of id.
#[utoipa::path(
    get, operation_id = "pool_members", path = "/api/v1/admin/pools/{pool}/members", tag = "pools",
    params(("pool" = String, Path, description = "The pool's id"), ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownMember>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-pool`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn get_handler(
    State(accounts): State<Arc<Accounts>>,
    Path(pool): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownMember>>, Problem> {
    let limit = query.limit()?;
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| bad_after())?;
    let found = accounts
        .ledger
        .pool_members(&named(&pool)?, after.as_ref(), limit + 1)
        .await
        .map_err(ledger_failed)?;
    let found = found.ok_or(Refusal::NoSuchPool)?;
    Ok(Json(List::page(found, limit, ToString::to_string)))
}

impl From<Holder> for ShownMember {
    fn from(user_id: Holder) -> Self {
        Self { user_id }
    }
}

/// Puts users into a pool. Who is in it already stays.
#[utoipa::path(
    post, operation_id = "add_pool_members", path = "/api/v1/admin/pools/{pool}/members", tag = "pools",
    params(
        ("pool" = String, Path, description = "The pool's id"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 201, description = "All of them are in it", body = ShownPool),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-pool`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn post_handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(pool): Path<String>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<(StatusCode, Json<ShownPool>), Problem> {
    let once = asked.by(staff.name());
    let call = set(&accounts, &staff, &pool, &body, Membership::In);
    let pool = answered_once(&accounts.store, once.as_ref(), call).await?;
    Ok((StatusCode::CREATED, Json(pool)))
}

/// Takes users out of a pool. Who is not in it is no fault.
#[utoipa::path(
    delete, operation_id = "remove_pool_members", path = "/api/v1/admin/pools/{pool}/members", tag = "pools",
    params(
        ("pool" = String, Path, description = "The pool's id"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 204, description = "None of them is in it"),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-pool`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn delete_handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    Path(pool): Path<String>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<StatusCode, Problem> {
    let once = asked.by(staff.name());
    let call = set(&accounts, &staff, &pool, &body, Membership::Out);
    answered_once(&accounts.store, once.as_ref(), call).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(
    accounts: &Accounts,
    staff: &Staff,
    pool: &str,
    body: &Body,
    membership: Membership,
) -> Result<ShownPool, Problem> {
    if !(1..=MOST_USERS).contains(&body.user_ids.len()) {
        let detail = format!("`user_ids` must name 1 to {MOST_USERS} users.");
        return Err(Problem::field("user_ids", detail));
    }
    let pool = named(pool)?;
    let act = act(staff, accounts.now().await?);
    let set = accounts
        .ledger
        .set_members(&pool, &body.user_ids, membership, act)
        .await;
    if set.map_err(ledger_failed)? {
        shown(accounts, &pool).await
    } else {
        Err(Refusal::NoSuchPool.into())
    }
}
