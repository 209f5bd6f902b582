//! What the crowd tells while it stands in line: counted here, judged in the report.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::eta::Eta;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How many of each kind.
pub type Counts = BTreeMap<String, u64>;

/// The crowd's one notebook.
#[derive(Debug, Default)]
pub struct Tally {
    pushes: AtomicU64,
    /// Things that happened to anybody: while it grows, the line moves.
    happenings: AtomicU64,
    book: Mutex<Book>,
}

/// What is written down.
#[derive(Debug, Default)]
pub struct Book {
    /// People who got a place.
    pub entered: u64,
    /// Times from asking for a place to holding the ticket, in milliseconds.
    pub waits_ms: Waits,
    /// How far each wait lay from the middle of the range that was shown first, in milliseconds.
    pub wait_errors_ms: Waits,
    /// Waits that lay in the range that was shown first.
    pub waits_in_range: u64,
    /// When each ticket ends, by the server's clock, in milliseconds since 1970: the second of its admission and one
    /// ticket's time.
    pub ticket_ends_ms: Vec<i64>,
    /// When the first and the last ticket arrived.
    pub tickets_heard: Option<(Instant, Instant)>,
    /// Times from handing the ticket in to the answer, in milliseconds.
    pub redeems_ms: Waits,
    /// Passes heard.
    pub passes: u64,
    /// The codes of the passes.
    pub codes: HashSet<String>,
    /// Fails, by reason.
    pub fails: Counts,
    /// People who were refused a place, by reason.
    pub turned_away: Counts,
    /// People in line who were told that there is nothing to wait for, by reason.
    pub told: Counts,
    /// What should not have happened, by kind.
    pub errors: Counts,
    /// How often somebody was told to come back later, by reason.
    pub come_back: Counts,
    /// The highest rate heard of.
    pub rate_per_s: f64,
    /// When the ticket of the latest pass was handed in: the coupon was issued then or later.
    pub last_pass: Option<Instant>,
    /// When the last person in line was told that everything is gone.
    pub last_told_sold_out: Option<Instant>,
}

/// A histogram up to a day, three digits fine.
#[derive(Debug)]
pub struct Waits(pub Histogram<u64>);

impl Waits {
    fn record(&mut self, waited: Duration) {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.0.saturating_record(waited_ms);
    }
}

impl Default for Waits {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the bounds are constants that the histogram takes"
        )]
        let histogram = Histogram::new_with_max(86_400_000, 3).expect("valid bounds");
        Self(histogram)
    }
}

impl Tally {
    /// A frame arrived.
    pub fn push(&self) {
        self.pushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody moved up.
    pub fn moved(&self) {
        self.happenings.fetch_add(1, Ordering::Relaxed);
    }

    /// Frames so far.
    pub fn pushes(&self) -> u64 {
        self.pushes.load(Ordering::Relaxed)
    }

    /// Grows while anything happens.
    pub fn happenings(&self) -> u64 {
        self.happenings.load(Ordering::Relaxed)
    }

    /// Somebody has a place.
    pub fn entered(&self) {
        self.write(|book| book.entered += 1);
    }

    /// The event admits so many per second.
    pub fn rate(&self, rate_per_s: f64) {
        let mut book = self.book.lock();
        book.rate_per_s = book.rate_per_s.max(rate_per_s);
    }

    /// Somebody's turn came.
    pub fn ticket(&self, waited: Duration, ends_ms: i64) {
        self.write(|book| {
            book.waits_ms.record(waited);
            let now = Instant::now();
            book.tickets_heard = Some((book.tickets_heard.map_or(now, |(first, _)| first), now));
            book.ticket_ends_ms.push(ends_ms);
        });
    }

    /// Somebody's turn came so long after `promised` was shown to them.
    pub fn promised(&self, promised: Eta, waited: Duration) {
        let mut book = self.book.lock();
        book.wait_errors_ms.record(promised.error(waited));
        book.waits_in_range += u64::from(promised.holds(waited));
    }

    /// Somebody has a coupon, for a ticket handed in at `asked`.
    pub fn pass(&self, code: String, asked: Instant) {
        self.write(|book| {
            book.passes += 1;
            book.redeems_ms.record(asked.elapsed());
            book.codes.insert(code);
            book.last_pass = book.last_pass.max(Some(asked));
        });
    }

    /// Somebody's ticket gave no coupon.
    pub fn fail(&self, reason: &str) {
        self.write(|book| count(&mut book.fails, reason));
    }

    /// Somebody was refused a place.
    pub fn turned_away(&self, reason: &str) {
        self.write(|book| count(&mut book.turned_away, reason));
    }

    /// Somebody in line knows that there is nothing to wait for.
    pub fn told(&self, reason: &str) {
        self.write(|book| {
            count(&mut book.told, reason);
            if reason == "sold-out" {
                book.last_told_sold_out = Some(Instant::now());
            }
        });
    }

    /// Something happened that should not.
    pub fn error(&self, kind: &str) {
        let mut book = self.book.lock();
        count(&mut book.errors, kind);
    }

    /// Somebody was told to come back later.
    pub fn come_back(&self, reason: &str) {
        let mut book = self.book.lock();
        count(&mut book.come_back, reason);
    }

    /// Looks into the book.
    pub fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.lock())
    }

    /// Takes the book and begins a new one.
    pub fn take(&self) -> Book {
        std::mem::take(&mut *self.book.lock())
    }

    fn write(&self, entry: impl FnOnce(&mut Book)) {
        entry(&mut self.book.lock());
        self.moved();
    }
}

fn count(counts: &mut Counts, kind: &str) {
    if let Some(count) = counts.get_mut(kind) {
        *count += 1;
    } else {
        counts.insert(kind.to_owned(), 1);
    }
}
