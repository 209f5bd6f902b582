//! The story of each event's line, kept to put a lost Redis back, and the number of the Redis that was last recognised.

use domain::EventId;
use domain::record::{Fact, Record};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::json;
use crate::offsets::whole;

#[derive(Serialize)]
struct Row<'a> {
    event: &'a EventId,
    ordinal: u64,
    record: String,
}

/// Keeps what the records tell of lines; a replay changes nothing.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&Record],
) -> Result<(), LedgerError> {
    let mut rows = Vec::new();
    for record in records {
        if let Fact::Issued { .. } | Fact::Changed(_) | Fact::Book(_) | Fact::Fenced { .. } =
            record.fact
        {
            continue;
        }
        let json = record.to_json().ok();
        let text = json.and_then(|json| String::from_utf8(json).ok());
        rows.push(Row {
            event: &record.event,
            ordinal: record.ordinal,
            record: text.ok_or_else(|| LedgerError::poison("it is no JSON".to_owned()))?,
        });
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO line_journal (event, ordinal, record) SELECT event, ordinal, record FROM {} WHERE true \
         ON CONFLICT DO NOTHING",
        dialect.journal()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(json(&rows)?)
        .execute(connection)
        .await?;
    Ok(())
}

impl Ledger {
    /// What happened in an event's line after the record `after`, in order, at most `limit` records.
    pub async fn journal(
        &self,
        event: &EventId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT record FROM line_journal WHERE event = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3",
        )
        .bind(event.as_str())
        .bind(whole(after)?)
        .bind(whole(limit as u64)?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Record::from_json(row.as_bytes()).map_err(|odd| {
                    LedgerError::Unavailable(format!("a row of line_journal: {odd}"))
                })
            })
            .collect()
    }

    /// The number for a Redis that is recognised now: above every one before it, and not below `at_least`.
    pub async fn next_incarnation(&self, at_least: u64) -> Result<u64, LedgerError> {
        let next: i64 = sqlx::query_scalar(
            "INSERT INTO installation (id, incarnation) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET incarnation = \
             CASE WHEN installation.incarnation < excluded.incarnation THEN excluded.incarnation \
             ELSE installation.incarnation + 1 END RETURNING incarnation",
        )
        .bind(whole(at_least)?)
        .fetch_one(&self.pool)
        .await?;
        Ok(next.unsigned_abs())
    }
}
