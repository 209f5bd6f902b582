//! Reading the three stations in the order that makes the comparison hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use domain::record::{Fact, Record};
use domain::{EventId, RecordId, Serial};
use ledger::{Issuance, Ledger};
use lua::{OutboxReader, Store, Watermarks};

use super::{Cause, ReconcileError, Standing};

/// How many rows or records are read at once.
const PAGE: usize = 5_000;

/// The three stations.
pub(super) struct Stations<'a> {
    pub(super) store: &'a Store,
    pub(super) redis: &'a lua::Settings,
    pub(super) ledger: &'a Ledger,
    pub(super) log: Option<&'a kafka::Settings>,
}

/// A coupon at the three stations.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) redis: Option<Standing>,
    /// Its record's ordinal, by Redis.
    pub(super) ordinal: u64,
    pub(super) log: Option<Standing>,
    pub(super) twice_in_log: bool,
    pub(super) ledger: Option<Standing>,
}

/// What was found of one event.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) coupons: BTreeMap<Serial, Seen>,
    /// How far the stations had come before the first was read.
    pub(super) before: Watermarks,
    /// The ordinals that still waited in the outbox after the last was read.
    pub(super) waiting: HashSet<u64>,
    /// How far the stations had come after that.
    pub(super) after: Watermarks,
    /// Records that are known not to have become rows.
    pub(super) refused: HashMap<RecordId, Cause>,
}

impl Found {
    fn coupon(&mut self, serial: Serial) -> &mut Seen {
        self.coupons.entry(serial).or_default()
    }

    fn in_log(&mut self, record: &Record) {
        let Fact::Issued { coupon, holder } = &record.fact else {
            return;
        };
        let standing = Standing {
            code: coupon.code.clone(),
            holder: holder.to_string(),
            record_id: record.id.to_string(),
        };
        let seen = self.coupon(coupon.serial);
        match &seen.log {
            Some(first) if *first != standing => seen.twice_in_log = true,
            Some(_) => {}
            None => seen.log = Some(standing),
        }
    }
}

impl Stations<'_> {
    /// Reads everything there is of the events.
    pub(super) async fn gather(
        &self,
        events: &BTreeSet<EventId>,
    ) -> Result<BTreeMap<EventId, Found>, ReconcileError> {
        let mut all: BTreeMap<EventId, Found> = BTreeMap::new();
        for event in events {
            let found = all.entry(event.clone()).or_default();
            found.before = self.store.watermarks(event).await?;
            if self.log.is_none() {
                // The outbox is a part of the log. Before the ledger: what it forgets meanwhile is a row by then.
                self.outbox(event, |record| found.in_log(&record)).await?;
            }
            self.ledger(event, found).await?;
        }
        if let Some(log) = self.log {
            kafka::records_of(log, events, |record| {
                if let Ok(record) = record
                    && let Some(found) = all.get_mut(&record.event)
                {
                    found.in_log(&record);
                }
            })
            .await?;
        }
        for (event, found) in &mut all {
            self.redis(event, found).await?;
            let mut waiting = HashSet::new();
            self.outbox(event, |record| {
                waiting.insert(record.ordinal);
            })
            .await?;
            found.waiting = waiting;
            found.after = self.store.watermarks(event).await?;
            for anomaly in self.ledger.anomalies(event).await? {
                found.refused.insert(anomaly.record_id, Cause::Anomaly);
            }
        }
        self.dead_letters(&mut all).await?;
        Ok(all)
    }

    async fn ledger(&self, event: &EventId, found: &mut Found) -> Result<(), ReconcileError> {
        let mut after = Serial(0);
        loop {
            let rows = self.ledger.issuances(event, after, PAGE).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.serial;
            for row in rows {
                let (serial, standing) = (row.serial, by_row(row));
                let seen = found.coupon(serial);
                if self.log.is_none() && seen.log.is_none() {
                    seen.log = Some(standing.clone());
                }
                seen.ledger = Some(standing);
            }
        }
    }

    async fn redis(&self, event: &EventId, found: &mut Found) -> Result<(), ReconcileError> {
        let mut issued = self.store.issued(event);
        while let Some(page) = issued.next().await? {
            for issue in page {
                let seen = found.coupon(issue.coupon.serial);
                seen.ordinal = issue.ordinal;
                seen.redis = Some(Standing {
                    code: issue.coupon.code,
                    holder: issue.holder.to_string(),
                    record_id: issue.record_id.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Everything that waits in an event's outbox.
    async fn outbox(
        &self,
        event: &EventId,
        mut each: impl FnMut(Record),
    ) -> Result<(), ReconcileError> {
        let mut reader = OutboxReader::connect(self.redis).await?;
        let mut after = 0;
        loop {
            let followed = [(event.clone(), after)];
            let batches = reader.next(&followed, PAGE, Duration::ZERO).await?;
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

    async fn dead_letters(&self, all: &mut BTreeMap<EventId, Found>) -> Result<(), ReconcileError> {
        let mut after = 0;
        loop {
            let letters = self.ledger.dead_letters(after, PAGE).await?;
            let Some(last) = letters.last() else {
                return Ok(());
            };
            after = last.id;
            for stored in letters {
                if let Ok(record) = Record::from_json(&stored.letter.payload)
                    && let Some(found) = all.get_mut(&record.event)
                {
                    found.refused.insert(record.id, Cause::DeadLetter);
                }
            }
        }
    }
}

fn by_row(row: Issuance) -> Standing {
    Standing {
        code: row.code,
        holder: row.holder.to_string(),
        record_id: row.record_id.to_string(),
    }
}
