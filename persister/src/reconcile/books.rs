//! Does every coupon of a book stand in Redis as the records left it? Correct while codes are handed out and used.
//!
//! Redis and the rows are each read once, bit by bit, into a hash per bucket. Of the buckets that differ, which is all that a
//! busy book shows, the codes are found that seem to differ; those are looked at closely, see [`closer`].

mod cause;
mod closer;
mod digest;
mod report;
mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::EventId;
use ledger::BookRow;
use lua::{BookLook, Standing};
use tokio::time::Instant;

use super::gather::PAGE;
use super::quiet::believed;
use super::{Memory, ReconcileError, Stations};
use closer::Asked;
use digest::{BookDigest, Print, bucket_of, member, print_of};
pub use report::{BookReport, CodeCounts, CodeDifference};
pub use standing::CodeStanding;
use standing::Measure;

/// How many codes are looked at closely before the next ones are sought.
const GROUP: usize = 50_000;
/// A book of which so many records are under way is left to the next time by the comparison that never ends: nearly all that it
/// found would be on its way.
const CATCHING_UP: u64 = 1_000;

/// What is remembered of books from one comparison to the next.
#[derive(Debug, Default)]
pub(super) struct BookMemory(HashMap<EventId, Remembered>);

/// A book as it was compared last.
#[derive(Debug)]
struct Remembered {
    /// None for an event without a book.
    report: Option<BookReport>,
    /// It stood alike everywhere and nothing was under way: by this Redis, as of the record with this ordinal.
    settled: Option<(u64, u64)>,
    /// Nothing was heard of it since.
    is_quiet: bool,
    at: Instant,
}

impl BookMemory {
    /// Something happened in an event.
    pub(super) fn stir(&mut self, event: &EventId) {
        if let Some(held) = self.0.get_mut(event) {
            held.is_quiet = false;
        }
    }

    /// What is remembered of an event that was at rest, by this Redis and not too long ago, and of which nothing was heard since.
    fn quiet(&self, event: &EventId, incarnation: u64) -> Option<&Remembered> {
        let held = self.0.get(event)?;
        let (by, _) = held.settled?;
        (held.is_quiet && by == incarnation && !held.is_old(event)).then_some(held)
    }
}

impl Remembered {
    fn is_old(&self, event: &EventId) -> bool {
        self.at.elapsed() >= believed(event)
    }
}

