//! The line, admission and issuing as atomic Redis scripts: the one room that speaks to Redis.
//!
//! Every script has one typed method on [`Store`]; its first return element is a tag that one `match` decodes beside the call.

mod acks;
mod admit;
mod answered;
mod assign;
mod audit;
mod awake;
mod batch;
mod batches;
mod book_records;
mod books;
mod changes;
mod cluster;
mod codes;
mod connect;
mod coupons;
mod direct;
mod door;
mod draw;
mod events;
mod figures;
mod follow;
mod installation;
mod jobs;
mod keys;
mod lease;
mod limits;
mod line;
mod marks;
mod moves;
mod node;
mod outbox;
mod places;
mod presence;
mod primaries;
pub mod private;
mod recovery;
mod script;
mod sessions;
mod signing_keys;
mod slots;
mod strain;
mod subscription;
#[cfg(test)]
mod tests;
mod waiting;
mod waits;
mod wakes;

pub use acks::{AckFeed, Acked, Watermarks};
pub use admit::{AdmitRound, Minted};
pub use answered::Answered;
pub use audit::{AuditEntry, AuditPage};
pub use awake::Awake;
pub use books::{
    Assign, Assigned, BookLook, BookScan, BookStep, LiveBook, LookedCode, PutBook, StepAsked,
    SteppedCoupon,
};
pub use changes::{SetOutcome, StockOutcome};
pub use codes::{Added, Staged, Upload};
pub use connect::{Settings, Store, StoreError};
pub use coupons::{IssuedScan, Redeem, Redeemed};
pub use direct::{Claim, Claimed, Claims, DirectEvent};
pub use draw::{Draw, DrawRecord, Drawn};
pub use events::{Change, LiveEvent, PutOutcome};
pub use figures::Figures;
pub use installation::Standing;
pub use jobs::{Begun, Deal, Dealt};
pub use lease::Lease;
pub use line::{Entered, Look, Looked};
pub use marks::Marks;
pub use moves::{Move, MoveEntry, Moves, MovesGap};
pub use outbox::{OutboxBatch, OutboxReader};
pub use recovery::{Holdings, LaidDraw, Line, Recovery, Restored, RestoredBook};
pub use sessions::SESSIONS_REMEMBERED_MS;
pub use signing_keys::KeyTimes;
pub use strain::{Brake, Strain, Why};
pub use waiting::Waiting;
pub use waits::Waits;
pub use wakes::Wakes;
