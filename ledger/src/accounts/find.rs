//! Accounts found: by id, by address, in order.

use domain::Millis;
use domain::account::{AccountId, Email};
use sqlx::AssertSqlSafe;

use super::Account;
use crate::acts::read;
use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::offsets::whole;

impl Ledger {
    /// The account with this id.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, LedgerError> {
        let row: Option<Row> =
            sqlx::query_as(AssertSqlSafe(selected(self.dialect, "account_id = $1")))
                .bind(id.as_str())
                .fetch_optional(&self.pool)
                .await?;
        row.map(account).transpose()
    }

    /// The account with this address.
    pub async fn account_of(&self, email: &Email) -> Result<Option<Account>, LedgerError> {
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(selected(self.dialect, "email = $1")))
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(account).transpose()
    }

    /// Whose address this is, and the hash of their password.
    pub async fn credentials(
        &self,
        email: &Email,
    ) -> Result<Option<(AccountId, String)>, LedgerError> {
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT account_id, password_hash FROM accounts WHERE email = $1")
                .bind(email.as_str())
                .fetch_optional(&self.pool)
                .await?;
        row.map(|(id, hash)| Ok((read("accounts", id.parse())?, hash)))
            .transpose()
    }

    /// The hash of an account's password.
    pub async fn password_hash(&self, id: &AccountId) -> Result<Option<String>, LedgerError> {
        Ok(
            sqlx::query_scalar("SELECT password_hash FROM accounts WHERE account_id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.pool)
                .await?,
        )
    }

    /// Accounts in order of id, at most `limit` after `after`.
    pub async fn accounts(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, LedgerError> {
        let condition = "account_id > $1 ORDER BY account_id LIMIT $2";
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(selected(self.dialect, condition)))
            .bind(after.map_or("", AccountId::as_str))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(account).collect()
    }
}

/// A row as [`selected`] asks for it.
pub(crate) type Row = (String, String, Option<String>, String, String);

pub(crate) fn selected(dialect: Dialect, condition: &str) -> String {
    let created_at = dialect.shown("created_at");
    format!("SELECT account_id, email, name, role, {created_at} FROM accounts WHERE {condition}")
}

pub(crate) fn account((id, email, name, role, created_at): Row) -> Result<Account, LedgerError> {
    Ok(Account {
        id: read("accounts", id.parse())?,
        email: read("accounts", email.parse())?,
        name: read("accounts", name.map(|name| name.parse()).transpose())?,
        role: read("accounts", role.parse())?,
        created_at: read("accounts", Millis::parse(&created_at))?,
    })
}