impl Stations<'_> {
    /// Compares the books of some events. With what is in `memory` from before, nothing is asked of one of which nothing was heard,
    /// and of one that stood alike only whether it made a record since.
    pub(super) async fn books(
        &self,
        events: &BTreeSet<EventId>,
        memory: &mut Memory,
    ) -> Result<BTreeMap<EventId, BookReport>, ReconcileError> {
        memory.hear()?;
        let incarnation = match self.store.standing().await? {
            Standing::Known(incarnation) => incarnation,
            Standing::Changed(_) | Standing::Blank => 0,
        };
        let is_endless = memory.hearing.is_some();
        let mut reports = BTreeMap::new();
        for event in events {
            let quiet = memory.books.quiet(event, incarnation);
            let report = if let Some(held) = quiet.filter(|_| is_endless) {
                held.report.clone()
            } else {
                let last = memory.books.0.remove(event);
                let held = self.book(event, incarnation, last, is_endless).await?;
                let report = held.report.clone();
                memory.books.0.insert(event.clone(), held);
                report
            };
            reports.extend(report.map(|report| (event.clone(), report)));
        }
        Ok(reports)
    }

    /// Compares one book, unless it stands as it stood last.
    async fn book(
        &self,
        event: &EventId,
        incarnation: u64,
        last: Option<Remembered>,
        is_endless: bool,
    ) -> Result<Remembered, ReconcileError> {
        let at = Instant::now();
        let before = self.store.look_at_codes(event, &[]).await?;
        let settled = Some((incarnation, before.ordinal));
        let mut now = Remembered {
            report: None,
            settled,
            is_quiet: true,
            at,
        };
        if let Some(last) = &last
            && last.settled == settled
            && !last.is_old(event)
        {
            (now.report, now.at) = (last.report.clone(), last.at);
            return Ok(now);
        }
        let known = self.ledger.book_told(event).await?;
        if before.rules.is_none() && known.is_none() {
            return Ok(now);
        }
        let behind = self.behind(event, before.ordinal).await?;
        if is_endless && behind > CATCHING_UP {
            (now.report, now.settled) = (last.and_then(|last| last.report), None);
            return Ok(now);
        }
        let asked = Asked {
            book: event,
            known,
            now: self.store.now().await?,
            unlocked_to: self.store.watermarks(event).await?.lost.0,
            is_endless,
        };
        let report = self.compare_codes(&asked, &before).await?;
        let after = self.store.look_at_codes(event, &[]).await?.ordinal;
        let stood_alike = report.unexplained() == 0 && report.moving == 0;
        if !stood_alike || behind > 0 || after != before.ordinal {
            now.settled = None;
        }
        now.report = Some(report);
        Ok(now)
    }

    async fn compare_codes(
        &self,
        asked: &Asked<'_>,
        before: &BookLook,
    ) -> Result<BookReport, ReconcileError> {
        let measure = asked.measure(before.rules.as_ref());
        let (mut ledger, mut redis) = (BookDigest::default(), BookDigest::default());
        self.each_row(asked.book, |row| {
            ledger.add(&row.coupon.code, &measure.row(row));
        })
        .await?;
        let mut codes = self.store.book_codes(asked.book);
        while let Some(page) = codes.next().await? {
            for (code, coupon) in page {
                redis.add(&code, &measure.in_redis(&measure.coupon(coupon.as_ref())));
            }
        }
        let mut report = BookReport::default();
        report.codes.redis = before.count;
        report.codes.ledger = ledger.codes;
        let differing = redis.differing(&ledger);
        drop((ledger, redis));
        if !differing.is_empty() {
            self.seek(asked, &measure, &differing, &mut report).await?;
            self.explain(asked.book, &mut report.differences).await?;
            report
                .differences
                .sort_by(|one, other| one.code.cmp(&other.code));
        }
        Ok(report)
    }

    /// Finds the codes in some buckets that seem to differ, and has them looked at closely. Some twenty bytes are held for each
    /// code in these buckets.
    async fn seek(
        &self,
        asked: &Asked<'_>,
        measure: &Measure,
        buckets: &BTreeSet<u64>,
        report: &mut BookReport,
    ) -> Result<(), ReconcileError> {
        let mut rows: HashMap<Print, Print> = HashMap::new();
        self.each_row(asked.book, |row| {
            let code = print_of(&row.coupon.code);
            if buckets.contains(&bucket_of(code)) {
                rows.insert(code, member(&row.coupon.code, &measure.row(row)).print());
            }
        })
        .await?;
        let mut group = Vec::new();
        let mut codes = self.store.book_codes(asked.book);
        while let Some(page) = codes.next().await? {
            for (code, coupon) in page {
                let print = print_of(&code);
                if !buckets.contains(&bucket_of(print)) {
                    continue;
                }
                let standing = measure.in_redis(&measure.coupon(coupon.as_ref()));
                if rows.remove(&print) != Some(member(&code, &standing).print()) {
                    group.push(code);
                }
            }
            if group.len() >= GROUP {
                self.judge(asked, std::mem::take(&mut group), report)
                    .await?;
            }
        }
        if !rows.is_empty() {
            self.seek_rows(asked, &rows, &mut group, report).await?;
        }
        self.judge(asked, group, report).await
    }

    /// The same for codes that only the ledger seems to have.
    async fn seek_rows(
        &self,
        asked: &Asked<'_>,
        wanted: &HashMap<Print, Print>,
        group: &mut Vec<String>,
        report: &mut BookReport,
    ) -> Result<(), ReconcileError> {
        let mut after = String::new();
        while let Some(page) = self.page_after(asked.book, &mut after).await? {
            let codes = page.into_iter().map(|row| row.coupon.code);
            group.extend(codes.filter(|code| wanted.contains_key(&print_of(code))));
            if group.len() >= GROUP {
                self.judge(asked, std::mem::take(group), report).await?;
            }
        }
        Ok(())
    }

    async fn each_row(
        &self,
        book: &EventId,
        mut each: impl FnMut(&BookRow),
    ) -> Result<(), ReconcileError> {
        let mut after = String::new();
        while let Some(page) = self.page_after(book, &mut after).await? {
            page.iter().for_each(&mut each);
        }
        Ok(())
    }

    /// The next rows, and where to go on after them; none at the end.
    async fn page_after(
        &self,
        book: &EventId,
        after: &mut String,
    ) -> Result<Option<Vec<BookRow>>, ReconcileError> {
        let page = self.ledger.book_rows(book, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after.clone_from(&last.coupon.code);
        Ok(Some(page))
    }
}
