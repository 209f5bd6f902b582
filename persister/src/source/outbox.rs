//! The outbox as the log: records go from Redis straight into the ledger, and are forgotten by Redis only once they are rows.

use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::event::AckLevel;
use domain::{EventId, Random};
use ledger::Ledger;
use lua::{Lease, OutboxBatch, OutboxReader, Store, StoreError};
use tokio::time::{interval, timeout};

use super::{BATCH, SourceError, bury, out_of_time, tell_again};
use crate::Parts;
use crate::writer::{Arrival, Run, Writer};

/// How soon a new event is followed.
const REFRESH: Duration = Duration::from_millis(250);
/// How long one read waits for a record.
const READ: Duration = Duration::from_millis(250);
/// An outbox has one partition.
const PARTITION: i32 = 0;

/// Persists the outboxes, in one process at a time.
pub(crate) struct OutboxSource {
    store: Store,
    redis: lua::Settings,
    ledger: Ledger,
    writer: Writer,
    random: Arc<dyn Random>,
    lifecycle: Lifecycle,
}

/// An event that is followed.
struct Followed {
    event: EventId,
    /// What its offsets are kept under.
    topic: String,
    /// The next offset as the ledger holds it: the next ordinal, or 0 before the first.
    next: u64,
}

/// What an event's outbox is called in the ledger.
pub(crate) fn topic_of(event: &EventId) -> String {
    format!("outbox:{event}")
}

impl OutboxSource {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            writer: Writer::new(parts.ledger.clone(), None, Arc::clone(&parts.random)),
            store: parts.store,
            redis: parts.redis,
            ledger: parts.ledger,
            random: parts.random,
            lifecycle: parts.lifecycle,
        }
    }

    /// Persists until the stop, then writes what is there and gives the lease back.
    pub(crate) async fn run(self) {
        let lease = Lease::new(&self.store, "persister", self.random.as_ref());
        loop {
            tokio::select! {
                () = self.take(&lease) => {}
                () = self.lifecycle.stopping() => return,
            }
            tracing::info!("this process persists the outbox to the ledger");
            let lost = tokio::select! {
                () = lease.keep() => true,
                () = self.persist() => false,
                () = out_of_time(&self.lifecycle) => false,
            };
            if !lost {
                break;
            }
            tracing::warn!("the lease of the persister is lost; another process may persist now");
        }
        lease.release().await;
    }

    /// Resolves when the lease is ours: one process at a time persists, so that two do not do the same work. Two for a moment
    /// do no harm, since the ledger's offsets turn the slower one away.
    async fn take(&self, lease: &Lease) {
        let mut outage = Outage::of("lease of the persister", Arc::clone(&self.random));
        while let Err(error) = lease.take().await {
            outage.failed(error).await;
        }
        outage.over();
    }

    /// Persists through every outage; resolves at the stop, when nothing is left.
    async fn persist(&self) {
        let mut outage = Outage::of("persister", Arc::clone(&self.random));
        while let Err(error) = self.persist_connected(&mut outage).await {
            metrics::counter!("stanchion_persister_errors_total").increment(1);
            outage.failed(error).await;
        }
    }

    async fn persist_connected(&self, outage: &mut Outage) -> Result<(), SourceError> {
        let mut reader = OutboxReader::connect(&self.redis).await?;
        let mut followed: Vec<Followed> = Vec::new();
        let mut refresh = interval(REFRESH);
        loop {
            // Asked before reading, so that whatever the last request wrote is in the last read.
            let last = self.lifecycle.is_drained();
            if last || timeout(Duration::ZERO, refresh.tick()).await.is_ok() {
                self.follow(&mut followed).await?;
            }
            let wanted: Vec<(EventId, u64)> = followed
                .iter()
                .map(|followed| (followed.event.clone(), followed.next.saturating_sub(1)))
                .collect();
            let patience = if last { Duration::ZERO } else { READ };
            let most = (BATCH / wanted.len().max(1)).max(100);
            let batches = reader.next(&wanted, most, patience).await?;
            if batches.is_empty() && last {
                return Ok(());
            }
            for batch in batches {
                if let Some(followed) = followed.iter_mut().find(|f| f.event == batch.event) {
                    self.write(followed, batch).await?;
                }
            }
            outage.over();
        }
    }

    /// Brings the list of events up to date. What a killed persister committed and could not tell is told now.
    async fn follow(&self, followed: &mut Vec<Followed>) -> Result<(), SourceError> {
        let events = self.store.events().await?;
        followed.retain(|followed| events.contains(&followed.event));
        for event in events {
            if followed.iter().any(|followed| followed.event == event) {
                continue;
            }
            let topic = topic_of(&event);
            let next = self.ledger.next_offset(&topic, PARTITION).await?;
            let new = Followed { event, topic, next };
            tell_again(&self.store, &self.ledger, &new.event).await?;
            self.pass_on(&new, &[AckLevel::Log]).await?;
            followed.push(new);
        }
        Ok(())
    }

    async fn write(&self, followed: &mut Followed, batch: OutboxBatch) -> Result<(), SourceError> {
        let arrivals: Vec<Arrival> = batch
            .records
            .into_iter()
            .map(|record| Arrival {
                offset: record.ordinal,
                message: None,
                content: Ok(record),
            })
            .collect();
        if let Some(first) = arrivals.first()
            && self.lacks(followed, first.offset).await?
        {
            metrics::counter!("stanchion_persister_gaps_total").increment(1);
            tracing::error!(event.id = %followed.event, expected = followed.next.max(1), found = first.offset,
                "records are missing from the outbox; `stanchion verify` names the coupons");
        }
        let run = Run {
            topic: &followed.topic,
            partition: PARTITION,
            from: followed.next,
            arrivals: &arrivals,
        };
        let written = self.writer.write(run).await?;
        followed.next = written.next;
        bury(&self.store, &written).await?;
        self.pass_on(followed, &[AckLevel::Log, AckLevel::Ledger])
            .await?;
        Ok(mishaps::cross("outbox.told")?)
    }

    /// Are records missing before the one with this ordinal? Those that an earlier Redis lost are not: they never come.
    async fn lacks(&self, followed: &Followed, ordinal: u64) -> Result<bool, StoreError> {
        let expected = followed.next.max(1);
        if ordinal <= expected {
            return Ok(false);
        }
        let marks = self.store.watermarks(&followed.event).await?;
        Ok(!marks.is_lost(expected) || !marks.is_lost(ordinal - 1))
    }

    /// Tells everyone who waits how far the ledger has come, and lets Redis forget what it has: as far as anybody asks, that is
    /// in the log. One step, so that those who wait hear of it after one write to Redis's disk.
    async fn pass_on(&self, followed: &Followed, levels: &[AckLevel]) -> Result<(), StoreError> {
        match followed.next.saturating_sub(1) {
            0 => Ok(()),
            done => {
                let event = &followed.event;
                self.store.raise_and_forget(event, levels, done).await
            }
        }
    }
}
