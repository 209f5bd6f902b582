//! A second look at codes that seemed to differ: each batch at one moment of Redis, against what the records up to that moment
//! left. A record is a row, or it waits in the outbox, or it is in the log: read in this order after Redis and before the rows,
//! whatever is on its way is found. A code of which a row is newer than the look made a step meanwhile, and is looked at again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use domain::book::Book;
use domain::record::{Fences, Record};
use domain::{EventId, Millis};
use ledger::BookRow;
use lua::OutboxReader;
use tokio::time::{Instant, sleep};

use super::cause::kind;
use super::report::{BookReport, CodeDifference, MOST_NAMED};
use super::standing::{CodeStanding, Measure, Told, each_told};
use crate::reconcile::gather::each_waiting;
use crate::reconcile::report::{Cause, Kind};
use crate::reconcile::{ReconcileError, Stations};

/// How many codes are looked at at one moment.
const AT_ONCE: usize = 1_000;
/// How often a code is looked at that made a step meanwhile.
const ROUNDS: usize = 10;
/// For how long the ledger is waited for before the whole log is read instead,
const PATIENCE: Duration = Duration::from_secs(5);
/// and how often it is asked.
const TICK: Duration = Duration::from_millis(50);

/// What the records under way tell of codes, by ordinal.
type UnderWay = HashMap<String, BTreeMap<u64, Told>>;

/// A book that is compared.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) book: &'a EventId,
    /// As the ledger knows it, with the ordinal of the record that told of its rules.
    pub(super) known: Option<(Book, u64)>,
    /// When the comparison began, by the store's clock.
    pub(super) now: Millis,
    /// See [`Measure::unlocked_to`].
    pub(super) unlocked_to: u64,
    /// Is it compared again and again? Then what the ledger does not have soon is left to the next time.
    pub(super) is_endless: bool,
}

/// A code at one moment of Redis.
struct Looked {
    code: String,
    is_free: bool,
    coupon: Option<CodeStanding>,
    measure: Measure,
    ordinal: u64,
}

/// How a code stands.
enum Judged {
    /// As the records left it.
    Alike,
    /// It made a step while it was looked at.
    Moved(String),
    /// Not as the records left it.
    Differs(Box<CodeDifference>),
}

impl Asked<'_> {
    pub(super) fn measure(&self, rules: Option<&domain::book::Rules>) -> Measure {
        let known = self.known.as_ref();
        let known = known.map(|(book, ordinal)| (&book.rules, *ordinal));
        Measure::of(self.now, self.unlocked_to, rules, known)
    }
}

