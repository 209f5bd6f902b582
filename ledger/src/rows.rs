//! The rows as they stand, for the comparison with Redis and log; and the mend of one that is missing or altered.

use std::collections::HashMap;

use domain::{EventId, Millis, RecordId, Serial};
use sqlx::AssertSqlSafe;

use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::{self, Issuance};
use crate::offsets::whole;

/// A row of `coupon_issuances` as it stands, whatever somebody did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its serial.
    pub serial: Serial,
    /// The code.
    pub code: String,
    /// The holder.
    pub holder: String,
    /// The record that told of it.
    pub record_id: RecordId,
    /// When it was issued.
    pub issued_at: Millis,
}

/// How many rows an event has, and how many holders they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCount {
    /// Rows.
    pub rows: u64,
    /// Distinct holders.
    pub holders: u64,
}

/// What became of a row that was to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mended {
    /// The row is as it must be.
    Done,
    /// Another row has its serial, its code or its holder.
    InTheWay(Row),
}

impl Ledger {
    /// The rows of an event from one serial up to and including another, in order, at most `limit` of them after the one with
    /// this serial and record.
    pub async fn rows(
        &self,
        event: &EventId,
        after: (Serial, &str),
        to: Serial,
        limit: usize,
    ) -> Result<Vec<Row>, LedgerError> {
        // The first condition is the one that an index serves.
        let sql = format!(
            "SELECT serial, code, holder, record_id, {} FROM coupon_issuances WHERE event = $1 AND serial >= $2 \
             AND (serial > $2 OR record_id > $3) AND serial <= $4 ORDER BY serial, record_id LIMIT $5",
            self.dialect.shown("issued_at")
        );
        let rows: Vec<(i64, String, String, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(event.as_str())
            .bind(whole(after.0.0)?)
            .bind(after.1)
            .bind(i64::try_from(to.0).unwrap_or(i64::MAX))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// The rows of all events, in order of event and serial, at most `limit` of them after this one: one statement for a thousand
    /// events with few rows. A row of an event whose id is none is left out; [`Self::events_with_rows`] complains of it.
    pub async fn every_row(
        &self,
        after: Option<&(EventId, Row)>,
        limit: usize,
    ) -> Result<Vec<(EventId, Row)>, LedgerError> {
        // The first condition is the one that an index serves.
        let sql = format!(
            "SELECT event, serial, code, holder, record_id, {} FROM coupon_issuances WHERE (event, serial) >= ($1, $2) \
             AND (event > $1 OR serial > $2 OR record_id > $3) ORDER BY event, serial, record_id LIMIT $4",
            self.dialect.shown("issued_at")
        );
        let (event, serial, record) = after.map_or(("", 0, ""), |(event, row)| {
            (event.as_str(), row.serial.0, row.record_id.0.as_str())
        });
        let rows: Vec<(String, i64, String, String, String, String)> =
            sqlx::query_as(AssertSqlSafe(sql))
                .bind(event)
                .bind(whole(serial)?)
                .bind(record)
                .bind(whole(limit as u64)?)
                .fetch_all(&self.pool)
                .await?;
        let rows = rows.into_iter().filter_map(|row| {
            let event = row.0.parse().ok()?;
            Some(read((row.1, row.2, row.3, row.4, row.5)).map(|row| (event, row)))
        });
        rows.collect()
    }

    /// The highest serial among an event's rows; 0 when it has none.
    pub async fn last_serial(&self, event: &EventId) -> Result<Serial, LedgerError> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(serial) FROM coupon_issuances WHERE event = $1")
                .bind(event.as_str())
                .fetch_one(&self.pool)
                .await?;
        Ok(Serial(last.unwrap_or(0).unsigned_abs()))
    }

    /// How many rows an event has, and how many holders they name, in one look.
    pub async fn row_count(&self, event: &EventId) -> Result<RowCount, LedgerError> {
        let (rows, holders): (i64, i64) = sqlx::query_as(
            "SELECT coalesce(sum(each), 0), count(*) FROM \
             (SELECT CAST(count(*) AS integer) AS each FROM coupon_issuances WHERE event = $1 GROUP BY holder) AS held",
        )
        .bind(event.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(RowCount {
            rows: rows.unsigned_abs(),
            holders: holders.unsigned_abs(),
        })
    }

    /// The same of every event that has rows.
    pub async fn row_counts(&self) -> Result<HashMap<EventId, RowCount>, LedgerError> {
        let counts: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT event, sum(each), count(*) FROM (SELECT event, CAST(count(*) AS integer) AS each \
             FROM coupon_issuances GROUP BY event, holder) AS held GROUP BY event",
        )
        .fetch_all(&self.pool)
        .await?;
        let counts = counts.into_iter().filter_map(|(event, rows, holders)| {
            let rows = rows.unsigned_abs();
            let holders = holders.unsigned_abs();
            Some((event.parse().ok()?, RowCount { rows, holders }))
        });
        Ok(counts.collect())
    }

    /// The events that have rows, known or not.
    pub async fn events_with_rows(&self) -> Result<Vec<EventId>, LedgerError> {
        // From each event straight to the next one: the index is not read whole.
        let ids: Vec<String> = sqlx::query_scalar(
            "WITH RECURSIVE held(event) AS (SELECT min(event) FROM coupon_issuances UNION ALL \
             SELECT (SELECT min(event) FROM coupon_issuances WHERE event > held.event) FROM held WHERE held.event IS NOT NULL) \
             SELECT event FROM held WHERE event IS NOT NULL",
        )
        .fetch_all(&self.pool)
        .await?;
        ids.iter()
            .map(|id| {
                id.parse().map_err(|_| {
                    LedgerError::Unavailable(format!(
                        "a row of coupon_issuances names the event `{id}`"
                    ))
                })
            })
            .collect()
    }

    /// Makes the row of a coupon what it must be: adds it where it is missing, and with `altered` writes it over the row that has
    /// its serial. No other row is touched.
    pub async fn mend(&self, issuance: &Issuance, altered: bool) -> Result<Mended, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        if altered {
            // Taken out and put back in one transaction: nobody ever sees it missing.
            sqlx::query("DELETE FROM coupon_issuances WHERE event = $1 AND serial = $2")
                .bind(issuance.event.as_str())
                .bind(whole(issuance.serial.0)?)
                .execute(&mut *transaction)
                .await?;
        }
        let given = issuances::json(&[issuance])?;
        let fresh = issuances::insert(&mut transaction, self.dialect, &given).await?;
        if fresh.is_empty() {
            let row = issuances::in_the_way(&mut transaction, self.dialect, issuance).await?;
            transaction.rollback().await?;
            return Ok(Mended::InTheWay(row.into()));
        }
        issuances::assign_coupons(&mut transaction, self.dialect, &given).await?;
        transaction.commit().await?;
        Ok(Mended::Done)
    }
}

impl From<Issuance> for Row {
    fn from(row: Issuance) -> Self {
        Self {
            serial: row.serial,
            code: row.code,
            holder: row.holder.to_string(),
            record_id: row.record_id,
            issued_at: row.issued_at,
        }
    }
}

fn read(
    (serial, code, holder, record_id, issued_at): (i64, String, String, String, String),
) -> Result<Row, LedgerError> {
    Ok(Row {
        serial: Serial(serial.unsigned_abs()),
        code,
        holder,
        record_id: RecordId(record_id),
        issued_at: Millis::parse(&issued_at).map_err(|error| {
            LedgerError::Unavailable(format!("a row of coupon_issuances: {error}"))
        })?,
    })
}
