//! The outbox as the log: records go from Redis straight into the ledger, and are forgotten by Redis only once they are rows.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::event::AckLevel;
use domain::{EventId, Random};
use ledger::Ledger;
use lua::{Awake, Lease, Marks, OutboxBatch, OutboxReader, Store, StoreError};
use tokio::sync::mpsc;

use super::{BATCH, SourceError, UNTOLD, bury, out_of_time, tell_again};
use crate::Parts;
use crate::writer::{Arrival, Run, Writer, Written};

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

    /// Persists with one connection, beginning after what the ledger has. While those who wait for a batch are told, the next one is
    /// written.
    async fn persist_connected(&self, outage: &mut Outage) -> Result<(), SourceError> {
        let (written, untold) = mpsc::channel(UNTOLD);
        tokio::try_join!(self.move_on(outage, written), self.tell(untold))?;
        Ok(())
    }

    /// Reads and writes; resolves at the stop, when nothing is left.
    async fn move_on(
        &self,
        outage: &mut Outage,
        written: mpsc::Sender<(EventId, Written)>,
    ) -> Result<(), SourceError> {
        let mut awake = Awake::begin(&self.store, &self.redis).await?;
        let mut reader = OutboxReader::connect(&self.redis).await?;
        let mut followed = HashMap::new();
        loop {
            // Asked before reading, so that whatever the last request wrote is in the last read.
            let last = self.lifecycle.is_drained();
            if last {
                awake.wake_all().await?;
            }
            let mut wanted = Vec::new();
            for event in awake.events().await? {
                let next = self.follow(&mut followed, event).await?.next;
                wanted.push((event.clone(), next.saturating_sub(1)));
            }
            let most = (BATCH / wanted.len().max(1)).max(100);
            let batches = reader.next(&wanted, most, Duration::ZERO).await?;
            let had_some: HashSet<_> = batches.iter().map(|batch| batch.event.clone()).collect();
            awake.keep(|event| had_some.contains(event));
            if batches.is_empty() && last {
                return Ok(());
            }
            for batch in batches {
                let event = batch.event.clone();
                let followed = self.follow(&mut followed, &event).await?;
                let done = self.write(followed, batch).await?;
                // Nobody hears it any more when telling failed, which ends this, too.
                let _ = written.send((event, done)).await;
            }
            outage.over();
            tokio::select! {
                woken = awake.woken() => woken?,
                () = self.lifecycle.drained() => {}
            }
        }
    }

    /// Tells those who wait what is in the ledger: as far as anybody asks, that is in the log. Lets the outboxes forget it a moment
    /// later; ends when nothing more comes.
    async fn tell(
        &self,
        mut untold: mpsc::Receiver<(EventId, Written)>,
    ) -> Result<(), SourceError> {
        let mut marks = Marks::forgetting(&self.store, &[AckLevel::Log, AckLevel::Ledger]);
        loop {
            tokio::select! {
                written = untold.recv() => {
                    let Some((event, written)) = written else {
                        return Ok(marks.note().await?);
                    };
                    bury(&self.store, &written).await?;
                    marks.tell(&event, written.next.saturating_sub(1)).await?;
                    mishaps::cross("outbox.told")?;
                }
                () = marks.due() => {
                    marks.note().await?;
                    mishaps::cross("outbox.marked")?;
                }
            }
        }
    }

    /// An event as it is followed, from here on if it was not before. What a killed persister committed and could not tell is
    /// told now.
    async fn follow<'f>(
        &self,
        followed: &'f mut HashMap<EventId, Followed>,
        event: &EventId,
    ) -> Result<&'f mut Followed, SourceError> {
        match followed.entry(event.clone()) {
            Entry::Occupied(held) => Ok(held.into_mut()),
            Entry::Vacant(place) => {
                let topic = topic_of(event);
                let next = self.ledger.next_offset(&topic, PARTITION).await?;
                let new = Followed { topic, next };
                tell_again(&self.store, &self.ledger, event).await?;
                if let Some(done @ 1..) = next.checked_sub(1) {
                    let log = &[AckLevel::Log];
                    self.store.raise_and_forget(event, log, done).await?;
                }
                Ok(place.insert(new))
            }
        }
    }

    async fn write(
        &self,
        followed: &mut Followed,
        batch: OutboxBatch,
    ) -> Result<Written, SourceError> {
        let event = &batch.event;
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
            && self.lacks(event, followed, first.offset).await?
        {
            metrics::counter!("stanchion_persister_gaps_total").increment(1);
            tracing::error!(event.id = %event, expected = followed.next.max(1), found = first.offset,
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
        Ok(written)
    }

    /// Are records missing before the one with this ordinal? Those that an earlier Redis lost are not: they never come.
    async fn lacks(
        &self,
        event: &EventId,
        followed: &Followed,
        ordinal: u64,
    ) -> Result<bool, StoreError> {
        let expected = followed.next.max(1);
        if ordinal <= expected {
            return Ok(false);
        }
        let marks = self.store.watermarks(event).await?;
        Ok(!marks.is_lost(expected) || !marks.is_lost(ordinal - 1))
    }
}
