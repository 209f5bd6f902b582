//! Ending sessions: their rows go, and that they ended is kept for as long as their last access token may live.

use domain::Millis;
use domain::account::AccountId;
use domain::session::SessionId;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::MOST_SESSIONS;
use crate::acts::read;
use crate::dialect::Dialect;
use crate::error::LedgerError;

/// Ends every session of an account but `keeping`.
pub(crate) async fn end_all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    account: &AccountId,
    keeping: Option<&SessionId>,
    at: Millis,
) -> Result<Vec<SessionId>, LedgerError> {
    let sql = "SELECT session_id FROM sessions WHERE account_id = $1 AND session_id <> $2";
    let sessions: Vec<String> = sqlx::query_scalar(sql)
        .bind(account.as_str())
        .bind(keeping.map_or("", SessionId::as_str))
        .fetch_all(&mut *connection)
        .await?;
    end_each(connection, dialect, sessions, at).await
}

/// Ends the oldest sessions of an account, so that one more is not too many.
pub(super) async fn end_oldest(
    connection: &mut AnyConnection,
    dialect: Dialect,
    account: &AccountId,
    at: Millis,
) -> Result<Vec<SessionId>, LedgerError> {
    let sql = "SELECT session_id FROM sessions WHERE account_id = $1 \
               ORDER BY started_at DESC, session_id LIMIT 1000 OFFSET $2";
    let sessions: Vec<String> = sqlx::query_scalar(sql)
        .bind(account.as_str())
        .bind(MOST_SESSIONS - 1)
        .fetch_all(&mut *connection)
        .await?;
    end_each(connection, dialect, sessions, at).await
}

async fn end_each(
    connection: &mut AnyConnection,
    dialect: Dialect,
    sessions: Vec<String>,
    at: Millis,
) -> Result<Vec<SessionId>, LedgerError> {
    let mut ended = Vec::new();
    for session in sessions {
        ended.extend(end(connection, dialect, "session_id = $1", &session, at).await?);
    }
    Ok(ended)
}

/// Ends the sessions that fit `condition` ($1 is `key`): no row is left but that they ended.
pub(super) async fn end(
    connection: &mut AnyConnection,
    dialect: Dialect,
    condition: &str,
    key: &str,
    at: Millis,
) -> Result<Vec<SessionId>, LedgerError> {
    let sql = format!("DELETE FROM sessions WHERE {condition} RETURNING session_id");
    let ended: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(key)
        .fetch_all(&mut *connection)
        .await?;
    let sql = format!(
        "INSERT INTO ended_sessions (session_id, ended_at) VALUES ($1, {}) ON CONFLICT (session_id) DO NOTHING",
        dialect.moment("$2")
    );
    for session in &ended {
        sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(session)
            .bind(at.to_string())
            .execute(&mut *connection)
            .await?;
    }
    ended
        .into_iter()
        .map(|session| read("sessions", session.parse()))
        .collect()
}
