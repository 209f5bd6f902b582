//! Pools: named sets of users that coupons are dealt to.

use domain::pool::PoolId;
use domain::{Holder, Millis};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::acts::{Act, read};
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::json as as_json;
use crate::offsets::whole;

/// A pool, and how many are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub pool: PoolId,
    /// What it is called.
    pub title: String,
    /// How many users are in it.
    pub members: u64,
    /// When it was made.
    pub created_at: Millis,
}

/// What becomes of users of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// They are in it.
    In,
    /// They are not.
    Out,
}

impl Ledger {
    /// Makes a pool, or names it anew; true when it is new.
    pub async fn put_pool(
        &self,
        pool: &PoolId,
        title: &str,
        act: Act<'_>,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let sql = format!(
            "INSERT INTO pools (pool, title, created_at) VALUES ($1, $2, {}) ON CONFLICT (pool) DO NOTHING",
            self.dialect.moment("$3")
        );
        let made = sqlx::query(AssertSqlSafe(sql))
            .bind(pool.as_str())
            .bind(title)
            .bind(act.at.to_string())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        let was = if made == 1 {
            Value::Null
        } else {
            let lock = self.dialect.for_update();
            let held = format!("SELECT title FROM pools WHERE pool = $1{lock}");
            let held: String = sqlx::query_scalar(AssertSqlSafe(held))
                .bind(pool.as_str())
                .fetch_one(&mut *transaction)
                .await?;
            sqlx::query("UPDATE pools SET title = $1 WHERE pool = $2")
                .bind(title)
                .bind(pool.as_str())
                .execute(&mut *transaction)
                .await?;
            json!({ "title": held })
        };
        let became = json!({ "title": title });
        if was != became {
            let action = ["pool-changed", "pool-created"][usize::from(made == 1)];
            let change = [was, became];
            act.keep(
                &mut transaction,
                self.dialect,
                action,
                pool.as_str(),
                change,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(made == 1)
    }

    /// A pool, if there is one of this id.
    pub async fn pool(&self, pool: &PoolId) -> Result<Option<Pool>, LedgerError> {
        let sql = format!(
            "SELECT title, {}, (SELECT count(*) FROM pool_members WHERE pool_members.pool = pools.pool) \
             FROM pools WHERE pool = $1",
            self.dialect.shown("created_at")
        );
        let row: Option<(String, String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(pool.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|(title, created_at, members)| {
            Ok(Pool {
                pool: pool.clone(),
                title,
                members: members.unsigned_abs(),
                created_at: read("pools", Millis::parse(&created_at))?,
            })
        })
        .transpose()
    }

    /// The pools with an id after `after`, in order of id, at most `limit`.
    pub async fn pools(
        &self,
        after: Option<&PoolId>,
        limit: usize,
    ) -> Result<Vec<Pool>, LedgerError> {
        let sql = format!(
            "SELECT pool, title, {}, (SELECT count(*) FROM pool_members WHERE pool_members.pool = pools.pool) \
             FROM pools WHERE pool > $1 ORDER BY pool LIMIT $2",
            self.dialect.shown("created_at")
        );
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(after.map_or("", PoolId::as_str))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|(pool, title, created_at, members)| {
                Ok(Pool {
                    pool: read("pools", pool.parse())?,
                    title,
                    members: members.unsigned_abs(),
                    created_at: read("pools", Millis::parse(&created_at))?,
                })
            })
            .collect()
    }

    /// Takes a pool away with its members; false when there is none.
    pub async fn delete_pool(&self, pool: &PoolId, act: Act<'_>) -> Result<bool, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let title: Option<String> =
            sqlx::query_scalar("DELETE FROM pools WHERE pool = $1 RETURNING title")
                .bind(pool.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(title) = title else {
            return Ok(false);
        };
        let change = [json!({ "title": title }), Value::Null];
        act.keep(
            &mut transaction,
            self.dialect,
            "pool-deleted",
            pool.as_str(),
            change,
        )
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The users in a pool in order of id, at most `limit` after `after`; `None` when there is no such pool.
    pub async fn pool_members(
        &self,
        pool: &PoolId,
        after: Option<&Holder>,
        limit: usize,
    ) -> Result<Option<Vec<Holder>>, LedgerError> {
        let members: Vec<String> = sqlx::query_scalar(
            "SELECT user_id FROM pool_members WHERE pool = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        )
        .bind(pool.as_str())
        .bind(after.map_or("", Holder::as_str))
        .bind(whole(limit as u64)?)
        .fetch_all(&self.pool)
        .await?;
        if members.is_empty() && self.pool(pool).await?.is_none() {
            return Ok(None);
        }
        let members = members.into_iter();
        members
            .map(|user| read("pool_members", user.parse()))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Puts users into a pool or takes them out; who is there already, or not, stays so. False when there is no such pool.
    pub async fn set_members(
        &self,
        pool: &PoolId,
        users: &[Holder],
        membership: Membership,
        act: Act<'_>,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let held = format!(
            "SELECT pool FROM pools WHERE pool = $1{}",
            self.dialect.for_share()
        );
        let held: Option<String> = sqlx::query_scalar(AssertSqlSafe(held))
            .bind(pool.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        if held.is_none() {
            return Ok(false);
        }
        let changed = self
            .move_members(&mut transaction, pool, users, membership)
            .await?;
        let (action, change) = match membership {
            Membership::In => ("members-added", [Value::Null, json!({ "users": changed })]),
            Membership::Out => (
                "members-removed",
                [json!({ "users": changed }), Value::Null],
            ),
        };
        if changed > 0 {
            act.keep(
                &mut transaction,
                self.dialect,
                action,
                pool.as_str(),
                change,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn move_members(
        &self,
        connection: &mut AnyConnection,
        pool: &PoolId,
        users: &[Holder],
        membership: Membership,
    ) -> Result<u64, LedgerError> {
        let sql = match membership {
            Membership::In => format!(
                "INSERT INTO pool_members (pool, user_id) SELECT $2, user_id FROM {} WHERE true ON CONFLICT DO NOTHING",
                self.dialect.users()
            ),
            Membership::Out => format!(
                "DELETE FROM pool_members WHERE user_id IN {} AND pool = $2",
                self.dialect.texts()
            ),
        };
        let changed = sqlx::query(AssertSqlSafe(sql))
            .bind(as_json(&users)?)
            .bind(pool.as_str())
            .execute(connection)
            .await?;
        Ok(changed.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::both;

    const STAFF: Act<'static> = Act {
        by: "admin",
        at: Millis(1_800_000_000_000),
    };

    /// The acts, oldest first, each by its last word.
    async fn told(ledger: &Ledger) -> String {
        let acts = ledger.acts(None, 9).await.unwrap();
        let word = |act: &crate::StoredAct| act.action.split('-').next_back().unwrap().to_owned();
        let words: Vec<_> = acts.iter().rev().map(word).collect();
        words.join(" ")
    }

    fn users(names: &[&str]) -> Vec<Holder> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn users_of_any_kind_are_in_a_pool_once_and_go_with_it() {
        for ledger in both().await.0 {
            let pool: PoolId = "gold".parse().unwrap();
            let some = users(&["7", "ana", "ben \"quoted\"", "ana"]);
            assert!(
                !ledger
                    .set_members(&pool, &some, Membership::In, STAFF)
                    .await
                    .unwrap()
            );
            assert_eq!(ledger.pool_members(&pool, None, 9).await.unwrap(), None);
            assert!(ledger.put_pool(&pool, "Gold", STAFF).await.unwrap());
            assert!(!ledger.put_pool(&pool, "Golden", STAFF).await.unwrap());
            assert_eq!(
                ledger.pool_members(&pool, None, 9).await.unwrap(),
                Some(vec![])
            );
            for _ in 0..2 {
                assert!(
                    ledger
                        .set_members(&pool, &some, Membership::In, STAFF)
                        .await
                        .unwrap()
                );
            }
            let held = ledger.pool(&pool).await.unwrap().unwrap();
            assert_eq!((held.title.as_str(), held.members), ("Golden", 3));
            let page = ledger.pool_members(&pool, None, 2).await.unwrap().unwrap();
            let rest = ledger
                .pool_members(&pool, page.last(), 2)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                [page, rest].concat(),
                users(&["7", "ana", "ben \"quoted\""])
            );
            let gone = users(&["ana", "nobody"]);
            ledger
                .set_members(&pool, &gone, Membership::Out, STAFF)
                .await
                .unwrap();
            assert_eq!(ledger.pool(&pool).await.unwrap().unwrap().members, 2);
            assert!(ledger.delete_pool(&pool, STAFF).await.unwrap());
            assert!(!ledger.delete_pool(&pool, STAFF).await.unwrap());
            assert!(ledger.put_pool(&pool, "Gold", STAFF).await.unwrap());
            assert_eq!(ledger.pool(&pool).await.unwrap().unwrap().members, 0);
            let expected = "created changed added removed deleted created";
            assert_eq!(told(&ledger).await, expected);
        }
    }
}
