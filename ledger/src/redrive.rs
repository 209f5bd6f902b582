//! What is decided about a dead letter: sent again after a mend, or given up. Each decision is kept with who made it.

use domain::Millis;
use domain::record::Record;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dead_letters::DeadState;
use crate::error::LedgerError;
use crate::sift::{Care, flaw, sift};

/// What became of a dead letter that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// Its record is in the ledger now.
    Landed,
    /// Its record was in the ledger already, by another way: nothing was written twice.
    WasThere,
    /// It is still refused, and still dead.
    Refused(String),
    /// It was decided on before.
    Settled(DeadState),
}

/// Something that was done about a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When, by the database's clock.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// `redriven`, `refused` (sent again and still dead) or `discarded`.
    pub action: String,
    /// Why it was refused; empty otherwise.
    pub note: String,
}

impl Ledger {
    /// Writes the record of a dead letter, and notes that it is one no more, in one transaction: it lands once, however often
    /// and by however many this is called.
    pub async fn redrive(
        &self,
        id: i64,
        record: &Record,
        by: &str,
    ) -> Result<Redriven, LedgerError> {
        if let Some(flaw) = flaw(record) {
            return self.still_refused(id, by, flaw.to_owned()).await;
        }
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        if !settle(&mut transaction, id, DeadState::Redriven).await? {
            drop(transaction);
            return self.settled(id).await.map(Redriven::Settled);
        }
        let sifted = sift(&mut transaction, self.dialect, &[record], Care::InParts).await?;
        let reason = match sifted.refused.into_iter().next() {
            Some(refused) => Some(refused.reason),
            None if sifted.committed.anomalies > 0 => Some(
                "it contradicts a row: another record has its serial, its code or its holder"
                    .to_owned(),
            ),
            None => None,
        };
        if let Some(reason) = reason {
            transaction.rollback().await?;
            return self.still_refused(id, by, reason).await;
        }
        note(&mut transaction, id, by, "redriven", "").await?;
        transaction.commit().await?;
        Ok(match sifted.committed.duplicates {
            0 => Redriven::Landed,
            _ => Redriven::WasThere,
        })
    }

    /// Notes that a dead letter was sent again in vain.
    pub async fn still_refused(
        &self,
        id: i64,
        by: &str,
        reason: String,
    ) -> Result<Redriven, LedgerError> {
        let mut connection = self.pool.acquire().await?;
        note(&mut connection, id, by, "refused", &reason).await?;
        Ok(Redriven::Refused(reason))
    }

    /// Gives a dead letter up. `None` when that is done, otherwise what became of it before.
    pub async fn discard(&self, id: i64, by: &str) -> Result<Option<DeadState>, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        if !settle(&mut transaction, id, DeadState::Discarded).await? {
            drop(transaction);
            return self.settled(id).await.map(Some);
        }
        note(&mut transaction, id, by, "discarded", "").await?;
        transaction.commit().await?;
        Ok(None)
    }

    /// What was done about a dead letter, oldest first.
    pub async fn decisions(&self, id: i64) -> Result<Vec<Decision>, LedgerError> {
        let sql = format!(
            "SELECT {}, by, action, note FROM dead_letter_audit WHERE letter = $1 ORDER BY id",
            self.dialect.shown("at")
        );
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(id)
            .fetch_all(&self.pool)
            .await?;
        let decision = |(at, by, action, note): (String, String, String, String)| {
            let at = Millis::parse(&at)
                .map_err(|error| LedgerError::Unavailable(format!("a decision: {error}")))?;
            Ok(Decision {
                at,
                by,
                action,
                note,
            })
        };
        rows.into_iter().map(decision).collect()
    }

    /// What became of a letter that is dead no more.
    async fn settled(&self, id: i64) -> Result<DeadState, LedgerError> {
        let state: String = sqlx::query_scalar("SELECT state FROM dead_letters WHERE id = $1")
            .bind(id)
            .fetch_one(&self.pool)
            .await?;
        state.parse()
    }
}

/// Moves a letter from `dead` to `state`; false when it is not dead. The row stays locked until the transaction ends.
async fn settle(
    connection: &mut AnyConnection,
    id: i64,
    state: DeadState,
) -> Result<bool, LedgerError> {
    let moved = sqlx::query("UPDATE dead_letters SET state = $1 WHERE id = $2 AND state = 'dead'")
        .bind(state.as_str())
        .bind(id)
        .execute(connection)
        .await?;
    Ok(moved.rows_affected() == 1)
}

async fn note(
    connection: &mut AnyConnection,
    id: i64,
    by: &str,
    action: &str,
    note: &str,
) -> Result<(), LedgerError> {
    sqlx::query("INSERT INTO dead_letter_audit (letter, by, action, note) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(by)
        .bind(action)
        .bind(note.replace('\0', "\u{fffd}"))
        .execute(connection)
        .await?;
    Ok(())
}
