//! The words of Stanchion: what an event, a place, a ticket, a coupon and a record are, and which moves they allow.
//!
//! Nothing here performs input or output, reads a clock or draws a random number: time and randomness are arguments.

pub mod account;
pub mod book;
pub mod chance;
pub mod clock;
pub mod coupon;
pub mod draw;
pub mod entry;
pub mod eta;
pub mod event;
pub mod fault;
pub mod ids;
pub mod job;
mod jwt;
pub mod once;
pub mod pace;
pub mod pattern;
pub mod phase;
pub mod place;
pub mod pool;
pub mod presence;
pub mod record;
pub mod refusal;
pub mod secret;
pub mod session;
pub mod set_hash;
pub mod ticket;

pub use clock::{Clock, Millis, Random};
pub use fault::Fault;
pub use ids::{EventId, Holder, PlaceId, PlaceToken, RecordId, Seq, Serial};
pub use phase::Phase;
pub use refusal::Refusal;
