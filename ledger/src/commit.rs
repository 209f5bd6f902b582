//! The one way into the ledger: a batch of records, its dead letters and the offsets it covers, in one transaction.

use domain::record::Record;
use sqlx::{Any, Transaction};

use crate::connect::Ledger;
use crate::dead_letters::{self, DeadLetter};
use crate::error::LedgerError;
use crate::offsets::{self, Step};
use crate::sift::{Care, Refused, sift};
use crate::{fences, watermarks};

/// What is to be committed together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The records, in the log's order.
    pub records: &'a [&'a Record],
    /// The offsets that they cover.
    pub step: &'a Step,
}

/// What became of a batch's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Coupons that are rows now and were not before.
    pub issued: u64,
    /// Coupons that were rows already, by the same record: harmless.
    pub duplicates: u64,
    /// Records that contradict a row, now in `anomalies`.
    pub anomalies: u64,
    /// Records that came behind the fence that ended their epoch: they count no more; coupons among them are in `anomalies`.
    pub late: u64,
}

/// A batch that is written and not yet committed. Dropped, it never was.
#[derive(Debug)]
pub struct Staged<'a> {
    transaction: Transaction<'static, Any>,
    step: &'a Step,
    committed: Committed,
    refused: Vec<Refused>,
}

impl Ledger {
    /// Writes a batch, in a transaction that [`Staged::commit`] ends. A replay changes nothing but the offsets, and a stale
    /// owner nothing at all. Records that the database refuses for what is in them keep none of the others out: they come
    /// back as [`Staged::refused`], to be buried before the commit.
    pub async fn stage<'a>(&self, batch: Batch<'a>) -> Result<Staged<'a>, LedgerError> {
        match self.written(batch, Care::AllAtOnce).await {
            Err(LedgerError::Poison { .. }) => self.written(batch, Care::InParts).await,
            written => written,
        }
    }

    /// Writes a batch into a transaction of its own; after an error there is none.
    async fn written<'a>(&self, batch: Batch<'a>, care: Care) -> Result<Staged<'a>, LedgerError> {
        let mut transaction = self.records.begin_with(self.dialect.begin()).await?;
        offsets::take(&mut transaction, batch.step).await?;
        let parted = fences::part(&mut transaction, self.dialect, batch.records).await?;
        let places = parted.sound.clone();
        let sound: Vec<&Record> = places.iter().map(|&place| batch.records[place]).collect();
        let mut sifted = sift(&mut transaction, self.dialect, &sound, care).await?;
        for refused in &mut sifted.refused {
            refused.index = places[refused.index];
        }
        sifted.committed.late = parted.note(&mut transaction, self.dialect).await?;
        watermarks::raise(&mut transaction, batch.records).await?;
        Ok(Staged {
            transaction,
            step: batch.step,
            committed: sifted.committed,
            refused: sifted.refused,
        })
    }
}

impl Staged<'_> {
    /// The records that the database refuses.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Keeps dead letters, in the same transaction.
    pub async fn bury(&mut self, letters: &[DeadLetter]) -> Result<(), LedgerError> {
        for letter in letters {
            dead_letters::keep(&mut self.transaction, self.step, letter).await?;
        }
        Ok(())
    }

    /// Commits all of it, whole or not at all.
    pub async fn commit(self) -> Result<Committed, LedgerError> {
        self.transaction.commit().await?;
        Ok(self.committed)
    }
}
