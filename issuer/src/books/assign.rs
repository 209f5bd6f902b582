//! `POST …/assignments`: hands out coupons, any or a given one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::{Keyed, Path, Problem};
use domain::book::MOST_AT_ONCE;
use domain::once::Once;
use domain::{EventId, Holder, Refusal};
use lua::{Assign, Assigned};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::kept;
use super::shown::Shown;
use crate::Desk;
use crate::caller::Caller;
use crate::once::refused_once;
use crate::redeem::lost;

/// Which coupons are wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentBody)]
pub struct Body {
    /// For whom, with a service key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    user_id: Option<Holder>,
    /// The code that is wanted; left out, any is given, at random.
    #[schema(min_length = 1)]
    code: Option<String>,
    /// How many; 1.
    #[schema(minimum = 1, maximum = 100)]
    count: Option<u32>,
}

/// The coupons that were handed out.
#[derive(Serialize, ToSchema)]
#[schema(as = Assignment)]
pub struct Answer {
    /// As many as were asked for.
    coupons: Vec<Shown>,
}

/// Hands out coupons of a book, as many as asked or none.
#[utoipa::path(
    post, operation_id = "assign", path = "/api/v1/books/{book}/assignments", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 201, description = "The coupons are the holder's", body = Answer),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`no-such-book`; `no-such-coupon`: the given code is somebody's, or does not exist"),
        (status = 409, description = "`limit-reached`, `none-left` (with `available`) or `coupon-expired`"),
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
    Path(book): Path<EventId>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<(StatusCode, axum::Json<Answer>), Problem> {
    let once = asked.by(caller.name());
    let call = assign(&desk, &caller, &book, body, once.clone());
    let coupons = refused_once(&desk.store, once.as_ref(), call).await?;
    Ok((StatusCode::CREATED, axum::Json(Answer { coupons })))
}

async fn assign(
    desk: &Desk,
    caller: &Caller,
    book: &EventId,
    body: Body,
    once: Option<Once>,
) -> Result<Vec<Shown>, Problem> {
    let holder = caller.holder(body.user_id)?;
    let count = body.count.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&count) || (body.code.is_some() && count > 1) {
        return Err(Problem::field(
            "count",
            "`count` must be a whole number from 1 to 100, and 1 with a given code.",
        ));
    }
    if body.code.as_deref() == Some("") {
        let detail = "`code` must name a code; leave it out for any.";
        return Err(Problem::field("code", detail));
    }
    caller.scoped(book)?;
    caller.may_name_a_code(desk)?;
    let asked = Assign {
        by: caller.name().to_owned(),
        holder: holder.clone(),
        count,
        code: body.code,
        once,
    };
    let assigned = desk.store.assign(book, &asked).await.map_err(lost)?;
    Err(match assigned {
        Assigned::Assigned {
            codes,
            at,
            ordinal,
            uses,
            ack,
        } => {
            kept(desk, book, ack, Some(ordinal)).await?;
            let shown = |code: &String| Shown::assigned(code, &holder, uses, at);
            return Ok(codes.iter().map(shown).collect());
        }
        Assigned::NoneLeft(free) => Problem::from(Refusal::NoneLeft).with("available", free),
        Assigned::NoSuchCoupon => caller.no_such_coupon(desk),
        Assigned::LimitReached => Refusal::LimitReached.into(),
        Assigned::Expired => Refusal::CouponExpired.into(),
        Assigned::Mismatch => Refusal::IdempotencyMismatch.into(),
        Assigned::NoSuchBook => Refusal::NoSuchBook.into(),
    })
}
