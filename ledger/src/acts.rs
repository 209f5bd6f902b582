//! What staff did to accounts, keys and pools: one row per act, written in the transaction of the change.

use domain::Millis;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::offsets::whole;

/// Who does something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The actor's name: `admin`, or an account's id.
    pub by: &'a str,
    /// When, by the store's clock.
    pub at: Millis,
}

/// An act as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAct {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// What was done, such as `account-changed`.
    pub action: String,
    /// To what: an account's id, a key's, a pool's name.
    pub subject: String,
    /// What it was before, of what changed; null when it was made.
    pub was: Value,
    /// What it became; null when it was taken away.
    pub became: Value,
}

impl Act<'_> {
    /// Writes the act down.
    pub(crate) async fn keep(
        &self,
        connection: &mut AnyConnection,
        dialect: Dialect,
        action: &str,
        subject: &str,
        [was, became]: [Value; 2],
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "INSERT INTO admin_acts (at, by_whom, action, subject, was, became) VALUES ({}, $2, $3, $4, $5, $6)",
            dialect.moment("$1")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(self.at.to_string())
            .bind(self.by)
            .bind(action)
            .bind(subject)
            .bind(was.to_string())
            .bind(became.to_string())
            .execute(connection)
            .await?;
        Ok(())
    }
}

impl Ledger {
    /// What staff did, newest first, at most `limit` acts with a number below `before`.
    pub async fn acts(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredAct>, LedgerError> {
        type Row = (i64, String, String, String, String, String, String);
        let sql = format!(
            "SELECT id, {}, by_whom, action, subject, was, became FROM admin_acts WHERE id < $1 ORDER BY id DESC LIMIT $2",
            self.dialect.shown("at")
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(before.unwrap_or(i64::MAX))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        let stored = |(id, at, by, action, subject, was, became): Row| {
            Ok(StoredAct {
                id,
                at: read("admin_acts", Millis::parse(&at))?,
                by,
                action,
                subject,
                was: read("admin_acts", serde_json::from_str(&was))?,
                became: read("admin_acts", serde_json::from_str(&became))?,
            })
        };
        rows.into_iter().map(stored).collect()
    }
}

/// A value of a row of `table`; one that cannot be is the database's trouble.
pub(crate) fn read<T, E: std::fmt::Display>(
    table: &str,
    value: Result<T, E>,
) -> Result<T, LedgerError> {
    value.map_err(|error| LedgerError::Unavailable(format!("a row of {table}: {error}")))
}
