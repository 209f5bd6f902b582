//! `POST …/coupons/{code}/cancel`: the organiser takes a coupon from its holder.

use std::sync::Arc;

use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Keyed, Path, Problem};
use domain::EventId;
use domain::once::Once;
use lua::{BookStep, StepAsked};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown::Shown;
use super::{rules, stepped};
use crate::Desk;
use crate::once::refused_once;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancelBody)]
pub struct Body {
    /// Kept in the coupon's history: 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Takes a coupon from its holder: back to the unassigned ones, or over for good, as the book says.
#[utoipa::path(
    post, operation_id = "cancel_coupon", path = "/api/v1/admin/books/{book}/coupons/{code}/cancel", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"), ("code" = String, Path, description = "The code"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 200, description = "The coupon as it is now", body = Shown),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book` or `no-such-coupon`"),
        (status = 409, description = "`state-move`: it is nobody's (with `from`, `to`); `coupon-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 503, description = "`try-again` or `outcome-unknown`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    staff: Staff,
    Path((book, code)): Path<(EventId, String)>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<axum::Json<Shown>, Problem> {
    let once = asked.by(staff.name());
    let call = cancel(&desk, &staff, (&book, code), &body, once.clone());
    let shown = refused_once(&desk.store, once.as_ref(), call).await?;
    Ok(axum::Json(shown))
}

async fn cancel(
    desk: &Desk,
    staff: &Staff,
    (book, code): (&EventId, String),
    body: &Body,
    once: Option<Once>,
) -> Result<Shown, Problem> {
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Problem::field(
            "reason",
            "`reason` must be 1 to 500 characters.",
        ));
    }
    let rules = rules(desk, book).await?;
    let asked = StepAsked {
        by: staff.name().to_owned(),
        code: code.clone(),
        holder: None,
        step: BookStep::Cancel,
        metadata: Some(serde_json::json!({ "reason": reason }).to_string()),
        once,
    };
    let outcome = desk.store.step_coupon(book, &asked).await;
    stepped(desk, None, book, &rules, &code, outcome).await
}
