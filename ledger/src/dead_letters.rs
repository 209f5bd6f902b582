//! Messages that could not be made rows: kept with the place they came from, until somebody sends them again or gives them up.

use std::fmt;
use std::str::FromStr;

use domain::record::Claimed;
use domain::{EventId, Millis, RecordId};
use sqlx::{AnyConnection, AssertSqlSafe};

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
    /// What it says it is.
    pub claimed: Claimed,
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadState {
    /// Nothing yet.
    Dead,
    /// It was sent again and is in the ledger.
    Redriven,
    /// It was given up.
    Discarded,
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
    /// What became of it.
    pub state: DeadState,
    /// When it was buried, by the database's clock.
    pub at: Millis,
    /// The letter.
    pub letter: DeadLetter,
}

impl DeadState {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for DeadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeadState {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        [Self::Dead, Self::Redriven, Self::Discarded]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| LedgerError::Unavailable(format!("a dead letter that is `{text}`")))
    }
}

pub(crate) async fn keep(
    connection: &mut AnyConnection,
    step: &Step,
    letter: &DeadLetter,
) -> Result<(), LedgerError> {
    let claimed = &letter.claimed;
    // What it claims may be anything; what SQL cannot hold is left out.
    let text = |text: &str| (!text.contains('\0')).then(|| text.to_owned());
    sqlx::query(
        "INSERT INTO dead_letters (topic, partition, log_offset, key, payload, reason, event, ordinal, record_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (topic, partition, log_offset) DO NOTHING",
    )
    .bind(&step.topic)
    .bind(step.partition)
    .bind(whole(letter.offset)?)
    .bind(letter.key.clone())
    .bind(letter.payload.clone())
    .bind(letter.reason.replace('\0', "\u{fffd}"))
    .bind(claimed.event.as_ref().and_then(|event| text(event.as_str())))
    .bind(claimed.ordinal.and_then(|ordinal| i64::try_from(ordinal).ok()))
    .bind(claimed.id.as_ref().and_then(|id| text(&id.0)))
    .execute(connection)
    .await?;
    Ok(())
}

/// A row, in the order of [`Ledger::letters`].
type Row = (
    i64,
    String,
    i32,
    i64,
    Option<Vec<u8>>,
    Vec<u8>,
    String,
    String,
    String,
    Option<String>,
    Option<i64>,
    Option<String>,
);

impl Ledger {
    /// The dead letters that nobody has decided on, oldest first, at most `limit` with a number above `after`.
    pub async fn dead_letters(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredDeadLetter>, LedgerError> {
        let sql = self.letters("id > $1 AND state = 'dead' ORDER BY id LIMIT $2");
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(after)
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// One dead letter, whatever became of it.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<StoredDeadLetter>, LedgerError> {
        let sql = self.letters("id = $1");
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(read).transpose()
    }

    /// The ordinals of an event's records that its watermark passes by: they are among the dead letters, decided on or not,
    /// and no row.
    pub async fn buried(&self, event: &EventId) -> Result<Vec<u64>, LedgerError> {
        let ordinals: Vec<i64> = sqlx::query_scalar(
            "SELECT ordinal FROM dead_letters WHERE event = $1 AND state <> 'redriven' AND ordinal IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM coupon_issuances row WHERE row.record_id = dead_letters.record_id) \
             ORDER BY ordinal",
        )
        .bind(event.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(ordinals.into_iter().map(i64::unsigned_abs).collect())
    }

    fn letters(&self, condition: &str) -> String {
        let at = self.dialect.shown("at");
        format!(
            "SELECT id, topic, partition, log_offset, key, payload, reason, state, {at}, event, ordinal, record_id \
             FROM dead_letters WHERE {condition}"
        )
    }
}

fn read(row: Row) -> Result<StoredDeadLetter, LedgerError> {
    let (id, topic, partition, offset, key, payload, reason, state, at, event, ordinal, record_id) =
        row;
    Ok(StoredDeadLetter {
        id,
        topic,
        partition,
        state: state.parse()?,
        at: Millis::parse(&at)
            .map_err(|error| LedgerError::Unavailable(format!("a dead letter: {error}")))?,
        letter: DeadLetter {
            offset: offset.unsigned_abs(),
            key,
            payload,
            reason,
            claimed: Claimed {
                id: record_id.map(RecordId),
                event: event.and_then(|event| event.parse().ok()),
                ordinal: ordinal.map(i64::unsigned_abs),
            },
        },
    })
}
