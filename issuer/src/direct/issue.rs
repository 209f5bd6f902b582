//! `POST /api/v1/coupons/issue`: the same claim, with an answer in words.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::{Json, Problem};
use domain::{EventId, Holder, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::take::{TakeError, Taken, count, take};
use crate::Desk;
use crate::redeem::lost;

/// Who wants a coupon of what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueBody)]
pub struct Body {
    /// Who: 1 to 255 characters.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    user_id: Holder,
    /// Of which event.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    event_id: EventId,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Issued)]
pub struct Answer {
    /// Is there a coupon from this call?
    success: bool,
    /// The same in words.
    message: &'static str,
    /// The coupon's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon_id: Option<String>,
    /// Coupons left, where this call knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_stock: Option<u64>,
}

/// Issues a coupon of an event without a line.
///
/// What the event decides is told with status 200; a 503 `outcome-unknown` is not a fail: ask again.
#[utoipa::path(
    post,
    operation_id = "issue",
    path = "/api/v1/coupons/issue",
    tag = "direct",
    request_body = Body,
    responses(
        (status = 200, description = "Issued or not, and why", body = Answer),
        (status = 202, description = "Issued, not yet kept as far as the ack level after five seconds", body = Answer),
        (status = 400, description = "`bad-request`, naming the field"),
        (status = 404, description = "`no-such-event`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`outcome-unknown` or `try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, axum::Json<Answer>), Problem> {
    let taken = take(&desk, &body.event_id, body.user_id).await;
    count(&taken);
    let taken = taken.map_err(|error| match error {
        TakeError::Store(error) => lost(error),
        TakeError::NoCode(_) => Problem::try_again(error),
    })?;
    let no = |message, remaining_stock| Answer {
        success: false,
        message,
        coupon_id: None,
        remaining_stock,
    };
    let answer = match taken {
        Taken::Issued {
            issue,
            remaining,
            kept,
        } => {
            let (status, message) = if kept {
                (StatusCode::OK, "You have a coupon.")
            } else {
                (
                    StatusCode::ACCEPTED,
                    "You have a coupon; its record is on the way.",
                )
            };
            let answer = Answer {
                success: true,
                message,
                coupon_id: Some(issue.coupon.code),
                remaining_stock: Some(remaining),
            };
            return Ok((status, axum::Json(answer)));
        }
        Taken::AlreadyIssued => no("You have taken part already.", None),
        Taken::SoldOut => no("Every coupon is gone.", Some(0)),
        Taken::NotOpen(_) => no("The event is not open.", None),
        Taken::HasALine => no(
            "This event has a line: enter it, and redeem the ticket it gives you.",
            None,
        ),
        Taken::NoSuchEvent => return Err(Refusal::NoSuchEvent.into()),
    };
    Ok((StatusCode::OK, axum::Json(answer)))
}
