//! Records that contradict a row that is already here. They are never expected; keeping them makes them visible.

use domain::record::Fence;
use domain::{EventId, RecordId};
use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::{Issuance, json};

/// A record that contradicts a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The record that could not be made a row.
    pub record_id: RecordId,
    /// What it contradicts: `record-differs`, `serial-taken`, `code-taken`, `holder-has-one`; `late` for one that
    /// contradicts nothing but came behind the fence that ended its epoch.
    pub kind: String,
    /// The record whose row is in the way, or the fence.
    pub stored_record_id: RecordId,
    /// The refused issuance, as JSON.
    pub record: String,
}

/// What `refused` and the row in its way have in common, as the anomaly's kind.
fn kind(refused: &Issuance, stored: &Issuance) -> &'static str {
    if refused.record_id == stored.record_id {
        "record-differs"
    } else if refused.serial == stored.serial {
        "serial-taken"
    } else if refused.code == stored.code {
        "code-taken"
    } else {
        "holder-has-one"
    }
}

pub(crate) async fn keep(
    connection: &mut AnyConnection,
    refused: &Issuance,
    stored: &Issuance,
) -> Result<(), LedgerError> {
    insert(
        connection,
        refused,
        kind(refused, stored),
        &stored.record_id,
    )
    .await?;
    tracing::error!(
        event.id = %refused.event,
        record_id = %refused.record_id,
        stored_record_id = %stored.record_id,
        kind = kind(refused, stored),
        "a record contradicts a row of the ledger"
    );
    Ok(())
}

/// Keeps a coupon that came behind the fence that ended its epoch: Redis had forgotten it, so it counts no more.
pub(crate) async fn keep_late(
    connection: &mut AnyConnection,
    late: &Issuance,
    fence: Fence,
) -> Result<(), LedgerError> {
    insert(connection, late, "late", &fence.id(&late.event)).await?;
    tracing::error!(
        event.id = %late.event,
        record_id = %late.record_id,
        fence.epoch,
        fence.kept,
        "a record that redis had forgotten came to the log after its epoch had ended; it makes no row"
    );
    Ok(())
}

async fn insert(
    connection: &mut AnyConnection,
    refused: &Issuance,
    kind: &str,
    stored: &RecordId,
) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO anomalies (event, record_id, kind, stored_record_id, record) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (record_id) DO NOTHING",
    )
    .bind(refused.event.as_str())
    .bind(&refused.record_id.0)
    .bind(kind)
    .bind(&stored.0)
    .bind(json(refused)?)
    .execute(connection)
    .await?;
    Ok(())
}

impl Ledger {
    /// The records of all anomalies, whatever event they are of.
    pub async fn anomalous_records(&self) -> Result<Vec<(EventId, RecordId)>, LedgerError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT event, record_id FROM anomalies")
            .fetch_all(&self.pool)
            .await?;
        let record = |(event, id): (String, String)| Some((event.parse().ok()?, RecordId(id)));
        Ok(rows.into_iter().filter_map(record).collect())
    }

    /// The anomalies of an event, oldest first.
    pub async fn anomalies(&self, event: &EventId) -> Result<Vec<Anomaly>, LedgerError> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT record_id, kind, stored_record_id, record FROM anomalies WHERE event = $1 ORDER BY id",
        )
        .bind(event.as_str())
        .fetch_all(&self.pool)
        .await?;
        let anomaly = |(record_id, kind, stored, record)| Anomaly {
            record_id: RecordId(record_id),
            kind,
            stored_record_id: RecordId(stored),
            record,
        };
        Ok(rows.into_iter().map(anomaly).collect())
    }
}
