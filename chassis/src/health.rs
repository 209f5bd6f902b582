//! Health: alive is "the process answers", ready is "every store that a role needs answers".

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::lifecycle::Lifecycle;

/// Where a probe asks whether the process is ready.
pub(crate) const READY: &str = "/health/ready";

/// How long a check may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The readiness checks, registered by name; cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<RwLock<Vec<(&'static str, Check)>>>,
}

impl Health {
    /// Registers a check: `check` resolves to `Ok` when the part works, else to a sentence that says what is wrong.
    pub fn register<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check: Check = Arc::new(move || check().boxed());
        self.checks.write().push((name, check));
    }

    /// Runs every check at once; each may take as long as `patience`.
    async fn results(&self, patience: Duration) -> Vec<(&'static str, Result<(), String>)> {
        let checks = self.checks.read().clone();
        join_all(checks.into_iter().map(|(name, check)| async move {
            let result = tokio::time::timeout(patience, check())
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} ms", patience.as_millis())));
            (name, result)
        }))
        .await
    }
}

/// `GET /health` of the public door.
pub(crate) fn public_routes() -> Router {
    Router::new().route("/health", get(healthy))
}

/// `GET /health/live` and `GET /health/ready` of the ops door.
pub(crate) fn ops_routes(health: Health, lifecycle: Lifecycle) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route(READY, get(ready))
        .with_state((health, lifecycle))
}

/// The public door answers.
#[utoipa::path(
    get,
    path = "/health",
    tag = "every process",
    responses((status = 200, description = "`{\"status\": \"healthy\"}`", body = Value))
)]
pub(crate) async fn healthy() -> Json<Value> {
    Json(json!({"status": "healthy"}))
}

/// The ops door answers.
#[utoipa::path(
    get,
    operation_id = "process_live",
    path = "/health/live",
    tag = "every process",
    responses((status = 200, description = "`{\"status\": \"live\"}`", body = Value))
)]
pub(crate) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// 200 when every check passes and nothing is stopping, else 503; the body names every check with what is wrong.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "every process",
    responses(
        (status = 200, description = "Every store answers: `{\"status\": \"ready\", \"checks\": {…}}`", body = Value),
        (status = 503, description = "One does not, or the process is stopping; the body says which", body = Value),
    )
)]
pub(crate) async fn ready(
    State((health, lifecycle)): State<(Health, Lifecycle)>,
) -> (StatusCode, Json<Value>) {
    let results = health.results(PATIENCE).await;
    let (status, word) = if lifecycle.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if results.iter().all(|(_, result)| result.is_ok()) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not-ready")
    };
    let checks: serde_json::Map<_, _> = results
        .into_iter()
        .map(|(name, result)| (name.to_owned(), result.err().unwrap_or("ok".into()).into()))
        .collect();
    (status, Json(json!({"status": word, "checks": checks})))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(health: &Health, lifecycle: &Lifecycle) -> (u16, Value) {
        let (status, Json(body)) = ready(State((health.clone(), lifecycle.clone()))).await;
        (status.as_u16(), body)
    }

    #[tokio::test]
    async fn ready_names_every_part_and_what_is_wrong_with_it() {
        let (health, lifecycle) = (Health::default(), Lifecycle::new());
        health.register("redis", || async { Ok(()) });
        let (status, body) = asked(&health, &lifecycle).await;
        assert_eq!((status, &body["checks"]["redis"]), (200, &json!("ok")));

        health.register("ledger", || async { Err("connection refused".to_owned()) });
        let (status, body) = asked(&health, &lifecycle).await;
        assert_eq!((status, &body["status"]), (503, &json!("not-ready")));
        assert_eq!(body["checks"]["ledger"], "connection refused");
    }

    #[tokio::test]
    async fn a_check_that_hangs_counts_as_failed() {
        let health = Health::default();
        health.register("log", std::future::pending);
        let results = health.results(Duration::from_millis(1)).await;
        assert_eq!(results, [("log", Err("no answer within 1 ms".to_owned()))]);
    }

    #[tokio::test]
    async fn a_process_that_stops_is_not_ready() {
        let (health, lifecycle) = (Health::default(), Lifecycle::new());
        lifecycle.stop();
        let (status, body) = asked(&health, &lifecycle).await;
        assert_eq!((status, &body["status"]), (503, &json!("stopping")));
    }
}
