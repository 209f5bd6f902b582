//! Events as the log last told of them.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::record::{Fact, Record};
use domain::{EventId, Millis};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::connect::Ledger;
use crate::dialect::Dialect;
use crate::error::LedgerError;
use crate::issuances::json;

/// An event as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// The event as the newest record told.
    pub event: Event,
    /// That record's ordinal.
    pub ordinal: u64,
    /// When that was.
    pub at: Millis,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a EventId,
    title: &'a str,
    phase: &'static str,
    stock: u64,
    definition: &'a Event,
    updated_ordinal: u64,
    updated_at: Millis,
}

/// Writes the newest of the changes that `records` tell of; a row is never taken back to an older one.
pub(crate) async fn upsert(
    connection: &mut AnyConnection,
    dialect: Dialect,
    records: &[&Record],
) -> Result<(), LedgerError> {
    let mut newest: BTreeMap<&EventId, Row<'_>> = BTreeMap::new();
    for record in records {
        let Fact::Changed(event) = &record.fact else {
            continue;
        };
        if newest
            .get(&record.event)
            .is_some_and(|row| row.updated_ordinal > record.ordinal)
        {
            continue;
        }
        newest.insert(
            &record.event,
            Row {
                id: &record.event,
                title: &event.definition.title,
                phase: event.phase.as_str(),
                stock: event.stock,
                definition: event,
                updated_ordinal: record.ordinal,
                updated_at: record.time,
            },
        );
    }
    if newest.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO events (id, title, phase, stock, definition, updated_ordinal, updated_at) \
         SELECT id, title, phase, stock, definition, updated_ordinal, updated_at FROM {} WHERE true \
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, phase = excluded.phase, stock = excluded.stock, \
         definition = excluded.definition, updated_ordinal = excluded.updated_ordinal, updated_at = excluded.updated_at \
         WHERE excluded.updated_ordinal > events.updated_ordinal",
        dialect.events()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(json(&newest.values().collect::<Vec<_>>())?)
        .execute(connection)
        .await?;
    Ok(())
}

impl Ledger {
    /// The ids of all events.
    pub async fn event_ids(&self) -> Result<Vec<EventId>, LedgerError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM events")
            .fetch_all(&self.pool)
            .await?;
        let odd = |id: &str| LedgerError::Unavailable(format!("a row of events has the id `{id}`"));
        ids.iter()
            .map(|id| id.parse().map_err(|_| odd(id)))
            .collect()
    }

    /// All events, in order of id.
    pub async fn events(&self) -> Result<Vec<StoredEvent>, LedgerError> {
        let sql = format!(
            "SELECT CAST(definition AS text), updated_ordinal, {} FROM events ORDER BY id",
            self.dialect.shown("updated_at")
        );
        let rows: Vec<(String, i64, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await?;
        let odd = |what: String| LedgerError::Unavailable(format!("a row of events: {what}"));
        rows.into_iter()
            .map(|(definition, ordinal, at)| {
                Ok(StoredEvent {
                    event: serde_json::from_str(&definition).map_err(|e| odd(e.to_string()))?,
                    ordinal: ordinal.unsigned_abs(),
                    at: Millis::parse(&at).map_err(|e| odd(e.to_string()))?,
                })
            })
            .collect()
    }
}