impl Stations<'_> {
    /// Looks at these codes and notes which differ.
    pub(super) async fn judge(
        &self,
        asked: &Asked<'_>,
        mut codes: Vec<String>,
        report: &mut BookReport,
    ) -> Result<(), ReconcileError> {
        codes.sort_unstable();
        codes.dedup();
        for _ in 0..ROUNDS {
            if codes.is_empty() {
                return Ok(());
            }
            let looked = self.look(asked, &codes).await?;
            let Some(mut under_way) = self.under_way(asked, &looked).await? else {
                break;
            };
            let mut rows = self.rows_now(asked.book, &codes).await?;
            codes.clear();
            for look in looked {
                let row = rows.remove(&look.code);
                let told = under_way.remove(&look.code).unwrap_or_default();
                match look.judged(row, told) {
                    Judged::Alike => {}
                    Judged::Moved(code) => codes.push(code),
                    Judged::Differs(_) if report.differences.len() >= MOST_NAMED => {
                        report.more += 1;
                    }
                    Judged::Differs(difference) => report.differences.push(*difference),
                }
            }
        }
        report.moving += codes.len() as u64;
        Ok(())
    }

    async fn look(
        &self,
        asked: &Asked<'_>,
        codes: &[String],
    ) -> Result<Vec<Looked>, ReconcileError> {
        let mut all = Vec::with_capacity(codes.len());
        for codes in codes.chunks(AT_ONCE) {
            let look = self.store.look_at_codes(asked.book, codes).await?;
            let measure = asked.measure(look.rules.as_ref());
            for (code, held) in codes.iter().zip(look.codes) {
                all.push(Looked {
                    code: code.clone(),
                    is_free: held.is_free,
                    coupon: held.coupon.map(|coupon| measure.coupon(Some(&coupon))),
                    measure,
                    ordinal: look.ordinal,
                });
            }
        }
        Ok(all)
    }

    async fn rows_now(
        &self,
        book: &EventId,
        codes: &[String],
    ) -> Result<HashMap<String, BookRow>, ReconcileError> {
        let mut all = HashMap::with_capacity(codes.len());
        for codes in codes.chunks(AT_ONCE) {
            let rows = self.ledger.book_rows_of(book, codes).await?;
            all.extend(rows.into_iter().map(|row| (row.coupon.code.clone(), row)));
        }
        Ok(all)
    }

    /// How many of the records up to this one the ledger does not have, but for those that will never come.
    pub(super) async fn behind(&self, book: &EventId, ordinal: u64) -> Result<u64, ReconcileError> {
        let marks = self.store.watermarks(book).await?;
        let reached = marks.ledger.max(self.ledger.watermark(book).await?);
        let wanted = if marks.is_lost(ordinal) {
            marks.lost.0
        } else {
            ordinal
        };
        Ok(wanted.saturating_sub(reached))
    }

    /// What the records tell of these codes that may be no rows yet; none when that has to be left to another time.
    async fn under_way(
        &self,
        asked: &Asked<'_>,
        looked: &[Looked],
    ) -> Result<Option<UnderWay>, ReconcileError> {
        let last = looked.iter().map(|look| look.ordinal).max();
        let (last, begun) = (last.unwrap_or(0), Instant::now());
        loop {
            if self.behind(asked.book, last).await? == 0 {
                return Ok(Some(UnderWay::new()));
            } else if self.log.is_none() || begun.elapsed() >= PATIENCE {
                break;
            }
            sleep(TICK).await;
        }
        if self.log.is_some() && asked.is_endless {
            return Ok(None);
        }
        let codes: HashSet<&str> = looked.iter().map(|look| look.code.as_str()).collect();
        let mut all = UnderWay::new();
        let mut hear = |record: &Record| {
            each_told(record, |code, told| {
                if codes.contains(code) {
                    let told_of = all.entry(code.to_owned()).or_default();
                    told_of.insert(record.ordinal, told);
                }
            });
        };
        let mut outbox = OutboxReader::connect(self.redis).await?;
        each_waiting(&mut outbox, asked.book, |record| hear(&record)).await?;
        if let Some(log) = self.log {
            let mut fences = Fences::default();
            kafka::records_of(log, &BTreeSet::from([asked.book.clone()]), |record| {
                if let Ok(record) = record
                    && fences.bar(&record).is_none()
                {
                    hear(&record);
                }
            })
            .await?;
        }
        Ok(Some(all))
    }
}

impl Looked {
    /// Compares it with what its row and the records after that left.
    fn judged(self, row: Option<BookRow>, told: BTreeMap<u64, Told>) -> Judged {
        if row.as_ref().is_some_and(|row| row.ordinal > self.ordinal) {
            return Judged::Moved(self.code);
        }
        let ledger = row.as_ref().map(|row| CodeStanding::from(&row.coupon));
        let (mut left, mut at) = (ledger.clone(), row.map_or(0, |row| row.ordinal));
        for (ordinal, told) in told {
            if ordinal > at && ordinal <= self.ordinal {
                (left, at) = (Some(CodeStanding::after(left, told)), ordinal);
            }
        }
        let free = self.is_free.then_some(CodeStanding::FREE);
        let is_free_too = self.is_free && self.coupon.is_some();
        let redis = self.coupon.or(free);
        let kind = match (&redis, &left) {
            (Some(_), _) if is_free_too => Kind::TwiceInRedis,
            (Some(redis), Some(left)) if self.measure.agrees(redis, left, at) => {
                return Judged::Alike;
            }
            (Some(redis), Some(left)) => {
                kind(&self.measure.in_redis(redis), &self.measure.told(left, at))
            }
            (Some(_), None) => Kind::MissingInLedger,
            (None, Some(_)) => Kind::MissingInRedis,
            (None, None) => return Judged::Alike,
        };
        Judged::Differs(Box::new(CodeDifference {
            code: self.code,
            kind,
            redis,
            ledger,
            is_free_too,
            cause: Cause::Unknown,
            as_of: self.ordinal,
        }))
    }
}
