//! The highest ordinal of each event's records that is in the ledger.

use std::collections::BTreeMap;

use domain::EventId;
use domain::record::Record;
use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::error::LedgerError;

/// Raises each event's watermark to the highest ordinal among `records`, also those that are buried; it never falls. An
/// ordinal that SQL cannot count is no ordinal.
pub(crate) async fn raise(
    connection: &mut AnyConnection,
    records: &[&Record],
) -> Result<(), LedgerError> {
    let mut highest: BTreeMap<&EventId, i64> = BTreeMap::new();
    for record in records {
        if let Ok(reached) = i64::try_from(record.ordinal) {
            let ordinal = highest.entry(&record.event).or_default();
            *ordinal = reached.max(*ordinal);
        }
    }
    for (event, ordinal) in highest {
        sqlx::query(
            "INSERT INTO watermarks (event, ordinal) VALUES ($1, $2) ON CONFLICT (event) \
             DO UPDATE SET ordinal = excluded.ordinal WHERE excluded.ordinal > watermarks.ordinal",
        )
        .bind(event.as_str())
        .bind(ordinal)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl Ledger {
    /// The highest ordinal of an event's records in the ledger; 0 when it has none.
    pub async fn watermark(&self, event: &EventId) -> Result<u64, LedgerError> {
        let held: Option<i64> =
            sqlx::query_scalar("SELECT ordinal FROM watermarks WHERE event = $1")
                .bind(event.as_str())
                .fetch_optional(&self.pool)
                .await?;
        Ok(held.unwrap_or(0).unsigned_abs())
    }
}
