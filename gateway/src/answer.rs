//! What a visitor is told of a place, by the call that entered and by the call that looks.

use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use domain::chance::Chance;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Millis, Phase, PlaceId, PlaceToken, eta, pace};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Gateway;
use crate::mirror::line::Line;
use crate::schema::{ChanceSchema, GoneReasonSchema, PhaseSchema};

/// When somebody with a ticket asks again, in milliseconds.
const TICKET_MS: u64 = 5_000;

/// A place as its visitor sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub struct Answer {
    /// Its public id: not a secret.
    #[schema(value_type = String, min_length = 22, max_length = 22)]
    place_id: PlaceId,
    /// The secret that proves it: in the answer to entering, and to those who showed it in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 43, max_length = 43)]
    place_token: Option<String>,
    /// What has become of it.
    #[serde(flatten)]
    state: State,
    /// How many stand before it, plus one; none unless it waits, and none before its line is drawn.
    #[schema(required)]
    position: Option<u64>,
    /// How many wait in all.
    waiting: u64,
    /// The event's phase.
    #[schema(value_type = PhaseSchema)]
    phase: Phase,
    /// The time left as a range; none when nobody is let in.
    #[schema(required)]
    eta_s: Option<EtaShown>,
    /// Will there be a coupon for the visitor? None where there is no position.
    #[schema(value_type = Option<ChanceSchema>, required)]
    chance: Option<Chance>,
    /// When to ask again, in milliseconds.
    poll_after_ms: u64,
    /// Where the live socket is.
    #[schema(example = "/api/v1/events/demo/places/me/live")]
    live_url: String,
}

/// What has become of a place.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
#[schema(as = PlaceState)]
enum State {
    /// In the line.
    Waiting,
    /// Let through.
    Admitted {
        /// What to redeem.
        ticket: String,
        /// When the ticket ends.
        #[schema(value_type = String, format = DateTime)]
        ticket_expires_at: Millis,
    },
    /// Holds a coupon.
    Redeemed {
        /// The coupon.
        #[schema(inline)]
        coupon: CouponShown,
    },
    /// No longer in the line.
    Gone {
        /// Why.
        #[schema(value_type = GoneReasonSchema)]
        reason: GoneReason,
    },
}

/// A coupon.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct CouponShown {
    /// The printable string.
    code: String,
    /// Its ordinal in the event, from 1.
    serial: u64,
}

/// A range of seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = Eta)]
pub struct EtaShown {
    /// The optimistic end.
    pub low: u64,
    /// The pessimistic end.
    pub high: u64,
}

impl Answer {
    /// What `place` looks like in its line now.
    pub fn new(gateway: &Gateway, line: &Line, place: PlaceId, state: PlaceState) -> Self {
        let document = line.document();
        let position = match state {
            PlaceState::Waiting { seq } => line.shown_position(seq),
            PlaceState::Admitted { ticket: None, .. } => Some(1),
            _ => None,
        };
        let eta = position.and_then(|position| document.eta(position));
        let state = State::from(state);
        Self {
            place_id: place,
            place_token: None,
            poll_after_ms: state.poll_after_ms(position, || gateway.random.below(u32::MAX)),
            state,
            position,
            waiting: line.waiting(),
            phase: document.phase(),
            eta_s: eta.map(|eta::Eta { low, high }| EtaShown { low, high }),
            chance: position.map(|position| document.chance(position, None)),
            live_url: live_url(&line.event),
        }
    }

    /// The same with the secret, for those who have it in hand.
    pub fn with_token(self, token: &PlaceToken) -> Self {
        Self {
            place_token: Some(token.reveal().to_owned()),
            ..self
        }
    }
}

impl From<PlaceState> for State {
    fn from(state: PlaceState) -> Self {
        match state {
            // Whose ticket is being minted is next for a moment longer: there is nothing to redeem yet.
            PlaceState::Waiting { .. } | PlaceState::Admitted { ticket: None, .. } => Self::Waiting,
            PlaceState::Admitted {
                ticket: Some(ticket),
                expires_at,
                ..
            } => Self::Admitted {
                ticket,
                ticket_expires_at: expires_at,
            },
            PlaceState::Redeemed(issue) => Self::Redeemed {
                coupon: CouponShown {
                    code: issue.coupon.code,
                    serial: issue.coupon.serial.0,
                },
            },
            PlaceState::Gone { reason } => Self::Gone { reason },
        }
    }
}

impl State {
    /// When to ask again: the pace of the sockets while waiting, seldom when all is said.
    fn poll_after_ms(&self, position: Option<u64>, draw: impl Fn() -> u32) -> u64 {
        match (self, position) {
            (Self::Waiting, Some(position)) => pace::jittered_ms(position, draw()),
            (Self::Admitted { .. }, _) => TICKET_MS,
            _ => pace::SLOWEST_MS,
        }
    }
}

/// While waiting the pace is a header too, in whole seconds.
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let wait_s = (self.state == State::Waiting).then(|| self.poll_after_ms.div_ceil(1_000));
        let mut response = axum::Json(self).into_response();
        if let Some(wait_s) = wait_s {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(wait_s));
        }
        response
    }
}

fn live_url(event: &EventId) -> String {
    format!("/api/v1/events/{event}/places/me/live")
}
