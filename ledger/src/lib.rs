//! The ledger: the log as SQL tables, in PostgreSQL or SQLite. The one room that speaks SQL.
//!
//! The statements are written once; what differs between the two is in `dialect` alone. Rows travel as one JSON parameter
//! per statement, which both databases unroll by themselves, so a batch of any size is one prepared statement.

mod accounts;
mod acts;
mod anomalies;
mod books;
mod commit;
mod connect;
mod dead_letters;
mod dialect;
mod error;
mod events;
mod fences;
mod held;
mod issuances;
mod jobs;
mod journal;
mod offsets;
mod pools;
mod redrive;
mod rows;
mod service_keys;
mod sessions;
mod sift;
mod stamps;
#[cfg(test)]
mod tests;
mod watermarks;

pub use accounts::{Account, AccountChange, AccountOutcome};
pub use acts::{Act, StoredAct};
pub use anomalies::Anomaly;
pub use books::{BookCoupon, BookRow, HistoryRow, LastStep, ListedBook, Wanted};
pub use commit::{Batch, Committed, Staged};
pub use connect::{Ledger, sqlite_url};
pub use dead_letters::{DeadLetter, DeadState, StoredDeadLetter};
pub use error::LedgerError;
pub use events::StoredEvent;
pub use held::{HeldAfter, HeldCoupon};
pub use issuances::Issuance;
pub use jobs::{Job, JobAsked};
pub use offsets::Step;
pub use pools::{Membership, Pool};
pub use redrive::{Decision, Redriven};
pub use rows::{Mended, Row, RowCount};
pub use service_keys::ServiceKey;
pub use sessions::{Begun, NewSession, Renewed};
pub use sift::Refused;
pub use stamps::Stamps;
