//! `POST …/coupons/{code}/redemption`: uses a coupon, once.

use std::sync::Arc;

use axum::extract::State;
use chassis::{Keyed, Path, Problem};
use domain::book::MOST_METADATA;
use domain::once::Once;
use domain::{EventId, Holder, Millis};
use lua::{BookStep, StepAsked, SteppedCoupon};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{rules_for, stepped};
use crate::Desk;
use crate::caller::Caller;
use crate::once::refused_once;

/// How it is used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RedemptionBody)]
pub struct Body {
    /// For whom, with a service key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    user_id: Option<Holder>,
    /// The secret of the lock, if the coupon is locked.
    lock_token: Option<String>,
    /// Any JSON that belongs to the redemption, kept in its history: at most 4 KiB.
    metadata: Option<Value>,
}

/// A redemption.
#[derive(Serialize, ToSchema)]
#[schema(as = Redemption)]
pub struct Answer {
    /// When, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    redeemed_at: Millis,
    /// How often the coupon has been redeemed by now.
    redemptions: u32,
    /// How often it may still be.
    remaining: u32,
}

/// Redeems a coupon. One of several uses stays assigned until its last.
#[utoipa::path(
    post, operation_id = "redeem_coupon", path = "/api/v1/books/{book}/coupons/{code}/redemption", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"), ("code" = String, Path, description = "The code"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 200, description = "It is redeemed", body = Answer),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`no-such-book` or `no-such-coupon`"),
        (status = 409, description = "`coupon-locked`, `limit-reached`, `state-move` (with `from`, `to`) or `coupon-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again` or `outcome-unknown`, with `Retry-After`"),
    ),
    security(("access_token" = []), ("service_key" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Path((book, code)): Path<(EventId, String)>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<axum::Json<Answer>, Problem> {
    let once = asked.by(caller.name());
    let call = redeem(&desk, &caller, (&book, code), body, once.clone());
    let answer = refused_once(&desk.store, once.as_ref(), call).await?;
    Ok(axum::Json(answer))
}

async fn redeem(
    desk: &Desk,
    caller: &Caller,
    (book, code): (&EventId, String),
    body: Body,
    once: Option<Once>,
) -> Result<Answer, Problem> {
    let holder = caller.holder(body.user_id)?;
    let metadata = body.metadata.map(|metadata| metadata.to_string());
    if (metadata.as_ref()).is_some_and(|text| text.len() > MOST_METADATA) {
        return Err(Problem::field(
            "metadata",
            "`metadata` must be at most 4 KiB of JSON.",
        ));
    }
    let rules = rules_for(desk, caller, book).await?;
    let asked = StepAsked {
        by: caller.name().to_owned(),
        code: code.clone(),
        holder: Some(holder),
        step: BookStep::Redeem {
            token: body.lock_token,
        },
        metadata,
        once,
    };
    let outcome = desk.store.step_coupon(book, &asked).await;
    let redeemed_at = match &outcome {
        Ok(SteppedCoupon::Done { at, .. }) => *at,
        _ => Millis::default(),
    };
    let shown = stepped(desk, Some(caller), book, &rules, &code, outcome).await?;
    let (redemptions, remaining) = shown.redemptions();
    Ok(Answer {
        redeemed_at,
        redemptions,
        remaining,
    })
}
