//! Sessions: begun by a password, renewed by secrets that serve once, ended for good.

mod ending;

use domain::Millis;
use domain::account::AccountId;
use domain::session::{ACCESS_S, SessionId};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::accounts::{self, Account};
use crate::acts::read;
use crate::connect::Ledger;
use crate::error::LedgerError;
pub(crate) use ending::end_all;
use ending::{end, end_oldest};

/// Most sessions of one account; a new one ends the oldest.
const MOST_SESSIONS: i64 = 20;

/// A session to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub account: &'a AccountId,
    /// The password hash that was checked: when it is another by now, nothing begins.
    pub password_hash: &'a str,
    /// Its id.
    pub session: &'a SessionId,
    /// The digest of the secret that may renew it.
    pub digest: &'a str,
    /// Now.
    pub at: Millis,
    /// When it ends at the latest.
    pub ends_at: Millis,
}

/// A session that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Whose, as the account stands in the same transaction.
    pub account: Account,
    /// The oldest sessions, which ended to make room: their access tokens must end, too.
    pub ended: Vec<SessionId>,
}

/// What became of a secret that was shown to renew a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The session goes on with the new secret.
    Goes {
        /// Which.
        session: SessionId,
        /// Whose, as the account stands in the same transaction.
        account: Account,
        /// When it ends at the latest.
        ends_at: Millis,
    },
    /// The secret had served before: somebody has a copy, so the session is ended.
    Reused(SessionId),
    /// The secret belongs to no session, or to one that is over.
    Ended,
}

impl Ledger {
    /// Begins a session; `None` when the account is gone or its password changed since it was checked. Sessions whose time is
    /// over are cleared away.
    pub async fn begin_session(&self, new: NewSession<'_>) -> Result<Option<Begun>, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        // Shared, so that nobody changes the role between here and the session's row.
        let condition = format!(
            "account_id = $1 AND password_hash = $2{}",
            self.dialect.for_share()
        );
        let sql = accounts::selected(self.dialect, &condition);
        let row: Option<accounts::Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(new.account.as_str())
            .bind(new.password_hash)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let account = accounts::account(row)?;
        self.forget_over(&mut transaction, new.at).await?;
        let ended = end_oldest(&mut transaction, self.dialect, new.account, new.at).await?;
        let sql = format!(
            "INSERT INTO sessions (session_id, account_id, started_at, ends_at) VALUES ($1, $2, {}, {})",
            self.dialect.moment("$3"),
            self.dialect.moment("$4")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(new.session.as_str())
            .bind(new.account.as_str())
            .bind(new.at.to_string())
            .bind(new.ends_at.to_string())
            .execute(&mut *transaction)
            .await?;
        keep_secret(&mut transaction, new.session, new.digest).await?;
        transaction.commit().await?;
        Ok(Some(Begun { account, ended }))
    }

    /// Renews a session: the secret with this digest is spent, `fresh` may renew it next. A secret that comes again ends the
    /// session.
    pub async fn renew_session(
        &self,
        digest: &str,
        fresh: &str,
        at: Millis,
    ) -> Result<Renewed, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let Some((session, account, ends_at)) = self.living(&mut transaction, digest, at).await?
        else {
            return Ok(Renewed::Ended);
        };
        let sql = format!(
            "UPDATE refresh_secrets SET spent_at = {} WHERE digest = $2 AND spent_at IS NULL",
            self.dialect.moment("$1")
        );
        let spent = sqlx::query(AssertSqlSafe(sql))
            .bind(at.to_string())
            .bind(digest)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if spent == 0 {
            end(
                &mut transaction,
                self.dialect,
                "session_id = $1",
                session.as_str(),
                at,
            )
            .await?;
            transaction.commit().await?;
            return Ok(Renewed::Reused(session));
        }
        keep_secret(&mut transaction, &session, fresh).await?;
        transaction.commit().await?;
        Ok(Renewed::Goes {
            session,
            account,
            ends_at,
        })
    }

