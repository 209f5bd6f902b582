//! What the crowd tells while it stands in line: counted here, judged in the report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chassis::system::SystemClock;
use domain::Clock as _;
use domain::eta::Eta;
use domain::ticket::Claims;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How many of each kind.
pub type Counts = BTreeMap<String, u64>;

/// The crowd's one notebook.
#[derive(Debug, Default)]
pub struct Tally {
    pushes: AtomicU64,
    /// Things that happened to anybody: while it grows, the line moves.
    happenings: AtomicU64,
    /// Has anybody heard that the line is open?
    opened: AtomicBool,
    book: Mutex<Book>,
}

/// What is written down. Times are this machine's, in milliseconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// People who got a place.
    pub entered: u64,
    /// Times from asking for a place to holding the ticket, in milliseconds.
    pub waits_ms: Vec<u64>,
    /// How far each wait lay from the middle of the range that was shown first, in milliseconds.
    pub wait_errors_ms: Vec<u64>,
    /// Waits that lay in the range that was shown first.
    pub waits_in_range: u64,
    /// Waits that were longer.
    pub waits_longer: u64,
    /// Everybody's ticket.
    pub admitted: Vec<Admitted>,
    /// When each ticket that was handed in was heard of, and when its answer was.
    pub held_ms: Vec<(i64, i64)>,
    /// Times from handing the ticket in to the answer, in milliseconds.
    pub redeems_ms: Vec<u64>,
    /// Passes heard.
    pub passes: u64,
    /// The codes of the passes.
    pub codes: BTreeSet<String>,
    /// Fails, by reason.
    pub fails: Counts,
    /// People who were refused a place, by reason.
    pub turned_away: Counts,
    /// People in line who were told that there is nothing to wait for, by reason.
    pub told: Counts,
    /// When people in line were told that everything is gone, and since when they were connected.
    pub told_sold_out_ms: Vec<(i64, i64)>,
    /// People who left the line.
    pub left: u64,
    /// People who went away for good without a word.
    pub stayed_away: u64,
    /// What should not have happened, by kind.
    pub errors: Counts,
    /// How often somebody was told to come back later, by reason.
    pub come_back: Counts,
    /// The highest rate heard of.
    pub rate_per_s: f64,
    /// When the ticket of the latest pass was handed in: the coupon was issued then or later.
    pub last_pass_ms: Option<i64>,
}

/// Somebody whose turn came.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Admitted {
    /// Their ordinal in the line.
    pub seq: u64,
    /// When they were let in, by the server's clock, in whole seconds since 1970.
    pub at_s: i64,
    /// When the ticket ends, by the server's clock.
    pub ends_ms: i64,
    /// Since when the connection was open that brought the ticket.
    pub since_ms: i64,
    /// When the ticket was heard of.
    pub heard_ms: i64,
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemClock.now().0
}

impl Book {
    /// Adds what another part of the crowd wrote down.
    pub fn add(&mut self, other: Self) {
        self.entered += other.entered;
        self.waits_ms.extend(other.waits_ms);
        self.wait_errors_ms.extend(other.wait_errors_ms);
        self.waits_in_range += other.waits_in_range;
        self.waits_longer += other.waits_longer;
        self.admitted.extend(other.admitted);
        self.held_ms.extend(other.held_ms);
        self.redeems_ms.extend(other.redeems_ms);
        self.passes += other.passes;
        self.codes.extend(other.codes);
        self.told_sold_out_ms.extend(other.told_sold_out_ms);
        self.left += other.left;
        self.stayed_away += other.stayed_away;
        self.rate_per_s = self.rate_per_s.max(other.rate_per_s);
        self.last_pass_ms = self.last_pass_ms.max(other.last_pass_ms);
        for (mine, theirs) in [
            (&mut self.fails, other.fails),
            (&mut self.turned_away, other.turned_away),
            (&mut self.told, other.told),
            (&mut self.errors, other.errors),
            (&mut self.come_back, other.come_back),
        ] {
            for (kind, count) in theirs {
                *mine.entry(kind).or_default() += count;
            }
        }
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

    /// Is the line known to be open?
    pub fn opened(&self) -> bool {
        self.opened.load(Ordering::Relaxed)
    }

    /// The line is open.
    pub fn opens(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// The turn of somebody came who was connected since `since_ms`; when they heard of it.
    pub fn ticket(&self, waited: Duration, claims: &Claims, ends_ms: i64, since_ms: i64) -> i64 {
        let heard_ms = now_ms();
        self.write(|book| {
            book.waits_ms.push(milliseconds(waited));
            book.admitted.push(Admitted {
                seq: claims.seq.0,
                at_s: claims.iat,
                ends_ms,
                since_ms,
                heard_ms,
            });
        });
        heard_ms
    }

    /// Somebody's turn came so long after `promised` was shown to them.
    pub fn promised(&self, promised: Eta, waited: Duration) {
        let mut book = self.book.lock();
        book.wait_errors_ms
            .push(milliseconds(promised.error(waited)));
        book.waits_in_range += u64::from(promised.holds(waited));
        book.waits_longer += u64::from(Duration::from_secs(promised.high) < waited);
    }

    /// Somebody has a coupon, for a ticket handed in at `asked_ms`.
    pub fn pass(&self, code: String, asked_ms: i64) {
        self.write(|book| {
            book.passes += 1;
            let took_ms = now_ms().saturating_sub(asked_ms);
            book.redeems_ms.push(u64::try_from(took_ms).unwrap_or(0));
            book.codes.insert(code);
            book.last_pass_ms = book.last_pass_ms.max(Some(asked_ms));
        });
    }

    /// A ticket that was heard of at `heard_ms` is answered: it is no longer out.
    pub fn answered(&self, heard_ms: i64) {
        self.write(|book| book.held_ms.push((heard_ms, now_ms())));
    }

    /// Somebody's ticket gave no coupon.
    pub fn fail(&self, reason: &str) {
        self.write(|book| count(&mut book.fails, reason));
    }

    /// Somebody was refused a place.
    pub fn turned_away(&self, reason: &str) {
        self.write(|book| count(&mut book.turned_away, reason));
    }

    /// Somebody in line, connected since `since_ms`, knows that there is nothing to wait for.
    pub fn told(&self, reason: &str, since_ms: i64) {
        self.write(|book| {
            count(&mut book.told, reason);
            if reason == "sold-out" {
                book.told_sold_out_ms.push((now_ms(), since_ms));
            }
        });
    }

    /// Somebody left the line.
    pub fn left(&self) {
        self.write(|book| book.left += 1);
    }

    /// Somebody went away for good.
    pub fn stayed_away(&self) {
        self.write(|book| book.stayed_away += 1);
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

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
