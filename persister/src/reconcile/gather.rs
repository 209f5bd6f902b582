//! Reading the three stations in the order that makes the comparison hold.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use domain::record::{Fences, Record};
use domain::{EventId, Serial};
use lua::OutboxReader;
use tokio::time::Instant;

use super::digest::{bounds, full};
use super::found::{Found, Lens, Station};
use super::log::told;
use super::quiet::{Mark, Reading, RedisMemory};
use super::report::{Cause, Standing};
use super::{Memory, ReconcileError, Stations};

/// How many rows or records are read at once.
pub(super) const PAGE: usize = 5_000;

/// What was found, by event.
pub(super) type All = BTreeMap<EventId, Found>;

impl Stations<'_> {
    /// Looks at everything there is of the events: at what is settled by its hash.
    pub(super) async fn gather(
        &self,
        events: &BTreeSet<EventId>,
        memory: &mut Memory,
    ) -> Result<All, ReconcileError> {
        memory.hear()?;
        memory.is_stirred = false;
        let standing = self.store.standing().await?;
        let mut quiet = memory.quiet(events, standing);
        let mut outbox = OutboxReader::connect(self.redis).await?;
        let mut all = All::new();
        for event in events {
            let found = match quiet.get(event) {
                Some(quiet) => quiet.found(self.log.is_some()),
                None => self.begun(event, &mut outbox, memory).await?,
            };
            all.insert(event.clone(), found);
        }
        // Before the rows and after them: a letter may become a row in between, or be buried.
        self.dead_letters(&mut all).await?;
        self.rows(&mut all).await?;
        if let Some(log) = self.log {
            memory.log.read_on(log).await?;
            for (event, found) in &mut all {
                let Lens::Above(settled) = found.lens else {
                    continue;
                };
                for (serial, standing) in memory.log.settle(event, settled) {
                    found.see(Station::Log, serial, standing.clone());
                }
            }
        }
        // Whatever can be in the ledger or the log was told before.
        for event in memory.all_told().await? {
            quiet.remove(&event);
        }
        for (event, found) in &mut all {
            if let Some(quiet) = quiet.remove(event) {
                quiet.show(found);
                continue;
            }
            self.redis(event, found, Some((&mut memory.redis, standing)))
                .await?;
            self.after(event, found, &mut outbox).await?;
        }
        self.refused(&mut all).await?;
        Ok(all)
    }

    /// An event of which nothing is known yet: where everything stands before the ledger is read; without Kafka with its outbox,
    /// as a part of the log.
    async fn begun(
        &self,
        event: &EventId,
        outbox: &mut OutboxReader,
        memory: &Memory,
    ) -> Result<Found, ReconcileError> {
        let rows = self.ledger.last_serial(event).await?.0;
        let mut found = Found::new(Lens::Above(Serial(0)), self.log.is_some());
        self.before(event, &mut found).await?;
        let issued = found.figures.map_or(0, |(before, _)| before.redeemed);
        found.lens = Lens::Above(full(rows.min(issued)).max(memory.log.settled(event)));
        self.outbox(event, &mut found, outbox).await?;
        Ok(found)
    }

    /// Looks again at some buckets of some events, coupon by coupon.
    pub(super) async fn gather_again(
        &self,
        buckets: BTreeMap<EventId, BTreeSet<u64>>,
    ) -> Result<All, ReconcileError> {
        let has_log = self.log.is_some();
        let mut outbox = OutboxReader::connect(self.redis).await?;
        let mut all = All::new();
        for (event, buckets) in buckets {
            let mut found = Found::new(Lens::In(buckets.clone()), has_log);
            self.before(&event, &mut found).await?;
            self.outbox(&event, &mut found, &mut outbox).await?;
            all.insert(event, found);
        }
        self.dead_letters(&mut all).await?;
        for (event, found) in &mut all {
            for bucket in found.suspected() {
                self.ledger_between(event, bounds(bucket), found).await?;
            }
        }
        if let Some(log) = self.log {
            let events: BTreeSet<EventId> = all.keys().cloned().collect();
            let mut fences = Fences::default();
            kafka::records_of(log, &events, |record| {
                if let Ok(record) = record
                    && fences.bar(&record).is_none()
                    && let Some(found) = all.get_mut(&record.event)
                {
                    see_record(found, &record);
                }
            })
            .await?;
        }
        for (event, found) in &mut all {
            self.redis(event, found, None).await?;
            self.after(event, found, &mut outbox).await?;
        }
        self.refused(&mut all).await?;
        Ok(all)
    }

    /// Where Redis stands before anything else is read.
    async fn before(&self, event: &EventId, found: &mut Found) -> Result<(), ReconcileError> {
        found.before = self.store.watermarks(event).await?;
        let figures = self.store.figures(event).await?;
        found.figures = figures.map(|figures| (figures, figures));
        Ok(())
    }

    /// Without Kafka, what waits in the outbox: before the rows, since what it forgets meanwhile is a row by then.
    async fn outbox(
        &self,
        event: &EventId,
        found: &mut Found,
        outbox: &mut OutboxReader,
    ) -> Result<(), ReconcileError> {
        if self.log.is_some() {
            return Ok(());
        }
        each_waiting(outbox, event, |record| see_record(found, &record)).await
    }

    /// Redis, from memory where nothing was issued since it was read.
    async fn redis(
        &self,
        event: &EventId,
        found: &mut Found,
        memory: Option<(&mut RedisMemory, lua::Standing)>,
    ) -> Result<(), ReconcileError> {
        let Some((memory, lua::Standing::Known(incarnation))) = memory else {
            return self.scan(event, found).await;
        };
        let (at, mut figures) = (Instant::now(), found.figures.map(|(before, _)| before));
        if memory.remembers(event) {
            // As it stands now: what was issued since it stood so is in the log or the ledger already.
            figures = self.store.figures(event).await?;
        }
        let issued = figures.map_or(0, |figures| figures.redeemed);
        let mark = Mark {
            incarnation,
            issued,
        };
        if !memory.show(event, mark, found) {
            self.scan(event, found).await?;
            found.reading = Some(Reading { mark, at });
        }
        Ok(())
    }

    /// What still waits in the outbox, and where Redis stands, after everything was read.
    async fn after(
        &self,
        event: &EventId,
        found: &mut Found,
        outbox: &mut OutboxReader,
    ) -> Result<(), ReconcileError> {
        let mut waiting = HashSet::new();
        each_waiting(outbox, event, |record| {
            waiting.insert(record.ordinal);
        })
        .await?;
        found.waiting = waiting;
        found.after = self.store.watermarks(event).await?;
        let figures = self.store.figures(event).await?;
        found.figures = found
            .figures
            .zip(figures)
            .map(|((before, _), after)| (before, after));
        Ok(())
    }

    /// What is known not to have become a row.
    async fn refused(&self, all: &mut All) -> Result<(), ReconcileError> {
        for (event, record) in self.ledger.anomalous_records().await? {
            if let Some(found) = all.get_mut(&event) {
                found.refused.insert(record, Cause::Anomaly);
            }
        }
        self.dead_letters(all).await
    }

    /// Every coupon that Redis holds.
    async fn scan(&self, event: &EventId, found: &mut Found) -> Result<(), ReconcileError> {
        let mut issued = self.store.issued(event);
        while let Some(page) = issued.next().await? {
            for issue in page {
                let serial = issue.coupon.serial;
                let standing = Standing {
                    code: issue.coupon.code,
                    holder: issue.holder.to_string(),
                    record_id: issue.record_id.to_string(),
                    issued_at: issue.issued_at,
                };
                found.see(Station::Redis, serial, standing);
                if let Some(seen) = found.coupons.get_mut(&serial) {
                    seen.ordinal = issue.ordinal;
                }
            }
        }
        Ok(())
    }

    async fn dead_letters(&self, all: &mut All) -> Result<(), ReconcileError> {
        let mut after = 0;
        loop {
            let letters = self.ledger.dead_letters(after, PAGE).await?;
            let Some(last) = letters.last() else {
                return Ok(());
            };
            after = last.id;
            for claimed in letters.into_iter().map(|stored| stored.letter.claimed) {
                if let (Some(event), Some(id)) = (claimed.event, claimed.id)
                    && let Some(found) = all.get_mut(&event)
                {
                    found.refused.insert(id, Cause::DeadLetter);
                }
            }
        }
    }
}

/// Everything that waits in an event's outbox.
pub(super) async fn each_waiting(
    outbox: &mut OutboxReader,
    event: &EventId,
    mut each: impl FnMut(Record),
) -> Result<(), ReconcileError> {
    let mut after = 0;
    loop {
        let followed = [(event.clone(), after)];
        let batches = outbox.next(&followed, PAGE, Duration::ZERO).await?;
        let before = after;
        for record in batches.into_iter().flat_map(|batch| batch.records) {
            after = record.ordinal;
            each(record);
        }
        if after == before {
            return Ok(());
        }
    }
}

fn see_record(found: &mut Found, record: &Record) {
    if let Some((serial, standing)) = told(record) {
        found.see(Station::Log, serial, standing);
    }
}