    /// Ends the session that a secret belongs to, spent or not; `None` when there is none.
    pub async fn end_session(
        &self,
        digest: &str,
        at: Millis,
    ) -> Result<Option<SessionId>, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let condition = "session_id IN (SELECT session_id FROM refresh_secrets WHERE digest = $1)";
        let ended = end(&mut transaction, self.dialect, condition, digest, at).await?;
        transaction.commit().await?;
        Ok(ended.into_iter().next())
    }

    /// Ends a session; `None` when it is over already.
    pub async fn end_session_of(
        &self,
        session: &SessionId,
        at: Millis,
    ) -> Result<Option<SessionId>, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let (dialect, key) = (self.dialect, session.as_str());
        let ended = end(&mut transaction, dialect, "session_id = $1", key, at).await?;
        transaction.commit().await?;
        Ok(ended.into_iter().next())
    }

    /// The sessions that ended after `since`; those that ended before are forgotten.
    pub async fn ended_sessions(
        &self,
        since: Millis,
    ) -> Result<Vec<(SessionId, Millis)>, LedgerError> {
        let sql = format!(
            "DELETE FROM ended_sessions WHERE ended_at <= {}",
            self.dialect.moment("$1")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(since.to_string())
            .execute(&self.pool)
            .await?;
        let sql = format!(
            "SELECT session_id, {} FROM ended_sessions",
            self.dialect.shown("ended_at")
        );
        let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|(session, at)| {
                Ok((
                    read("ended_sessions", session.parse())?,
                    read("ended_sessions", Millis::parse(&at))?,
                ))
            })
            .collect()
    }

    /// The session that a secret belongs to, its account and its end, if it is not over; both are kept from changing until the
    /// transaction ends. The account is locked first, as by whoever changes it.
    async fn living(
        &self,
        connection: &mut AnyConnection,
        digest: &str,
        at: Millis,
    ) -> Result<Option<(SessionId, Account, Millis)>, LedgerError> {
        let whose: Option<String> = sqlx::query_scalar(
            "SELECT account_id FROM sessions JOIN refresh_secrets ON refresh_secrets.session_id = sessions.session_id \
             WHERE digest = $1",
        )
        .bind(digest)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(whose) = whose else { return Ok(None) };
        let condition = format!("account_id = $1{}", self.dialect.for_share());
        let row: Option<accounts::Row> =
            sqlx::query_as(AssertSqlSafe(accounts::selected(self.dialect, &condition)))
                .bind(whose)
                .fetch_optional(&mut *connection)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let sql = format!(
            "SELECT session_id, {} FROM sessions \
             WHERE session_id = (SELECT session_id FROM refresh_secrets WHERE digest = $1) AND ends_at > {}{}",
            self.dialect.shown("ends_at"),
            self.dialect.moment("$2"),
            self.dialect.for_update()
        );
        let session: Option<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(digest)
            .bind(at.to_string())
            .fetch_optional(connection)
            .await?;
        let Some((session, ends_at)) = session else {
            return Ok(None);
        };
        Ok(Some((
            read("sessions", session.parse())?,
            accounts::account(row)?,
            read("sessions", Millis::parse(&ends_at))?,
        )))
    }

    /// Clears away sessions that are over and whose last access token has ended.
    async fn forget_over(
        &self,
        connection: &mut AnyConnection,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "DELETE FROM sessions WHERE ends_at < {}",
            self.dialect.moment("$1")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(now.plus(-ACCESS_S * 1_000).to_string())
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn keep_secret(
    connection: &mut AnyConnection,
    session: &SessionId,
    digest: &str,
) -> Result<(), LedgerError> {
    sqlx::query("INSERT INTO refresh_secrets (digest, session_id) VALUES ($1, $2)")
        .bind(digest)
        .bind(session.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::account::Role;

    use super::*;
    use crate::tests::both;
    use crate::{AccountChange, AccountOutcome, Act};

    const NOW: Millis = Millis(1_800_000_000_000);

    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, n: usize) -> T {
        format!("{prefix}{n:0>21}A").parse().unwrap()
    }

    async fn made(ledger: &Ledger, n: usize, role: Role) -> AccountId {
        let account = Account {
            id: id("acc_", n),
            email: format!("p{n}@example.org").parse().unwrap(),
            name: None,
            role,
            created_at: NOW,
        };
        assert!(ledger.create_account(&account, "hash", None).await.unwrap());
        assert_eq!(
            ledger.account(&account.id).await.unwrap(),
            Some(account.clone())
        );
        account.id
    }

    async fn begun(ledger: &Ledger, account: &AccountId, n: usize) -> SessionId {
        let session = id("ses_", n);
        let new = NewSession {
            account,
            password_hash: "hash",
            session: &session,
            digest: &format!("secret {n}"),
            at: NOW.plus(i64::try_from(n).unwrap()),
            ends_at: NOW.plus(1_000_000),
        };
        ledger.begin_session(new).await.unwrap().unwrap();
        session
    }

    async fn renewed(ledger: &Ledger, secret: &str, fresh: &str) -> Renewed {
        ledger
            .renew_session(secret, fresh, NOW.plus(500))
            .await
            .unwrap()
    }

    async fn ended(ledger: &Ledger) -> Vec<SessionId> {
        let ended = ledger.ended_sessions(NOW.plus(-1)).await.unwrap();
        ended.into_iter().map(|(session, _)| session).collect()
    }

    /// The sessions that a change ended.
    fn gone(outcome: AccountOutcome) -> Vec<SessionId> {
        match outcome {
            AccountOutcome::Done { ended, .. } => ended,
            other => panic!("{other:?}"),
        }
    }

    const STAFF: Act<'static> = Act {
        by: "admin",
        at: NOW,
    };

    #[tokio::test]
    async fn a_secret_that_comes_twice_ends_its_session_and_no_other() {
        for ledger in both().await.0 {
            let ana = made(&ledger, 1, Role::User).await;
            let (first, _other) = (begun(&ledger, &ana, 1).await, begun(&ledger, &ana, 2).await);
            let goes = renewed(&ledger, "secret 1", "secret 1b").await;
            assert!(
                matches!(&goes, Renewed::Goes { session, .. } if *session == first),
                "{goes:?}"
            );
            assert_eq!(
                renewed(&ledger, "secret 1", "copy").await,
                Renewed::Reused(first.clone())
            );
            assert_eq!(renewed(&ledger, "secret 1b", "late").await, Renewed::Ended);
            assert_eq!(renewed(&ledger, "nobody's", "x").await, Renewed::Ended);
            assert_eq!(ended(&ledger).await, [first]);
            assert!(matches!(
                renewed(&ledger, "secret 2", "2b").await,
                Renewed::Goes { .. }
            ));
            let late = ledger
                .renew_session("2b", "2c", NOW.plus(1_000_000))
                .await
                .unwrap();
            assert_eq!(late, Renewed::Ended, "its time is over");
        }
    }

    #[tokio::test]
    async fn of_many_who_show_one_secret_at_once_at_most_one_goes_on() {
        for ledger in both().await.0 {
            let ana = made(&ledger, 1, Role::User).await;
            begun(&ledger, &ana, 1).await;
            let mut all = tokio::task::JoinSet::new();
            for n in 0..8 {
                let ledger = ledger.clone();
                all.spawn(async move { renewed(&ledger, "secret 1", &format!("fresh {n}")).await });
            }
            let all = all.join_all().await;
            let goes = all
                .iter()
                .filter(|one| matches!(one, Renewed::Goes { .. }))
                .count();
            let reused = all
                .iter()
                .filter(|one| matches!(one, Renewed::Reused(_)))
                .count();
            assert_eq!((goes, reused), (1, 1), "{all:?}");
            assert_eq!(ended(&ledger).await.len(), 1);
        }
    }

    #[tokio::test]
    async fn another_role_another_password_and_the_end_of_the_account_end_its_sessions() {
        for ledger in both().await.0 {
            made(&ledger, 9, Role::Admin).await;
            let ana = made(&ledger, 1, Role::Admin).await;
            let first = begun(&ledger, &ana, 1).await;
            let role = AccountChange {
                role: Some(Role::User),
                ..AccountChange::default()
            };
            let done = ledger
                .change_account(&ana, &role, STAFF, true)
                .await
                .unwrap();
            assert_eq!(gone(done), [first]);
            let role = ledger.account(&ana).await.unwrap().unwrap().role;
            assert_eq!(role, Role::User);
            assert_eq!(renewed(&ledger, "secret 1", "x").await, Renewed::Ended);

            let (own, other) = (begun(&ledger, &ana, 2).await, begun(&ledger, &ana, 3).await);
            let password = AccountChange {
                password_hash: Some("hash".to_owned()),
                keeping: Some(own.clone()),
                ..AccountChange::default()
            };
            let done = ledger
                .change_account(&ana, &password, STAFF, false)
                .await
                .unwrap();
            assert_eq!(gone(done), [other]);

            let done = ledger.delete_account(&ana, STAFF).await.unwrap();
            assert_eq!(gone(done), [own]);
            assert_eq!(ledger.account(&ana).await.unwrap(), None);
            assert_eq!(renewed(&ledger, "secret 2", "x").await, Renewed::Ended);
            assert_eq!(ended(&ledger).await.len(), 3);
            let later = ledger.ended_sessions(NOW.plus(600)).await.unwrap();
            assert!(
                later.is_empty() && ended(&ledger).await.is_empty(),
                "they are forgotten in time"
            );

            let acts = ledger.acts(None, 10).await.unwrap();
            let told: Vec<_> = acts.iter().map(|act| act.action.as_str()).collect();
            assert_eq!(told, ["account-deleted", "account-changed"]);
            assert_eq!(
                (&acts[1].was["role"], &acts[1].became["role"]),
                (&"admin".into(), &"user".into())
            );
            assert_eq!(
                (acts[1].by.as_str(), acts[1].subject.as_str()),
                ("admin", ana.as_str())
            );
        }
    }

    #[tokio::test]
    async fn two_admins_who_take_each_other_away_leave_one() {
        for ledger in both().await.0 {
            let (ana, ben) = (
                made(&ledger, 1, Role::Admin).await,
                made(&ledger, 2, Role::Admin).await,
            );
            let (one, two) = tokio::join!(
                ledger.delete_account(&ana, STAFF),
                ledger.delete_account(&ben, STAFF)
            );
            let outcomes = [one.unwrap(), two.unwrap()];
            let last = outcomes
                .iter()
                .filter(|outcome| **outcome == AccountOutcome::LastAdmin);
            assert_eq!(last.count(), 1, "{outcomes:?}");
            let left = ledger.accounts(None, 10).await.unwrap();
            assert_eq!(left.len(), 1);
            let demoted = AccountChange {
                role: Some(Role::Operator),
                ..AccountChange::default()
            };
            let outcome = ledger
                .change_account(&left[0].id, &demoted, STAFF, true)
                .await
                .unwrap();
            assert_eq!(outcome, AccountOutcome::LastAdmin);
        }
    }

    #[tokio::test]
    async fn a_session_begins_with_the_password_that_was_checked_and_the_oldest_makes_room() {
        for ledger in both().await.0 {
            let ana = made(&ledger, 1, Role::User).await;
            let sessions = usize::try_from(MOST_SESSIONS).unwrap();
            for n in 0..sessions {
                begun(&ledger, &ana, n).await;
            }
            assert_eq!(ended(&ledger).await, []);
            begun(&ledger, &ana, sessions).await;
            assert_eq!(ended(&ledger).await, [id::<SessionId>("ses_", 0)]);
            let stale = NewSession {
                account: &ana,
                password_hash: "another",
                session: &id("ses_", 99),
                digest: "99",
                at: NOW,
                ends_at: NOW.plus(1),
            };
            assert_eq!(ledger.begin_session(stale).await.unwrap(), None);
        }
    }
}
