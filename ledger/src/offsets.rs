//! How far each partition of the log has been read: the line between what is rows already and what is not.

use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::error::LedgerError;

/// The offsets that a batch moves a partition on by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The topic, or whatever names the source.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The next offset as the owner last saw it ([`Ledger::next_offset`]), not that of the batch's first message: the log has
    /// gaps.
    pub from: u64,
    /// The offset after the batch's last message.
    pub to: u64,
}

impl Ledger {
    /// The next offset to read of a partition; 0 when it was never read.
    pub async fn next_offset(&self, topic: &str, partition: i32) -> Result<u64, LedgerError> {
        let held: Option<i64> = sqlx::query_scalar(
            "SELECT next_offset FROM log_offsets WHERE topic = $1 AND partition = $2",
        )
        .bind(topic)
        .bind(partition)
        .fetch_optional(&self.pool)
        .await?;
        Ok(held.unwrap_or(0).unsigned_abs())
    }
}

/// Moves a partition on. Comes first in the transaction: its row lock keeps any second owner waiting, who then finds that it
/// is stale before it wrote anything.
pub(crate) async fn take(connection: &mut AnyConnection, step: &Step) -> Result<(), LedgerError> {
    let (from, to) = (whole(step.from)?, whole(step.to)?);
    let mut moved = sqlx::query(
        "UPDATE log_offsets SET next_offset = $1 WHERE topic = $2 AND partition = $3 AND next_offset = $4",
    )
    .bind(to)
    .bind(&step.topic)
    .bind(step.partition)
    .bind(from)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if moved == 0 && from == 0 {
        moved = sqlx::query(
            "INSERT INTO log_offsets (topic, partition, next_offset) VALUES ($1, $2, $3) \
             ON CONFLICT (topic, partition) DO NOTHING",
        )
        .bind(&step.topic)
        .bind(step.partition)
        .bind(to)
        .execute(connection)
        .await?
        .rows_affected();
    }
    if moved == 1 {
        return Ok(());
    }
    Err(LedgerError::Stale {
        topic: step.topic.clone(),
        partition: step.partition,
        expected: step.from,
    })
}

/// Keeps every owner of an outbox from moving it on until the transaction ends.
pub(crate) async fn hold(connection: &mut AnyConnection, topic: &str) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO log_offsets (topic, partition, next_offset) VALUES ($1, 0, 0) \
         ON CONFLICT (topic, partition) DO UPDATE SET next_offset = log_offsets.next_offset",
    )
    .bind(topic)
    .execute(connection)
    .await?;
    Ok(())
}

/// A count as SQL's whole number.
pub(crate) fn whole(count: u64) -> Result<i64, LedgerError> {
    i64::try_from(count).map_err(|_| LedgerError::poison(format!("{count} is not a 64-bit number")))
}
