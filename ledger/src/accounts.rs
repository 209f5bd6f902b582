//! Accounts: made, found, changed and taken away, never without a last admin.

mod find;

use domain::Millis;
use domain::account::{AccountId, Email, Name, Role};
use domain::session::SessionId;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::acts::Act;
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::sessions;

pub(crate) use find::{Row, account, selected};

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its address, one account each.
    pub email: Email,
    /// What it is called.
    pub name: Option<Name>,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Millis,
}

/// What may be changed of an account; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// What it is called.
    pub name: Option<Name>,
    /// What it may do. Another role ends every session.
    pub role: Option<Role>,
    /// The hash of its new password. Ends every session but `keeping`.
    pub password_hash: Option<String>,
    /// The session of the person who changes their own password.
    pub keeping: Option<SessionId>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountOutcome {
    /// It is done.
    Done {
        /// The account after it; as it was, when it was taken away.
        account: Account,
        /// The sessions that it ended: their access tokens must end, too.
        ended: Vec<SessionId>,
    },
    /// There is no such account.
    NoSuchAccount,
    /// It would leave nobody who is an admin.
    LastAdmin,
}

impl Ledger {
    /// Makes an account; false when the address has one already. `act`: the staff that makes it; none for somebody who signs
    /// up.
    pub async fn create_account(
        &self,
        account: &Account,
        password_hash: &str,
        act: Option<Act<'_>>,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let sql = format!(
            "INSERT INTO accounts (account_id, email, name, role, password_hash, created_at) \
             VALUES ($1, $2, $3, $4, $5, {}) ON CONFLICT (email) DO NOTHING",
            self.dialect.moment("$6")
        );
        let made = sqlx::query(AssertSqlSafe(sql))
            .bind(account.id.as_str())
            .bind(account.email.as_str())
            .bind(account.name.as_ref().map(Name::as_str))
            .bind(account.role.as_str())
            .bind(password_hash)
            .bind(account.created_at.to_string())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if made == 0 {
            return Ok(false);
        }
        if let Some(act) = act {
            let became = json!({ "role": account.role });
            let change = [Value::Null, became];
            act.keep(
                &mut transaction,
                self.dialect,
                "account-created",
                account.id.as_str(),
                change,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Changes an account. `act.by` is written down for what staff does; for a change of one's own, `as_staff` is false.
    pub async fn change_account(
        &self,
        id: &AccountId,
        change: &AccountChange,
        act: Act<'_>,
        as_staff: bool,
    ) -> Result<AccountOutcome, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let demotes = change.role.is_some_and(|role| role != Role::Admin);
        if demotes && self.is_last_admin(&mut transaction, id).await? {
            return Ok(AccountOutcome::LastAdmin);
        }
        let Some(was) = self.locked(&mut transaction, id).await? else {
            return Ok(AccountOutcome::NoSuchAccount);
        };
        let now = Account {
            name: change.name.clone().or(was.name.clone()),
            role: change.role.unwrap_or(was.role),
            ..was.clone()
        };
        self.write(&mut transaction, &now, change.password_hash.as_deref())
            .await?;
        let ended = if now.role != was.role || change.password_hash.is_some() {
            let keeping = change.keeping.as_ref().filter(|_| now.role == was.role);
            sessions::end_all(&mut transaction, self.dialect, id, keeping, act.at).await?
        } else {
            Vec::new()
        };
        if as_staff {
            let shown = |account: &Account, renewed: bool| json!({ "name": account.name, "role": account.role, "password": renewed.then_some("changed") });
            let renewed = change.password_hash.is_some();
            let change = [shown(&was, false), shown(&now, renewed)];
            act.keep(
                &mut transaction,
                self.dialect,
                "account-changed",
                id.as_str(),
                change,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(AccountOutcome::Done {
            account: now,
            ended,
        })
    }

    /// Takes an account away, with its sessions. Its coupons stay on the record under its id.
    pub async fn delete_account(
        &self,
        id: &AccountId,
        act: Act<'_>,
    ) -> Result<AccountOutcome, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        if self.is_last_admin(&mut transaction, id).await? {
            return Ok(AccountOutcome::LastAdmin);
        }
        let Some(account) = self.locked(&mut transaction, id).await? else {
            return Ok(AccountOutcome::NoSuchAccount);
        };
        let ended = sessions::end_all(&mut transaction, self.dialect, id, None, act.at).await?;
        sqlx::query("DELETE FROM accounts WHERE account_id = $1")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        let change = [json!({ "role": account.role }), Value::Null];
        act.keep(
            &mut transaction,
            self.dialect,
            "account-deleted",
            id.as_str(),
            change,
        )
        .await?;
        transaction.commit().await?;
        Ok(AccountOutcome::Done { account, ended })
    }

    /// Is this the only admin? Locks every admin, in one order, so that two of them cannot take each other away at once.
    async fn is_last_admin(
        &self,
        connection: &mut AnyConnection,
        id: &AccountId,
    ) -> Result<bool, LedgerError> {
        let sql = format!(
            "SELECT account_id FROM accounts WHERE role = 'admin' ORDER BY account_id{}",
            self.dialect.for_update()
        );
        let admins: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await?;
        Ok(admins == [id.as_str()])
    }

    /// The account, kept from changing until the transaction ends.
    async fn locked(
        &self,
        connection: &mut AnyConnection,
        id: &AccountId,
    ) -> Result<Option<Account>, LedgerError> {
        let condition = format!("account_id = $1{}", self.dialect.for_update());
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(selected(self.dialect, &condition)))
            .bind(id.as_str())
            .fetch_optional(connection)
            .await?;
        row.map(account).transpose()
    }

    async fn write(
        &self,
        connection: &mut AnyConnection,
        account: &Account,
        password_hash: Option<&str>,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "UPDATE accounts SET name = $1, role = $2, password_hash = COALESCE($3, password_hash) WHERE account_id = $4",
        )
        .bind(account.name.as_ref().map(Name::as_str))
        .bind(account.role.as_str())
        .bind(password_hash)
        .bind(account.id.as_str())
        .execute(connection)
        .await?;
        Ok(())
    }
}
