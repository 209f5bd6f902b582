//! `DELETE …/coupons/{code}/lock`: ends a lock before its time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::{Json, Path, Problem};
use domain::{EventId, Holder};
use lua::{BookStep, StepAsked};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{rules_for, stepped};
use crate::Desk;
use crate::caller::Caller;

/// Which lock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnlockBody)]
pub struct Body {
    /// For whom, with a service key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    user_id: Option<Holder>,
    /// The secret that locking gave.
    lock_token: String,
}

/// Ends a lock. One that has ended already is no fault.
#[utoipa::path(
    delete, operation_id = "unlock", path = "/api/v1/books/{book}/coupons/{code}/lock", tag = "books",
    params(("book" = String, Path, description = "The book's id"), ("code" = String, Path, description = "The code")),
    request_body = Body,
    responses(
        (status = 204, description = "It is not locked"),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`no-such-book` or `no-such-coupon`"),
        (status = 409, description = "`coupon-locked`: by another lock; `state-move` (with `from`, `to`) or `coupon-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again` or `outcome-unknown`, with `Retry-After`"),
    ),
    security(("access_token" = []), ("service_key" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Path((book, code)): Path<(EventId, String)>,
    Json(body): Json<Body>,
) -> Result<StatusCode, Problem> {
    let holder = caller.holder(body.user_id)?;
    let rules = rules_for(&desk, &caller, &book).await?;
    let asked = StepAsked {
        by: caller.name().to_owned(),
        code: code.clone(),
        holder: Some(holder),
        step: BookStep::Unlock {
            token: body.lock_token,
        },
        metadata: None,
        once: None,
    };
    let outcome = desk.store.step_coupon(&book, &asked).await;
    stepped(&desk, Some(&caller), &book, &rules, &code, outcome).await?;
    Ok(StatusCode::NO_CONTENT)
}
