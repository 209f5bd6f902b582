//! What can go wrong with the ledger, told apart by what the caller should do about it.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// A failed call to the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else moved the offsets on: this owner is stale. Nothing was written; read the offset again.
    #[error("the offset of {topic}/{partition} is not {expected} any more")]
    Stale {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The offset that the batch was read from.
        expected: u64,
    },
    /// The database refuses the batch for what is in it: no repetition will help. Nothing was written.
    #[error("the ledger refuses what is in the batch: {reason}")]
    Poison {
        /// Why, in the database's words. They name no value.
        reason: String,
        /// The row at fault, where the database shows it. It holds codes: not for the log.
        row: Option<String>,
        /// Is there a row already that has what must be its alone?
        taken: bool,
    },
    /// Anything else: the connection, a lock, a full disk, a missing table. The same call may succeed later. When it was a
    /// commit, whether it was carried out is unknown, and the offset tells.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

impl LedgerError {
    /// What no repetition will help, known without asking the database.
    pub(crate) fn poison(reason: String) -> Self {
        Self::Poison {
            reason,
            row: None,
            taken: false,
        }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let poison = match &error {
            sqlx::Error::Encode(_) => true,
            sqlx::Error::Database(refused) => {
                refused.code().is_some_and(|code| blames_the_data(&code))
            }
            _ => false,
        };
        if poison {
            let shown = error
                .as_database_error()
                .and_then(|refused| refused.try_downcast_ref::<PgDatabaseError>())
                .and_then(PgDatabaseError::detail);
            Self::Poison {
                row: shown.map(str::to_owned),
                taken: error
                    .as_database_error()
                    .is_some_and(DatabaseError::is_unique_violation),
                reason: error.to_string(),
            }
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

impl From<sqlx::migrate::MigrateError> for LedgerError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Does the database's code say that the data itself cannot be stored? PostgreSQL: the classes 22 (data exception),
/// 23 (constraint violation) and 54 (a limit exceeded). SQLite: the low byte of the result code is 18 (too big),
/// 19 (constraint) or 20 (mismatch). Everything else is nobody's fault and may pass.
fn blames_the_data(code: &str) -> bool {
    if code.len() == 5 {
        return ["22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 18..=20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_batch_counts_as_poison() {
        // 22003 out of range, 22P05 NUL in text, 23514 check, 54000 index row too long; SQLite 275 check, 3091 datatype.
        for code in ["22003", "22P05", "23514", "54000", "18", "275", "3091"] {
            assert!(blames_the_data(code), "{code}");
        }
        // 08006 connection, 40P01 deadlock, 53100 disk full, 57P01 shutdown, 42P01 no table; SQLite 5 busy, 13 full, 1 error.
        for code in [
            "08006", "40P01", "53100", "57P01", "42P01", "5", "13", "1", "517",
        ] {
            assert!(!blames_the_data(code), "{code}");
        }
    }
}
