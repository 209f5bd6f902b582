//! How good the time left was that people were shown.

use serde::Serialize;

use super::Percentiles;
use crate::rehearse::tally::Book;

/// The waits of those who were shown a time left and got a ticket.
#[derive(Debug, Serialize)]
pub struct TimeLeft {
    /// So many.
    pub people: u64,
    /// The share of them whose wait lay in the range shown first, in percent; none without any.
    pub in_range_percent: Option<f64>,
    /// The share of them who waited longer, in percent; the others were let in sooner.
    pub longer_percent: Option<f64>,
    /// From the middle of that range.
    pub error_ms: Percentiles,
}

impl TimeLeft {
    /// Judges the waits that were written down.
    pub fn of(book: &Book) -> Self {
        let people = book.wait_errors_ms.len() as u64;
        let share = |part| (people > 0).then(|| percent(part, people));
        Self {
            people,
            in_range_percent: share(book.waits_in_range),
            longer_percent: share(book.waits_longer),
            error_ms: Percentiles::of(&book.wait_errors_ms),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a crowd is far smaller than 2^53"
)]
fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 1_000.0 / whole as f64).round() / 10.0
}
