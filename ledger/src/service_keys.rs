//! Service keys: programs that act for their users, each on the books it names. Kept by digest.

use domain::account::{Name, ServiceKeyId};
use domain::{EventId, Millis};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::acts::{Act, read};
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::json as as_json;
use crate::offsets::whole;

/// A service key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Its id.
    pub id: ServiceKeyId,
    /// What it is called.
    pub name: Name,
    /// The books that it may use.
    pub books: Vec<EventId>,
    /// When it was made.
    pub created_at: Millis,
}

type Row = (String, String, String, String);

impl Ledger {
    /// Keeps a new key under the digest of its secret.
    pub async fn create_service_key(
        &self,
        key: &ServiceKey,
        digest: &str,
        act: Act<'_>,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let sql = format!(
            "INSERT INTO service_keys (key_id, name, books, digest, created_at) VALUES ($1, $2, $3, $4, {})",
            self.dialect.moment("$5")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(key.id.as_str())
            .bind(key.name.as_str())
            .bind(as_json(&key.books)?)
            .bind(digest)
            .bind(key.created_at.to_string())
            .execute(&mut *transaction)
            .await?;
        let change = [Value::Null, json!({ "name": key.name, "books": key.books })];
        act.keep(
            &mut transaction,
            self.dialect,
            "service-key-created",
            key.id.as_str(),
            change,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The key whose secret has this digest.
    pub async fn service_key(&self, digest: &str) -> Result<Option<ServiceKey>, LedgerError> {
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(self.selected("digest = $1")))
            .bind(digest)
            .fetch_optional(&self.pool)
            .await?;
        row.map(service_key).transpose()
    }

    /// Keys in order of id, at most `limit` after `after`.
    pub async fn service_keys(
        &self,
        after: Option<&ServiceKeyId>,
        limit: usize,
    ) -> Result<Vec<ServiceKey>, LedgerError> {
        let sql = self.selected("key_id > $1 ORDER BY key_id LIMIT $2");
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(after.map_or("", ServiceKeyId::as_str))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(service_key).collect()
    }

    /// Takes a key away; false when there is none.
    pub async fn delete_service_key(
        &self,
        id: &ServiceKeyId,
        act: Act<'_>,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let name: Option<String> =
            sqlx::query_scalar("DELETE FROM service_keys WHERE key_id = $1 RETURNING name")
                .bind(id.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(name) = name else {
            return Ok(false);
        };
        let change = [json!({ "name": name }), Value::Null];
        act.keep(
            &mut transaction,
            self.dialect,
            "service-key-deleted",
            id.as_str(),
            change,
        )
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    fn selected(&self, condition: &str) -> String {
        let created_at = self.dialect.shown("created_at");
        format!("SELECT key_id, name, books, {created_at} FROM service_keys WHERE {condition}")
    }
}

fn service_key((id, name, books, created_at): Row) -> Result<ServiceKey, LedgerError> {
    Ok(ServiceKey {
        id: read("service_keys", id.parse())?,
        name: read("service_keys", name.parse())?,
        books: read("service_keys", serde_json::from_str(&books))?,
        created_at: read("service_keys", Millis::parse(&created_at))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::both;

    #[tokio::test]
    async fn a_key_is_found_by_its_digest_until_it_is_taken_away() {
        for ledger in both().await.0 {
            let act = Act {
                by: "acc_x",
                at: Millis(1_800_000_000_000),
            };
            let key = ServiceKey {
                id: "key_AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap(),
                name: "till".parse().unwrap(),
                books: vec!["spring".parse().unwrap(), "summer".parse().unwrap()],
                created_at: act.at,
            };
            ledger
                .create_service_key(&key, "digest", act)
                .await
                .unwrap();
            assert_eq!(
                ledger.service_key("digest").await.unwrap(),
                Some(key.clone())
            );
            assert_eq!(ledger.service_key("other").await.unwrap(), None);
            assert_eq!(
                ledger.service_keys(None, 5).await.unwrap(),
                std::slice::from_ref(&key)
            );
            assert_eq!(ledger.service_keys(Some(&key.id), 5).await.unwrap(), []);
            assert!(ledger.delete_service_key(&key.id, act).await.unwrap());
            assert!(!ledger.delete_service_key(&key.id, act).await.unwrap());
            assert_eq!(ledger.service_key("digest").await.unwrap(), None);
            let acts = ledger.acts(None, 9).await.unwrap();
            assert_eq!(acts.len(), 2);
            assert_eq!(ledger.acts(Some(acts[0].id), 9).await.unwrap(), acts[1..]);
        }
    }
}
