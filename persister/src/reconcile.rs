//! Reconciliation: does every coupon stand alike in Redis, in the log and in the ledger? Correct while the drop runs.
//!
//! What is settled is compared by one hash per thousand serials, and coupon by coupon only where two hashes differ. What is
//! newer is compared coupon by coupon. The stations are read against the stream, ledger before log before Redis, so that
//! whatever a later station holds an earlier one must hold too, or the two differ. The other way round, a coupon may still
//! be on its way: that is believed only when it is above the watermark of the station where it is missing and something that
//! moves it on still has it. Coupons of books, which change, are compared in `reconcile/books.rs`.

mod books;
mod compare;
mod digest;
mod found;
mod gather;
mod hearing;
mod log;
mod quiet;
mod repair;
mod report;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::EventId;
use kafka::LogError;
use ledger::{Ledger, LedgerError};
use lua::{Settings, Standing as RedisStanding, Store, StoreError};

use books::BookMemory;
pub use books::{BookReport, CodeCounts, CodeDifference, CodeStanding};
use hearing::Hearing;
use log::LogMemory;
use quiet::{Quiet, RedisMemory};
pub use repair::{Outcome, Repaired, Which};
pub use report::{Balance, Cause, Difference, EventReport, Issued, Kind, Report, Standing};

/// The three stations.
#[derive(Clone, Copy)]
pub struct Stations<'a> {
    /// Redis.
    pub store: &'a Store,
    /// How to open further connections to it.
    pub redis: &'a Settings,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// How to reach the log. Without Kafka the outbox and the ledger are the log.
    pub log: Option<&'a kafka::Settings>,
}

/// What is known from earlier comparisons: nothing at first.
#[derive(Debug, Default)]
pub struct Memory {
    log: LogMemory,
    redis: RedisMemory,
    books: BookMemory,
    /// Without it every event is asked about in every comparison.
    hearing: Option<Hearing>,
    /// Was anything heard since the last comparison began?
    is_stirred: bool,
}

/// The comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Nobody knows the event.
    #[error("there is no event `{0}`")]
    NoSuchEvent(EventId),
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

impl Memory {
    /// Hears from here on of which events something happens: of the others the next comparisons ask nothing. Nothing is done when
    /// it hears already. To be called again after every error.
    pub(crate) async fn listen(
        &mut self,
        store: &Store,
        settings: &Settings,
    ) -> Result<(), StoreError> {
        if self.hearing.is_none() {
            (self.redis, self.is_stirred) = (RedisMemory::default(), true);
            self.books = BookMemory::default();
            self.hearing = Some(Hearing::begin(store, settings).await?);
        }
        Ok(())
    }

    /// The events of which something was heard; whoever sees that it has come to an end takes them out. All at first.
    pub(crate) fn awake(&mut self) -> Result<&mut BTreeSet<EventId>, StoreError> {
        self.hear()?;
        let awake = self.hearing.as_mut().map(|hearing| &mut hearing.awake);
        awake.ok_or_else(|| StoreError::Unavailable("nobody listens".to_owned()))
    }

    /// Was nothing heard since the last comparison began, as far as it was taken in, and has everything come to an end?
    pub(crate) fn is_still(&self) -> bool {
        let hearing = self.hearing.as_ref();
        !self.is_stirred && hearing.is_some_and(|hearing| hearing.awake.is_empty())
    }

    /// Takes in what was told since the last time, as far as it has come here.
    fn hear(&mut self) -> Result<(), StoreError> {
        let told = self.hearing.as_mut().map(Hearing::told).transpose();
        self.heard(told).map(drop)
    }

    /// Takes in all that was told before this call: the events.
    async fn all_told(&mut self) -> Result<BTreeSet<EventId>, StoreError> {
        let told = match &mut self.hearing {
            Some(hearing) => hearing.all_told().await.map(Some),
            None => Ok(None),
        };
        self.heard(told)
    }

    fn heard(
        &mut self,
        told: Result<Option<BTreeSet<EventId>>, StoreError>,
    ) -> Result<BTreeSet<EventId>, StoreError> {
        match told {
            Ok(told) => {
                let told = told.unwrap_or_default();
                self.is_stirred |= !told.is_empty();
                for event in &told {
                    self.redis.stir(event);
                    self.books.stir(event);
                }
                Ok(told)
            }
            Err(error) => {
                self.hearing = None;
                Err(error)
            }
        }
    }

    /// Takes out what is remembered of those events of which nothing has to be asked.
    fn quiet(
        &mut self,
        events: &BTreeSet<EventId>,
        standing: RedisStanding,
    ) -> HashMap<EventId, Quiet> {
        match (standing, &self.hearing) {
            (RedisStanding::Known(incarnation), Some(_)) => self.redis.at_rest(events, incarnation),
            _ => HashMap::new(),
        }
    }
}

impl Stations<'_> {
    /// Compares one event, or all of them. With what is in `memory` from before, of the log only what is new is read, and of
    /// Redis only events in which something was issued, or that did not stand alike everywhere. Of what is settled some twenty
    /// bytes a coupon and station are held in memory.
    pub async fn reconcile(
        &self,
        event: Option<&EventId>,
        memory: &mut Memory,
    ) -> Result<Report, ReconcileError> {
        let events = self.events(event).await?;
        let mut compared = BTreeMap::new();
        let mut suspects: BTreeMap<EventId, BTreeSet<u64>> = BTreeMap::new();
        for (event, found) in self.gather(&events, memory).await? {
            let suspected = compare::suspects(&found, memory.log.digest(&event));
            if !suspected.is_empty() {
                suspects.insert(event.clone(), suspected);
            }
            compared.insert(event, found);
        }
        let mut closer = if suspects.is_empty() {
            BTreeMap::new()
        } else {
            self.gather_again(suspects).await?
        };
        let mut books = self.books(&events, memory).await?;
        let mut reports = Vec::new();
        for (event, mut found) in compared {
            let (open, closer) = (found.open(), closer.remove(&event));
            let was_suspected = closer.is_some();
            let mut report = compare::compare(event, &mut found, closer);
            if !was_suspected {
                memory.redis.keep(&report, found, open);
            }
            report.book = books.remove(&report.event);
            report.unexplained += report.book.as_ref().map_or(0, BookReport::unexplained);
            reports.push(report);
        }
        Ok(Report {
            unexplained: reports.iter().map(|event| event.unexplained).sum(),
            events: reports,
        })
    }

    /// The events that are known to Redis or to the ledger, or that have rows.
    async fn events(&self, event: Option<&EventId>) -> Result<BTreeSet<EventId>, ReconcileError> {
        let mut events: BTreeSet<EventId> = self.store.events().await?.into_iter().collect();
        events.extend(self.ledger.event_ids().await?);
        events.extend(self.ledger.events_with_rows().await?);
        events.extend(self.ledger.book_ids().await?);
        if let Some(event) = event {
            if !events.contains(event) {
                return Err(ReconcileError::NoSuchEvent(event.clone()));
            }
            events.retain(|held| held == event);
        }
        Ok(events)
    }
}
