//! Coupons given away: written in batches, read back in order of serial.

use std::collections::HashSet;

use domain::coupon::Coupon;
use domain::record::{Fact, Record};
use domain::{EventId, Holder, Millis, RecordId, Serial};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::offsets::whole;

/// A coupon given away, as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issuance {
    /// Whose.
    pub event: EventId,
    /// Its ordinal in the event.
    pub serial: Serial,
    /// The printable string.
    pub code: String,
    /// To whom.
    pub holder: Holder,
    /// The record that told of it.
    pub record_id: RecordId,
    /// When, by the store's clock.
    pub issued_at: Millis,
}

impl Issuance {
    /// The issuance that a record tells of, if it tells of one.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let Fact::Issued { coupon, holder } = &record.fact else {
            return None;
        };
        let Coupon { code, serial } = coupon.clone();
        Some(Self {
            event: record.event.clone(),
            serial,
            code,
            holder: holder.clone(),
            record_id: record.id.clone(),
            issued_at: record.time,
        })
    }
}

/// Writes issuances (a JSON array) that are taken for new, and assigns their coupons. Should one of them not be new, all are
/// refused as `taken`: write them again with [`insert`] and [`assign_coupons`]. The database need not look for rows in the way of
/// each before it tries.
pub(crate) async fn give_new(
    connection: &mut AnyConnection,
    dialect: Dialect,
    issuances: &str,
) -> Result<(), LedgerError> {
    let rows = dialect.issuances();
    match dialect {
        // One round trip, and the parameter is read once.
        Dialect::Postgres => {
            let both = format!(
                "WITH given AS MATERIALIZED (SELECT * FROM {rows}), assigned AS ({}) {}",
                assigning("given"),
                inserting("given")
            );
            run(connection, both, issuances).await
        }
        Dialect::Sqlite => {
            run(connection, inserting(rows), issuances).await?;
            run(connection, assigning(rows), issuances).await
        }
    }
}

/// Inserts those of the issuances (a JSON array) that contradict no row; the ids of the records that are rows now and were not
/// before.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    dialect: Dialect,
    issuances: &str,
) -> Result<HashSet<String>, LedgerError> {
    let sql = format!(
        "{} ON CONFLICT DO NOTHING RETURNING record_id",
        inserting(dialect.issuances())
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(issuances)
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().collect())
}

/// Makes each issued coupon (a JSON array) a thing of its own, assigned to its holder; one that was there unassigned (a given
/// code) is assigned now.
pub(crate) async fn assign_coupons(
    connection: &mut AnyConnection,
    dialect: Dialect,
    issuances: &str,
) -> Result<(), LedgerError> {
    run(connection, assigning(dialect.issuances()), issuances).await
}

/// Inserts the issuances of `rows`.
fn inserting(rows: &str) -> String {
    format!(
        "INSERT INTO coupon_issuances (event, serial, code, holder, record_id, issued_at) \
         SELECT event, serial, code, holder, record_id, issued_at FROM {rows} WHERE true"
    )
}

/// Assigns the coupons of `rows`.
fn assigning(rows: &str) -> String {
    format!(
        "INSERT INTO coupons (event, code, state, holder, assigned_at) \
         SELECT event, code, 'assigned', holder, issued_at FROM {rows} WHERE true \
         ON CONFLICT (event, code) DO UPDATE \
         SET state = excluded.state, holder = excluded.holder, assigned_at = excluded.assigned_at \
         WHERE coupons.state = 'unassigned'"
    )
}

async fn run(
    connection: &mut AnyConnection,
    sql: String,
    issuances: &str,
) -> Result<(), LedgerError> {
    sqlx::query(AssertSqlSafe(sql))
        .bind(issuances)
        .execute(connection)
        .await?;
    Ok(())
}

/// The issuances that these records are rows of.
pub(crate) async fn by_record(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&str],
) -> Result<Vec<Issuance>, LedgerError> {
    let condition = format!("record_id IN {}", dialect.texts());
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(selected(dialect, &condition)))
        .bind(json(&records)?)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(read).collect()
}

/// The row that keeps an issuance from being one: it has the same serial, code, holder or record.
pub(crate) async fn in_the_way(
    connection: &mut AnyConnection,
    dialect: Dialect,
    of: &Issuance,
) -> Result<Issuance, LedgerError> {
    let condition = "event = $1 AND (serial = $2 OR code = $3 OR holder = $4) OR record_id = $5 ORDER BY serial LIMIT 1";
    let row: Row = sqlx::query_as(AssertSqlSafe(selected(dialect, condition)))
        .bind(of.event.as_str())
        .bind(whole(of.serial.0)?)
        .bind(&of.code)
        .bind(of.holder.as_str())
        .bind(&of.record_id.0)
        .fetch_one(connection)
        .await?;
    read(row)
}

impl Ledger {
    /// The coupons of an event with a serial above `after`, in order, at most `limit`.
    pub async fn issuances(
        &self,
        event: &EventId,
        after: Serial,
        limit: usize,
    ) -> Result<Vec<Issuance>, LedgerError> {
        let condition = "event = $1 AND serial > $2 ORDER BY serial LIMIT $3";
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(selected(self.dialect, condition)))
            .bind(event.as_str())
            .bind(whole(after.0)?)
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// How many coupons of an event were given away.
    pub async fn issued(&self, event: &EventId) -> Result<u64, LedgerError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM coupon_issuances WHERE event = $1")
                .bind(event.as_str())
                .fetch_one(&self.pool)
                .await?;
        Ok(count.unsigned_abs())
    }
}

type Row = (String, i64, String, String, String, String);

fn selected(dialect: Dialect, condition: &str) -> String {
    format!(
        "SELECT event, serial, code, holder, record_id, {} FROM coupon_issuances WHERE {condition}",
        dialect.shown("issued_at")
    )
}

fn read((event, serial, code, holder, record_id, issued_at): Row) -> Result<Issuance, LedgerError> {
    let odd = |what: String| LedgerError::Unavailable(format!("a row of coupon_issuances: {what}"));
    Ok(Issuance {
        event: event.parse().map_err(|e| odd(format!("{e}")))?,
        serial: Serial(serial.unsigned_abs()),
        code,
        holder: holder.parse().map_err(|e| odd(format!("{e}")))?,
        record_id: RecordId(record_id),
        issued_at: Millis::parse(&issued_at).map_err(|e| odd(format!("{e}")))?,
    })
}

/// Rows as the one JSON parameter of a statement.
pub(crate) fn json(rows: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(rows).map_err(|error| LedgerError::poison(error.to_string()))
}
