//! The log: records in Kafka. The one room that speaks to Kafka.
//!
//! Kafka transactions are not used: the producer is idempotent, records have ids that make a second copy harmless, and the
//! consumer keeps its offsets in the ledger, in the transaction that writes the rows.

mod consume;
mod produce;
mod scan;
mod settings;
#[cfg(test)]
mod tests;
mod topics;

pub use consume::{Consumer, Heard, Message, Run};
pub use produce::{Dead, Producer};
pub use scan::{Progress, log_ends, records_of, records_since};
pub use settings::{LogError, Settings};
pub use topics::{Topic, ensure_topics, faults, too_few_copies};
