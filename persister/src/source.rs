//! Where records come from, and who is told once they are in the ledger.

pub(crate) mod kafka;
pub(crate) mod outbox;

use std::time::Duration;

use chassis::Lifecycle;
use domain::EventId;
use domain::event::AckLevel;
use ledger::{Ledger, LedgerError};
use lua::{Store, StoreError};

use crate::writer::{Halt, Written};

/// About how many records go into one transaction. Nothing waits for a batch to fill.
const BATCH: usize = 1_000;
/// How many batches may be rows before those who wait for them are told.
const UNTOLD: usize = 4;
/// How long the stop waits for a store that does not answer; what is not in the ledger yet stays in the log.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Why a source begins again. Nothing is lost by it: the offset in the ledger tells where to go on.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] ::kafka::LogError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error(transparent)]
    Lost(#[from] mishaps::Lost),
}

/// Resolves when the stop cannot wait for a store any longer.
async fn out_of_time(lifecycle: &Lifecycle) {
    lifecycle.drained().await;
    tokio::time::sleep(HAND_OVER).await;
}

/// Notes what a run buried, before a mark passes it by.
async fn bury(store: &Store, written: &Written) -> Result<(), StoreError> {
    for (event, ordinals) in &written.buried {
        store.bury(event, ordinals).await?;
    }
    Ok(())
}

/// Tells how far an event's records are in the ledger by the ledger's own word: also what was committed by a process that
/// died before it could tell.
async fn tell_again(store: &Store, ledger: &Ledger, event: &EventId) -> Result<(), SourceError> {
    let told = store.buried(event).await?;
    let buried = ledger.buried(event).await?;
    store.bury(event, &buried).await?;
    let landed = told
        .into_iter()
        .filter(|o| buried.binary_search(o).is_err());
    store.unbury(event, &landed.collect::<Vec<_>>()).await?;
    Ok(raise(store, event, ledger.watermark(event).await?).await?)
}

async fn raise(store: &Store, event: &EventId, ordinal: u64) -> Result<(), StoreError> {
    if ordinal == 0 {
        return Ok(());
    }
    store
        .raise_watermark(event, AckLevel::Ledger, ordinal)
        .await
}
