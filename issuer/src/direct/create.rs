//! `POST /api/coupons`: anybody creates a coupon, where the organiser lets them.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use domain::EventId;
use domain::event::Event;
use lua::{Change, PutOutcome};
use utoipa::ToSchema;

use super::body::{Fields, amount, named};
use super::refused::{Refused, Said};
use crate::Desk;

/// Who a coupon is made by, in the audit.
const BY: Change<'static> = Change { by: "direct-api" };

/// A coupon to create.
#[derive(ToSchema)]
#[schema(as = CreateBody)]
#[expect(
    dead_code,
    reason = "it describes the body that `create` reads leniently"
)]
pub struct Body {
    /// Its name: 1 to 255 characters of any kind; case counts.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"\S",
        example = "FLASH-SALE"
    )]
    name: String,
    /// How many may be claimed.
    #[schema(minimum = 1, maximum = 2_147_483_647, example = 100)]
    amount: u32,
}

/// Creates a coupon that may be claimed at once.
#[utoipa::path(
    post,
    operation_id = "createCoupon",
    path = "/api/coupons",
    tag = "direct",
    request_body = Body,
    responses(
        (status = 201, description = "Created; no body"),
        (status = 400, description = "The body is not as it must be", body = Said),
        (status = 409, description = "`coupon already exists`", body = Said),
        (status = 413, description = "More than 1 MiB, told in plain text", body = String, content_type = "text/plain"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 500, description = "`internal server error`: the coupon may have been created", body = Said),
    )
)]
pub async fn create(desk: &Desk, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let fields = Fields::of(headers, body)?;
    let (name, given) = (fields.text("name")?, fields.whole("amount")?);
    let name: EventId = named("name", name)?;
    let event = Event::direct(name, amount(given)?, desk.default_ack);
    match desk.store.put_event(&event, 0, BY).await {
        Ok(PutOutcome::Created(_)) => Ok(StatusCode::CREATED.into_response()),
        Ok(PutOutcome::Conflict | PutOutcome::Held(_)) => Err(Refused::Exists),
        Err(error) => Err(Refused::Failed(error.to_string())),
    }
}
