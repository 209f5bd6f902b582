//! Reading the rows of the ledger.

use domain::{EventId, Serial};
use ledger::Row;

use super::found::{Found, Station};
use super::gather::{All, PAGE};
use super::report::Standing;
use super::{ReconcileError, Stations};

impl Stations<'_> {
    /// The rows of some events: of one alone, or of all that there are, in as few statements as possible.
    pub(super) async fn rows(&self, all: &mut All) -> Result<(), ReconcileError> {
        if all.len() == 1 {
            for (event, found) in all {
                found.rows = self.ledger.row_count(event).await?;
                let everything = (Serial(0), Serial(u64::MAX));
                self.ledger_between(event, everything, found).await?;
            }
            return Ok(());
        }
        for (event, count) in self.ledger.row_counts().await? {
            if let Some(found) = all.get_mut(&event) {
                found.rows = count;
            }
        }
        let mut last = None;
        loop {
            let rows = self.ledger.every_row(last.as_ref(), PAGE).await?;
            let Some(newest) = rows.last() else {
                return Ok(());
            };
            last = Some(newest.clone());
            for (event, row) in rows {
                if let Some(found) = all.get_mut(&event) {
                    let (serial, standing) = by_row(row);
                    found.see(Station::Ledger, serial, standing);
                }
            }
        }
    }

    /// The rows of an event after one serial, up to and including another.
    pub(super) async fn ledger_between(
        &self,
        event: &EventId,
        (after, to): (Serial, Serial),
        found: &mut Found,
    ) -> Result<(), ReconcileError> {
        let mut last = (Serial(after.0 + 1), String::new());
        loop {
            let rows = self.ledger.rows(event, (last.0, &last.1), to, PAGE).await?;
            let Some(newest) = rows.last() else {
                return Ok(());
            };
            last = (newest.serial, newest.record_id.0.clone());
            for row in rows {
                let (serial, standing) = by_row(row);
                found.see(Station::Ledger, serial, standing);
            }
        }
    }
}

fn by_row(row: Row) -> (Serial, Standing) {
    let standing = Standing {
        code: row.code,
        holder: row.holder,
        record_id: row.record_id.0,
        issued_at: row.issued_at,
    };
    (row.serial, standing)
}
