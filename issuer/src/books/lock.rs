//! `POST …/coupons/{code}/lock`: keeps everybody else from redeeming a coupon for a while.

use std::sync::Arc;

use axum::extract::State;
use chassis::{Keyed, Path, Problem};
use domain::book::LONGEST_LOCK_S;
use domain::once::Once;
use domain::secret::Secret;
use domain::{EventId, Holder, Millis};
use lua::{BookStep, StepAsked, SteppedCoupon};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{rules_for, stepped};
use crate::Desk;
use crate::caller::Caller;
use crate::once::refused_once;

/// For how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LockBody)]
pub struct Body {
    /// For whom, with a service key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    user_id: Option<Holder>,
    /// How long the lock lasts, in seconds; as long as the book says when left out.
    #[schema(minimum = 1, maximum = 3_600)]
    lock_s: Option<u64>,
}

/// A lock.
#[derive(Serialize, ToSchema)]
#[schema(as = Lock)]
pub struct Answer {
    /// The secret that redeeming or unlocking wants.
    lock_token: String,
    /// When it ends by itself, by the store's clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    locked_until: Option<Millis>,
}

/// Locks a coupon: until the lock ends only its token redeems it.
#[utoipa::path(
    post, operation_id = "lock", path = "/api/v1/books/{book}/coupons/{code}/lock", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"), ("code" = String, Path, description = "The code"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 200, description = "It is locked", body = Answer),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`no-such-book` or `no-such-coupon`"),
        (status = 409, description = "`coupon-locked`, `state-move` (with `from`, `to`) or `coupon-expired`"),
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
    let call = lock(&desk, &caller, (&book, code), body, once.clone());
    let answer = refused_once(&desk.store, once.as_ref(), call).await?;
    Ok(axum::Json(answer))
}

async fn lock(
    desk: &Desk,
    caller: &Caller,
    (book, code): (&EventId, String),
    body: Body,
    once: Option<Once>,
) -> Result<Answer, Problem> {
    let holder = caller.holder(body.user_id)?;
    if (body.lock_s).is_some_and(|lock_s| !(1..=LONGEST_LOCK_S).contains(&lock_s)) {
        return Err(Problem::field(
            "lock_s",
            "`lock_s` must be a whole number from 1 to 3600.",
        ));
    }
    let rules = rules_for(desk, caller, book).await?;
    let token = Secret::generate(&*desk.random);
    let asked = StepAsked {
        by: caller.name().to_owned(),
        code: code.clone(),
        holder: Some(holder),
        step: BookStep::Lock {
            token: token.reveal().to_owned(),
            lock_s: body.lock_s,
        },
        metadata: None,
        once,
    };
    let outcome = desk.store.step_coupon(book, &asked).await;
    // Asked a second time under one idempotency key, the lock is the first one's.
    let held = match &outcome {
        Ok(SteppedCoupon::Done { coupon, .. }) => {
            coupon.as_ref().and_then(|held| held.lock.clone())
        }
        _ => None,
    };
    stepped(desk, Some(caller), book, &rules, &code, outcome).await?;
    let held = held.ok_or_else(|| Problem::try_again("a lock that is none"))?;
    Ok(Answer {
        lock_token: held.token,
        locked_until: Some(held.until),
    })
}
