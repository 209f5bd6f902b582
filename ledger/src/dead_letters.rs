//! Messages that could not be made rows.

use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::offsets::{Step, whole};

/// A message on its way to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its offset in the partition that it came from.
    pub offset: u64,
    /// Its key, if it had one.
    pub key: Option<Vec<u8>>,
    /// The message, byte for byte.
    pub payload: Vec<u8>,
    /// Why it could not be made a row.
    pub reason: String,
}

/// A dead letter as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDeadLetter {
    /// Its number in the ledger.
    pub id: i64,
    /// Where it came from: topic, or the outbox of an event.
    pub topic: String,
    /// The partition it came from.
    pub partition: i32,
    /// The letter.
    pub letter: DeadLetter,
}

pub(crate) async fn keep(
    connection: &mut AnyConnection,
    step: &Step,
    letter: &DeadLetter,
) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO dead_letters (topic, partition, log_offset, key, payload, reason) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (topic, partition, log_offset) DO NOTHING",
    )
    .bind(&step.topic)
    .bind(step.partition)
    .bind(whole(letter.offset)?)
    .bind(letter.key.clone())
    .bind(letter.payload.clone())
    .bind(letter.reason.replace('\0', "\u{fffd}"))
    .execute(connection)
    .await?;
    Ok(())
}

impl Ledger {
    /// The dead letters that nobody has sent again, oldest first, at most `limit` with a number above `after`.
    pub async fn dead_letters(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredDeadLetter>, LedgerError> {
        type Row = (i64, String, i32, i64, Option<Vec<u8>>, Vec<u8>, String);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, topic, partition, log_offset, key, payload, reason FROM dead_letters \
             WHERE id > $1 AND state = 'dead' ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(whole(limit as u64)?)
        .fetch_all(&self.pool)
        .await?;
        let stored = |(id, topic, partition, offset, key, payload, reason): Row| StoredDeadLetter {
            id,
            topic,
            partition,
            letter: DeadLetter {
                offset: offset.unsigned_abs(),
                key,
                payload,
                reason,
            },
        };
        Ok(rows.into_iter().map(stored).collect())
    }
}
