//! Pools: named sets of users that coupons are dealt to. Operators read them, admins change them.

pub mod delete;
pub mod get;
pub mod list;
pub mod members;
pub mod put;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use chassis::Problem;
use chassis::admin::OpsGuard;
use domain::Refusal;
use domain::pool::PoolId;
use ledger::Pool;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::{Accounts, ledger_failed};

/// A pool.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Pool)]
pub struct ShownPool {
    /// Its id.
    #[schema(value_type = String, example = "gold")]
    pool: PoolId,
    /// What it is called.
    title: String,
    /// How many users are in it.
    members: u64,
}

/// The ops door's routes.
pub fn ops(accounts: &Arc<Accounts>, guard: &OpsGuard) -> Router {
    let pool = "/api/v1/admin/pools/{pool}";
    let routes = Router::new()
        .route("/api/v1/admin/pools", get(list::handler))
        .route(
            pool,
            get(get::handler).put(put::handler).delete(delete::handler),
        )
        .route(
            &format!("{pool}/members"),
            get(members::get_handler)
                .post(members::post_handler)
                .delete(members::delete_handler),
        );
    guard.staff(routes).with_state(accounts.clone())
}

/// The pool that a path names, for calls that want one that is there.
fn named(pool: &str) -> Result<PoolId, Problem> {
    pool.parse().map_err(|_| Refusal::NoSuchPool.into())
}

/// The pool as it stands.
async fn shown(accounts: &Accounts, pool: &PoolId) -> Result<ShownPool, Problem> {
    let held = accounts.ledger.pool(pool).await.map_err(ledger_failed)?;
    Ok(held.ok_or(Refusal::NoSuchPool)?.into())
}

impl From<Pool> for ShownPool {
    fn from(pool: Pool) -> Self {
        Self {
            pool: pool.pool,
            title: pool.title,
            members: pool.members,
        }
    }
}

/// The part of the API's description.
#[derive(OpenApi)]
#[openapi(
    paths(
        list::handler,
        get::handler,
        put::handler,
        delete::handler,
        members::get_handler,
        members::post_handler,
        members::delete_handler,
    ),
    tags((name = "pools", description = "Named sets of users that coupons are dealt to. On the ops door"))
)]
pub struct Api;
