//! Watches which Redis answers, and brings one that may have forgotten something back to what log and ledger know.
//!
//! What Redis holds at any moment, on disk or in a replica, is all that was ever written up to some moment. So an event of
//! which it has counted as many records as the ledger knows has lost nothing that anybody could put back, and goes on as
//! it is, records on their way included; of any other event all that Redis has is in the ledger, and all is put back. Either
//! goes on in a new epoch, behind a fence in the log: nothing is counted twice, and what comes late counts no more.

mod books;
mod fence;
mod journal;
mod lobby;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::{Lifecycle, Outage};
use domain::coupon::{Coupon, Issue};
use domain::event::Event;
use domain::{Random, Serial};
use kafka::LogError;
use ledger::{Issuance, Ledger, LedgerError, StoredEvent};
use lua::{Recovery, Restored, Standing, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use self::journal::Journal;
use crate::Parts;
use crate::reconcile::Stations;

/// How often it is asked who answers.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is asked whether the ledger has the whole log.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How many rows are read, and laid out, at once.
const PAGE: usize = 5_000;

/// Watches in every process that has the ledger; one of them recovers.
pub(crate) struct Watcher {
    store: Store,
    redis: lua::Settings,
    ledger: Ledger,
    kafka: Option<kafka::Settings>,
}

/// Why a recovery begins again. Nothing is decided about any event until one has succeeded.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Redis failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Recognises the Redis that answers, once, and puts back what it may have forgotten: for a command that has started Redis
/// itself, because nobody serves.
pub async fn recognise(stations: Stations<'_>) -> Result<(), RecoverError> {
    let watcher = Watcher {
        store: stations.store.clone(),
        redis: stations.redis.clone(),
        ledger: stations.ledger.clone(),
        kafka: stations.log.cloned(),
    };
    watcher.look().await
}

impl Watcher {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            redis: parts.redis.clone(),
            ledger: parts.ledger.clone(),
            kafka: parts.kafka.clone(),
        }
    }

    /// Watches until the last request was answered.
    pub(crate) async fn run(self, random: Arc<dyn Random>, lifecycle: Lifecycle) {
        tokio::select! {
            () = self.watch(random) => {}
            () = lifecycle.drained() => {}
        }
    }

    async fn watch(&self, random: Arc<dyn Random>) {
        let mut outage = Outage::of("watch over redis", random);
        let mut due = interval(LOOK);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            match self.look().await {
                Ok(()) => outage.over(),
                Err(error) => outage.failed(error).await,
            }
        }
    }

    async fn look(&self) -> Result<(), RecoverError> {
        let standing = self.store.standing().await?;
        if let Standing::Known(_) = standing {
            return Ok(());
        }
        let Some(mut recovery) = Recovery::begin(&self.redis).await? else {
            return Ok(());
        };
        let begun = Instant::now();
        tracing::info!(
            ?standing,
            "redis is not the one that was last recognised: it is compared with the ledger before anything is decided"
        );
        match self.recover(&mut recovery).await {
            Ok((incarnation, restored)) => {
                recovery.finish(incarnation).await?;
                let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                metrics::counter!("stanchion_recoveries_total").increment(1);
                metrics::counter!("stanchion_restored_events_total").increment(restored);
                tracing::info!(incarnation, restored, took_ms, "redis is recognised");
                Ok(())
            }
            Err(error) => {
                recovery.give_up().await;
                Err(error)
            }
        }
    }

    /// Puts back what is missing; the new incarnation, and how many events were put back.
    async fn recover(&self, recovery: &mut Recovery) -> Result<(u64, u64), RecoverError> {
        let incarnation = self.ledger.next_incarnation(recovery.noted() + 1).await?;
        let known = self.fence(recovery, incarnation).await?;
        let mut restored = self.books(recovery, incarnation).await?;
        for stored in self.ledger.events().await? {
            let is_served = recovery.serves(&stored.event.event);
            if is_served && self.event(recovery, &stored, incarnation).await? {
                restored.insert(stored.event.event);
            }
        }
        for event in known.difference(&restored) {
            recovery.resume(event, incarnation).await?;
        }
        Ok((incarnation, restored.len() as u64))
    }

    /// Puts an event back, if Redis has lost anything of it.
    async fn event(
        &self,
        recovery: &mut Recovery,
        stored: &StoredEvent,
        incarnation: u64,
    ) -> Result<bool, RecoverError> {
        let event = &stored.event.event;
        let buried = self.ledger.buried(event).await?;
        let last_buried = buried.last().copied().unwrap_or(0);
        let seen = self.ledger.watermark(event).await?.max(last_buried);
        let counted = recovery.records(event).await?;
        if counted >= seen {
            return Ok(false);
        }
        tracing::warn!(event.id = %event, counted, seen, "redis has lost records of an event: it is put back from the ledger");
        let mut journal = self.journal(recovery, stored).await?;
        let serial = self.issues(recovery, stored, &mut journal).await?;
        self.store.bury(event, &buried).await?;
        let line = journal.line();
        let restored = Restored {
            event: &stored.event,
            epoch: incarnation,
            seen,
            serial,
            line: &line,
        };
        recovery.restore(restored).await?;
        Ok(true)
    }

    async fn journal(
        &self,
        recovery: &mut Recovery,
        stored: &StoredEvent,
    ) -> Result<Journal, RecoverError> {
        let mut journal = Journal::default();
        let mut after = 0;
        loop {
            let page = self
                .ledger
                .journal(&stored.event.event, after, PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(journal);
            };
            after = last.ordinal;
            for record in page {
                journal.take(record);
            }
            recovery.hold().await?;
        }
    }

    /// Lays the issued coupons out; the last serial.
    async fn issues(
        &self,
        recovery: &mut Recovery,
        stored: &StoredEvent,
        journal: &mut Journal,
    ) -> Result<u64, RecoverError> {
        let event = &stored.event.event;
        let mut last = Serial(0);
        let mut page = self.ledger.issuances(event, last, PAGE).await?;
        while let Some(row) = page.last() {
            last = row.serial;
            let issues: Vec<Issue> = page
                .into_iter()
                .map(|row| issue(&stored.event, row, journal))
                .collect();
            // The ledger reads the next page while Redis takes this one.
            let next = self.ledger.issuances(event, last, PAGE);
            let (next, laid) = tokio::join!(next, recovery.lay_issues(&stored.event, &issues));
            laid?;
            page = next?;
        }
        Ok(last.0)
    }
}

/// The issue that a row tells of; the ticket that was spent for it by the journal.
fn issue(event: &Event, row: Issuance, journal: &mut Journal) -> Issue {
    let ordinal = row.record_id.epoch_and_ordinal().unwrap_or_default().1;
    Issue {
        jti: journal.redeemed(event, &row.holder),
        coupon: Coupon {
            code: row.code,
            serial: row.serial,
        },
        holder: row.holder,
        issued_at: row.issued_at,
        record_id: row.record_id,
        ordinal,
    }
}
