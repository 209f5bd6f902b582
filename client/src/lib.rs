//! Typed client of Stanchion's own API and sockets: [`Visitor`] stands in line and redeems, [`Ops`] runs the events.
//! It knows the API alone, so whoever uses it tests what everybody else gets.

mod dead;
mod draw;
mod error;
mod event;
mod frame;
mod http;
mod limits;
mod live;
mod moment;
mod ops;
mod place;
mod redemption;
mod source;
mod visitor;

pub use dead::{DeadLetter, Decision, Settled, WholeLetter};
pub use draw::Draw;
pub use error::{ApiError, Problem};
pub use event::{
    Admission, AdmissionChange, AuditEntry, Brake, EventPut, EventStatus, LiveEvent, Page, Phase,
    Put, Ramp, SigningKey, Stock, Waits,
};
pub use frame::{Frame, OpsFrame};
pub use http::Options;
pub use limits::{Limits, LimitsChange};
pub use live::Live;
pub use moment::Moment;
pub use ops::Ops;
pub use place::{Chance, Entered, Eta, GoneReason, Place, PlaceState, PlaceToken};
pub use redemption::{AckLevel, Coupon, Pass, Redemption};
pub use source::Source;
pub use visitor::{Jwk, Visitor};
