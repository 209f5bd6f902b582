//! The fence that ends the epochs before a recovery. It stands in the log before anything is read for the comparison, so
//! nothing that comes later from whoever had read the old Redis changes what was found.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use domain::EventId;
use domain::record::{Fence, Record};
use kafka::{Producer, Topic, ensure_topics};
use lua::Recovery;
use tokio::time::sleep;

use super::{LOOK_AGAIN, RecoverError, Watcher};
use crate::source::outbox::topic_of;

/// How often the lease is renewed while the log or the ledger is waited for.
const HOLD: Duration = Duration::from_millis(500);

impl Watcher {
    /// Raises a fence for every event and book, and waits until the ledger has all of the log up to it; who they are.
    pub(super) async fn fence(
        &self,
        recovery: &mut Recovery,
        epoch: u64,
    ) -> Result<BTreeSet<EventId>, RecoverError> {
        let mut fenced = BTreeSet::new();
        loop {
            let known = self.known(recovery).await?;
            let new: Vec<EventId> = known.difference(&fenced).cloned().collect();
            let mut raised = Vec::with_capacity(new.len());
            for event in new {
                let kept = recovery.records(&event).await?;
                raised.push((event, Fence { epoch, kept }));
            }
            self.raise(recovery, &raised).await?;
            self.ledger_has_the_log(recovery).await?;
            fenced.extend(raised.into_iter().map(|(event, _)| event));
            // The log may have told of events that neither Redis nor the ledger knew.
            if self.known(recovery).await?.is_subset(&fenced) {
                return Ok(fenced);
            }
        }
    }

    /// The events and books that Redis or the ledger knows; of a cluster those of the primary that is recovered.
    async fn known(&self, recovery: &mut Recovery) -> Result<BTreeSet<EventId>, RecoverError> {
        let mut known: BTreeSet<EventId> = recovery.events().await?.into_iter().collect();
        let events = self.ledger.events().await?;
        known.extend(events.into_iter().map(|stored| stored.event.event));
        let books = self.ledger.books().await?;
        known.extend(books.into_iter().map(|book| book.book));
        known.retain(|event| recovery.serves(event));
        Ok(known)
    }

    async fn raise(
        &self,
        recovery: &mut Recovery,
        fences: &[(EventId, Fence)],
    ) -> Result<(), RecoverError> {
        if fences.is_empty() {
            return Ok(());
        }
        let Some(kafka) = &self.kafka else {
            let named: Vec<_> = fences
                .iter()
                .map(|(event, fence)| (topic_of(event), event.clone(), *fence))
                .collect();
            return holding(recovery, self.ledger.fence(&named)).await;
        };
        let now = self.store.now().await?;
        let records: Vec<Record> = fences
            .iter()
            .map(|(event, fence)| fence.record(event, now))
            .collect();
        let sent = async {
            ensure_topics(kafka).await?;
            Producer::new(kafka)?.send(&records).await
        };
        holding(recovery, sent).await
    }

    /// Waits until the ledger has everything that is in the log now.
    async fn ledger_has_the_log(&self, recovery: &mut Recovery) -> Result<(), RecoverError> {
        let Some(kafka) = &self.kafka else {
            return Ok(());
        };
        for (partition, end) in kafka::log_ends(kafka).await? {
            let topic = Topic::Records.name();
            while self.ledger.next_offset(topic, partition).await? < end {
                recovery.hold().await?;
                sleep(LOOK_AGAIN).await;
            }
        }
        Ok(recovery.hold().await?)
    }
}

/// Waits for something that the log or the ledger does, and keeps the lease meanwhile.
async fn holding<E>(
    recovery: &mut Recovery,
    done: impl Future<Output = Result<(), E>>,
) -> Result<(), RecoverError>
where
    RecoverError: From<E>,
{
    let mut done = std::pin::pin!(done);
    loop {
        tokio::select! {
            done = &mut done => return Ok(done?),
            () = sleep(HOLD) => recovery.hold().await?,
        }
    }
}
