//! Reading the three stations in the order that makes the comparison hold.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use domain::record::{Fences, Record};
use domain::{EventId, Serial};
use ledger::Row;
use lua::OutboxReader;
use tokio::time::Instant;

use super::digest::{bounds, full};
use super::found::{Found, Lens, Station};
use super::log::told;
use super::quiet::{Mark, Reading, RedisMemory};
use super::report::{Cause, Standing};
use super::{Memory, ReconcileError, Stations};

/// How many rows or records are read at once.
const PAGE: usize = 5_000;

/// What was found, by event.
type All = BTreeMap<EventId, Found>;

impl Stations<'_> {
    /// Looks at everything there is of the events: at what is settled by its hash.
    pub(super) async fn gather(
        &self,
        events: &BTreeSet<EventId>,
        memory: &mut Memory,
    ) -> Result<All, ReconcileError> {
        let mut all = All::new();
        for event in events {
            let rows = self.ledger.last_serial(event).await?.0;
            let figures = self.store.figures(event).await?;
            let issued = figures.map_or(0, |figures| figures.redeemed);
            let settled = full(rows.min(issued)).max(memory.log.settled(event));
            let found = Found::new(Lens::Above(settled), self.log.is_some());
            all.insert(event.clone(), found);
        }
        self.ledgers(&mut all).await?;
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
        self.rest(&mut all, Some(&mut memory.redis)).await?;
        Ok(all)
    }

    /// Looks again at some buckets of some events, coupon by coupon.
    pub(super) async fn gather_again(
        &self,
        buckets: BTreeMap<EventId, BTreeSet<u64>>,
    ) -> Result<All, ReconcileError> {
        let has_log = self.log.is_some();
        let mut all: All = buckets
            .into_iter()
            .map(|(event, buckets)| (event, Found::new(Lens::In(buckets), has_log)))
            .collect();
        self.ledgers(&mut all).await?;
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
        self.rest(&mut all, None).await?;
        Ok(all)
    }

    /// The watermarks before anything is read, and the ledger; without Kafka the outbox before it, as a part of the log.
    async fn ledgers(&self, all: &mut All) -> Result<(), ReconcileError> {
        // Before the rows and after them: a letter may become a row in between, or be buried.
        self.dead_letters(all).await?;
        let mut outbox = OutboxReader::connect(self.redis).await?;
        for (event, found) in all {
            found.before = self.store.watermarks(event).await?;
            let figures = self.store.figures(event).await?;
            found.figures = figures.map(|figures| (figures, figures));
            if self.log.is_none() {
                // What it forgets meanwhile is a row by then.
                each_waiting(&mut outbox, event, |record| see_record(found, &record)).await?;
            }
            match &found.lens {
                Lens::Above(_) => {
                    found.rows = self.ledger.row_count(event).await?;
                    let everything = (Serial(0), Serial(u64::MAX));
                    self.ledger_between(event, everything, found).await?;
                }
                Lens::In(buckets) => {
                    for bucket in buckets.clone() {
                        self.ledger_between(event, bounds(bucket), found).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows of an event after one serial, up to and including another.
    async fn ledger_between(
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

    /// Redis, unless it is remembered, what still waits in its outbox, the watermarks after everything was read, and what is
    /// known to be refused.
    async fn rest(
        &self,
        all: &mut All,
        mut memory: Option<&mut RedisMemory>,
    ) -> Result<(), ReconcileError> {
        let mut outbox = OutboxReader::connect(self.redis).await?;
        let standing = self.store.standing().await?;
        for (event, found) in all.iter_mut() {
            let memory = memory.as_deref_mut();
            self.redis(event, found, memory.map(|memory| (memory, standing)))
                .await?;
            let mut waiting = HashSet::new();
            each_waiting(&mut outbox, event, |record| {
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
            for anomaly in self.ledger.anomalies(event).await? {
                found.refused.insert(anomaly.record_id, Cause::Anomaly);
            }
        }
        self.dead_letters(all).await
    }

    /// Redis, from memory where nothing can have changed since it was read.
    async fn redis(
        &self,
        event: &EventId,
        found: &mut Found,
        memory: Option<(&mut RedisMemory, lua::Standing)>,
    ) -> Result<(), ReconcileError> {
        let Some((memory, lua::Standing::Known(incarnation))) = memory else {
            return self.scan(event, found).await;
        };
        let mark = async || {
            let figures = self.store.figures(event).await?;
            let issued = figures.map_or(0, |figures| figures.redeemed);
            Ok::<_, ReconcileError>(Mark {
                incarnation,
                issued,
            })
        };
        let (at, before) = (Instant::now(), mark().await?);
        if !memory.show(event, before, found) {
            self.scan(event, found).await?;
            let reading = Reading { mark: before, at };
            found.reading = (mark().await? == before).then_some(reading);
        }
        Ok(())
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
async fn each_waiting(
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

fn by_row(row: Row) -> (Serial, Standing) {
    let standing = Standing {
        code: row.code,
        holder: row.holder,
        record_id: row.record_id.0,
        issued_at: row.issued_at,
    };
    (row.serial, standing)
}
