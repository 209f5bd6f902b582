//! Has anything in the ledger changed? Asked without reading it.

use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;

/// Stamps the ledger, on a connection of its own.
#[derive(Debug)]
pub struct Stamps {
    connection: AnyConnection,
    dialect: Dialect,
}

impl Ledger {
    /// Begins to stamp. Stamps of two beginnings are not to be compared.
    pub async fn stamps(&self) -> Result<Stamps, LedgerError> {
        Ok(Stamps {
            connection: self.pool.acquire().await?.detach(),
            dialect: self.dialect,
        })
    }
}

impl Stamps {
    /// A text that stays the same for as long as nobody, whoever it is, commits anything to the database. It may change without
    /// that: PostgreSQL writes to its log of changes for reasons of its own.
    pub async fn stamp(&mut self) -> Result<String, LedgerError> {
        let connection = &mut self.connection;
        Ok(match self.dialect {
            Dialect::Postgres => {
                sqlx::query_scalar("SELECT CAST(pg_current_wal_insert_lsn() AS text)")
                    .fetch_one(connection)
                    .await?
            }
            Dialect::Sqlite => {
                let version: i64 = sqlx::query_scalar("PRAGMA data_version")
                    .fetch_one(connection)
                    .await?;
                version.to_string()
            }
        })
    }
}
