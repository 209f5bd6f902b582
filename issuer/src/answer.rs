//! What a redemption is answered with, by the call that made it and by the call that looks at it again.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use domain::coupon::Issue;
use domain::event::AckLevel;
use domain::{EventId, Millis};
use serde::Serialize;
use utoipa::ToSchema;

/// A coupon was issued.
pub enum Answer {
    /// It is kept as far as the event wants: the holder may rely on it.
    Pass(Box<Pass>),
    /// It is not kept that far yet.
    Pending(Pending),
}

/// The holder has a coupon.
#[derive(Serialize, ToSchema)]
pub struct Pass {
    /// Always `pass`.
    #[schema(example = "pass")]
    result: &'static str,
    /// Whose coupon.
    #[schema(value_type = String, example = "demo")]
    event: EventId,
    /// The coupon.
    #[schema(inline)]
    coupon: Coupon,
    /// Who has it: the place id.
    holder: String,
    /// When it was issued, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    issued_at: Millis,
    /// The record that tells of it.
    #[schema(example = "demo:1:18")]
    record_id: String,
    /// How far it is kept: `redis`, `log` or `ledger`.
    #[schema(value_type = String, example = "log")]
    ack: AckLevel,
    /// Was it issued before this call?
    replayed: bool,
}

/// A coupon.
#[derive(Serialize, ToSchema)]
struct Coupon {
    /// The printable string.
    code: String,
    /// Its ordinal in the event, from 1.
    serial: u64,
}

/// A coupon was issued and its record is stored, but not yet kept as far as the event wants. The same ticket passes later.
#[derive(Serialize, ToSchema)]
pub struct Pending {
    /// Always `pending`.
    #[schema(example = "pending")]
    result: &'static str,
    /// The record that tells of it.
    #[schema(example = "demo:1:18")]
    record_id: String,
    #[serde(skip)]
    location: String,
}

impl Answer {
    /// The holder may rely on `issue`.
    pub fn pass(event: EventId, issue: Issue, ack: AckLevel, replayed: bool) -> Self {
        Self::Pass(Box::new(Pass {
            result: "pass",
            event,
            coupon: Coupon {
                code: issue.coupon.code,
                serial: issue.coupon.serial.0,
            },
            holder: issue.holder.to_string(),
            issued_at: issue.issued_at,
            record_id: issue.record_id.0,
            ack,
            replayed,
        }))
    }

    /// `issue` is on its way.
    pub fn pending(event: &EventId, issue: Issue) -> Self {
        Self::Pending(Pending {
            result: "pending",
            record_id: issue.record_id.0,
            location: format!("/api/v1/events/{event}/redemptions/me"),
        })
    }

    /// The answer's name in the metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Pass(pass) if pass.replayed => "replayed",
            Self::Pass(_) => "pass",
            Self::Pending(_) => "pending",
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Pass(pass) => Json(pass).into_response(),
            Self::Pending(pending) => {
                let location = [(LOCATION, pending.location.clone())];
                (StatusCode::ACCEPTED, location, Json(pending)).into_response()
            }
        }
    }
}
