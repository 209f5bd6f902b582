//! `POST /api/coupons/claim`: one coupon for a user, at once.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use domain::{EventId, Holder};
use utoipa::ToSchema;

use super::body::{Fields, named};
use super::refused::{Refused, Said};
use super::take::{Taken, count, take};
use crate::Desk;

/// Who wants a coupon of what.
#[derive(ToSchema)]
#[schema(as = ClaimBody)]
#[expect(
    dead_code,
    reason = "it describes the body that `claim` reads leniently"
)]
pub struct Body {
    /// Who: 1 to 255 characters.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"\S",
        example = "user_12345"
    )]
    user_id: String,
    /// Of what: the coupon's name, whose case counts.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"\S",
        example = "FLASH-SALE"
    )]
    coupon_name: String,
}

/// Claims a coupon without a line.
///
/// One for each user and coupon, never more than there are. The reply is empty and comes once the coupon is kept as far as
/// its ack level says; `GET /api/coupons/{name}` shows the claim from then on.
#[utoipa::path(
    post,
    operation_id = "claim",
    path = "/api/coupons/claim",
    tag = "direct",
    request_body = Body,
    responses(
        (status = 200, description = "Claimed; no body"),
        (status = 202, description = "Claimed, not yet kept as far as the ack level after five seconds; no body"),
        (status = 400, description = "The body is not as it must be, or `coupon out of stock`", body = Said),
        (status = 404, description = "`coupon not found`", body = Said),
        (status = 409, description = "`coupon already claimed by user`, also when none is left", body = Said),
        (status = 413, description = "More than 1 MiB, told in plain text", body = String, content_type = "text/plain"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 500, description = "`internal server error`: the claim may have been made; claiming again tells", body = Said),
    )
)]
pub async fn claim(desk: &Desk, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let fields = Fields::of(headers, body)?;
    let (user, name) = (fields.text("user_id")?, fields.text("coupon_name")?);
    let user: Holder = named("user_id", user)?;
    let event: EventId = named("coupon_name", name)?;
    let taken = take(desk, &event, user).await;
    count(&taken);
    match taken.map_err(|error| Refused::Failed(error.to_string()))? {
        Taken::Issued { kept: true, .. } => Ok(StatusCode::OK.into_response()),
        Taken::Issued { kept: false, .. } => Ok(StatusCode::ACCEPTED.into_response()),
        Taken::AlreadyIssued => Err(Refused::AlreadyClaimed),
        Taken::SoldOut => Err(Refused::OutOfStock),
        Taken::NotOpen(phase) => Err(Refused::NotOpen(phase)),
        Taken::HasALine | Taken::NoSuchEvent => Err(Refused::NotFound),
    }
}
