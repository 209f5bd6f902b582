//! The one way into the ledger: a batch of records, its dead letters and the offsets it covers, in one transaction.

use std::collections::HashMap;

use domain::RecordId;
use domain::record::Record;
use sqlx::AnyConnection;

use crate::connect::Ledger;
use crate::dead_letters::DeadLetter;
use crate::error::LedgerError;
use crate::issuances::Issuance;
use crate::offsets::Step;
use crate::{anomalies, dead_letters, events, issuances, offsets, watermarks};

/// What is to be committed together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The records, in the log's order.
    pub records: &'a [&'a Record],
    /// Messages among them that are none.
    pub dead: &'a [DeadLetter],
    /// The offsets that both cover.
    pub step: &'a Step,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Coupons that are rows now and were not before.
    pub issued: u64,
    /// Coupons that were rows already, by the same record: harmless.
    pub duplicates: u64,
    /// Records that contradict a row, now in `anomalies`.
    pub anomalies: u64,
}

impl Ledger {
    /// Commits a batch, whole or not at all. A replay changes nothing but the offsets, and a stale owner nothing at all.
    pub async fn commit(&self, batch: Batch<'_>) -> Result<Committed, LedgerError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        offsets::take(&mut transaction, batch.step).await?;
        for letter in batch.dead {
            dead_letters::keep(&mut transaction, batch.step, letter).await?;
        }
        events::upsert(&mut transaction, self.dialect, batch.records).await?;
        let committed = self.issue(&mut transaction, batch.records).await?;
        watermarks::raise(&mut transaction, batch.records).await?;
        transaction.commit().await?;
        Ok(committed)
    }

    /// Makes the issued coupons rows and accounts for every one that could not be made one.
    async fn issue(
        &self,
        connection: &mut AnyConnection,
        records: &[&Record],
    ) -> Result<Committed, LedgerError> {
        let given: Vec<Issuance> = records
            .iter()
            .filter_map(|record| Issuance::of(record))
            .collect();
        if given.is_empty() {
            return Ok(Committed::default());
        }
        let all: Vec<&Issuance> = given.iter().collect();
        let mut fresh = issuances::insert(connection, self.dialect, &all).await?;
        // A record that came twice in one batch is fresh once and a duplicate once.
        let (fresh, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|issuance| fresh.remove(&issuance.record_id.0));
        if !fresh.is_empty() {
            issuances::assign_coupons(connection, self.dialect, &fresh).await?;
        }
        let anomalies = self.account_for(connection, &others).await?;
        let (issued, others) = (fresh.len() as u64, others.len() as u64);
        Ok(Committed {
            issued,
            duplicates: others - anomalies,
            anomalies,
        })
    }

    /// Compares issuances that are no new rows with the rows that are there; how many contradict them.
    async fn account_for(
        &self,
        connection: &mut AnyConnection,
        others: &[&Issuance],
    ) -> Result<u64, LedgerError> {
        if others.is_empty() {
            return Ok(0);
        }
        let ids: Vec<&str> = others
            .iter()
            .map(|other| other.record_id.0.as_str())
            .collect();
        let stored = issuances::by_record(connection, self.dialect, &ids).await?;
        let stored: HashMap<&RecordId, &Issuance> =
            stored.iter().map(|row| (&row.record_id, row)).collect();
        let mut contradictions = 0;
        for &other in others {
            match stored.get(&other.record_id) {
                Some(&row) if row == other => {}
                Some(&row) => {
                    anomalies::keep(connection, other, row).await?;
                    contradictions += 1;
                }
                None => {
                    let row = issuances::in_the_way(connection, self.dialect, other).await?;
                    anomalies::keep(connection, other, &row).await?;
                    contradictions += 1;
                }
            }
        }
        Ok(contradictions)
    }
}
