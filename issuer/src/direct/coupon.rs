//! `GET /api/coupons/{name}`: a coupon and all who claimed it, in order of claim; streamed when they are many.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use domain::{EventId, Holder, Phase};
use futures_util::stream::{self, StreamExt as _};
use lua::{Claims, DirectEvent, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use super::refused::{Refused, Said};
use crate::Desk;

/// Up to so many claims are one piece; more are streamed.
const ONE_PIECE: u64 = 1_000;

/// A coupon as its claimants see it. The figures and the list are of one moment.
#[derive(Serialize, ToSchema)]
#[schema(as = DirectCoupon)]
pub struct Shown {
    /// Its name.
    #[schema(example = "FLASH-SALE")]
    name: String,
    /// How many there ever were.
    amount: u64,
    /// How many are left.
    remaining_amount: u64,
    /// Who claimed one, in order of claim.
    #[schema(value_type = Vec<String>)]
    claimed_by: Vec<Holder>,
}

/// A coupon and who claimed it.
#[utoipa::path(
    get,
    operation_id = "coupon",
    path = "/api/coupons/{name}",
    tag = "direct",
    params(("name" = String, Path, description = "The coupon's name, percent-encoded; its case counts")),
    responses(
        (status = 200, description = "The coupon", body = Shown),
        (status = 404, description = "`coupon not found`", body = Said),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 500, description = "`internal server error`", body = Said),
    )
)]
pub async fn coupon(desk: &Desk, name: &str) -> Result<Response, Refused> {
    let event = EventId::from_encoded(name).map_err(|_| Refused::NotFound)?;
    let failed = |error: StoreError| Refused::Failed(error.to_string());
    let held = desk.store.direct_event(&event).await.map_err(failed)?;
    let mut held = held
        .filter(|held| held.phase != Phase::Draft)
        .ok_or(Refused::NotFound)?;
    if held.claimed > ONE_PIECE {
        return Ok(streamed(&event, held));
    }
    let mut claimed_by = Vec::new();
    while let Some(more) = held.claims.next().await.map_err(failed)? {
        claimed_by.extend(more);
    }
    Ok(Json(Shown {
        name: event.to_string(),
        amount: held.total,
        remaining_amount: held.remaining,
        claimed_by,
    })
    .into_response())
}

/// The same JSON, written piece by piece.
fn streamed(event: &EventId, held: DirectEvent) -> Response {
    let opening = format!(
        r#"{{"name":{},"amount":{},"remaining_amount":{},"claimed_by":["#,
        serde_json::Value::from(event.as_str()),
        held.total,
        held.remaining
    );
    let holders = stream::try_unfold((held.claims, true), |(claims, first)| next(claims, first));
    let ends = |end: String| stream::iter([Ok(Bytes::from(end))]);
    let whole = ends(opening).chain(holders).chain(ends("]}".to_owned()));
    (
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(whole),
    )
        .into_response()
}

/// The next holders as a piece of a JSON list.
async fn next(
    mut claims: Claims,
    first: bool,
) -> Result<Option<(Bytes, (Claims, bool))>, StoreError> {
    let Some(holders) = claims.next().await? else {
        return Ok(None);
    };
    let list = serde_json::to_string(&holders).unwrap_or_default();
    let inner = list.trim_start_matches('[').trim_end_matches(']');
    let piece = if first {
        inner.to_owned()
    } else {
        format!(",{inner}")
    };
    Ok(Some((piece.into(), (claims, false))))
}
