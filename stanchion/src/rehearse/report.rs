//! The report: what the crowd saw beside what the ops door says, and whether the two agree.

mod shown;
mod time_left;

use std::time::Duration;

use anyhow::Context as _;
use client::{LiveEvent, Ops};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use self::time_left::TimeLeft;
use super::RehearseArgs;
use super::crowd::Rehearsed;
use super::tally::{Book, Counts, Waits};

/// How long the ledger may take to hold the last coupon.
const SETTLING: Duration = Duration::from_secs(30);

/// A crowd that was let in faster was let in at once.
const SECOND: Duration = Duration::from_secs(1);

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    event: String,
    visitors: u32,
    entered: u64,
    took_ms: u64,
    /// From asking for a place to holding the ticket.
    wait_ms: Percentiles,
    /// How good the time left was that people were shown first.
    time_left: TimeLeft,
    /// From handing the ticket in to the pass.
    redeem_ms: Percentiles,
    admissions: Admissions,
    passes: u64,
    distinct_codes: u64,
    fails: Counts,
    told: Counts,
    turned_away: Counts,
    without_an_answer: u64,
    pushes: Pushes,
    /// From handing in the ticket of the last coupon to the last person in line told, in milliseconds: at least as long as the
    /// time from the issue.
    told_sold_out_within_ms: Option<u64>,
    told_to_come_back: Counts,
    coupons: Coupons,
    errors: Counts,
    faults: Vec<String>,
}

/// Of times in milliseconds.
#[derive(Debug, Serialize)]
struct Percentiles {
    p50: u64,
    p95: u64,
    p99: u64,
    max: u64,
}

#[derive(Debug, Serialize)]
struct Admissions {
    tickets: u64,
    rate_per_s: f64,
    average_per_s: f64,
    most_in_a_second: u64,
    /// The rate and a burst of one second of it.
    allowed_in_a_second: u64,
}

#[derive(Debug, Serialize)]
struct Pushes {
    total: u64,
    average_per_s: f64,
    most_in_a_second: u64,
}

#[derive(Debug, Serialize)]
struct Coupons {
    issued: u64,
    in_ledger: u64,
    remaining: u64,
}

/// The event's figures once the ledger holds all that was issued, or when it had its time.
pub async fn settled(ops: &Ops, event: &str) -> anyhow::Result<LiveEvent> {
    let deadline = Instant::now() + SETTLING;
    loop {
        let figures = ops
            .event(event)
            .await
            .context("the ops door gave no figures at the end")?;
        if figures.ledger_lag == 0 || Instant::now() > deadline {
            return Ok(figures);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

impl Report {
    /// Judges what the crowd saw against the event's figures `before` and `after`.
    pub fn new(
        args: &RehearseArgs,
        rehearsed: Rehearsed,
        before: &LiveEvent,
        after: &LiveEvent,
    ) -> Self {
        let cut_short = rehearsed.cut_short;
        let pushes = Pushes {
            total: rehearsed.pushes,
            average_per_s: per_second(rehearsed.pushes, rehearsed.took),
            most_in_a_second: rehearsed.most_pushes_per_s,
        };
        let book = rehearsed.book;
        let answered = book.passes
            + [&book.fails, &book.told, &book.turned_away]
                .map(sum)
                .iter()
                .sum::<u64>();
        let issued = after.redeemed.saturating_sub(before.redeemed);
        let mut report = Self {
            event: args.event.clone(),
            visitors: args.visitors,
            entered: book.entered,
            took_ms: milliseconds(rehearsed.took),
            wait_ms: Percentiles::of(&book.waits_ms),
            time_left: TimeLeft::of(&book),
            redeem_ms: Percentiles::of(&book.redeems_ms),
            admissions: Admissions::of(&book),
            passes: book.passes,
            distinct_codes: book.codes.len() as u64,
            without_an_answer: u64::from(args.visitors).saturating_sub(answered),
            pushes,
            told_sold_out_within_ms: told_sold_out_within_ms(&book),
            told_to_come_back: book.come_back,
            coupons: Coupons {
                issued,
                in_ledger: issued.saturating_sub(after.ledger_lag),
                remaining: after.stock.remaining,
            },
            fails: book.fails,
            told: book.told,
            turned_away: book.turned_away,
            errors: book.errors,
            faults: Vec::new(),
        };
        report.faults = report.found_faults(cut_short);
        report
    }

    /// Was every promise kept?
    pub fn consistent(&self) -> bool {
        self.faults.is_empty()
    }

    fn found_faults(&self, cut_short: Option<&str>) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |wrong: bool, what: String| {
            if wrong {
                faults.push(what);
            }
        };
        fault(
            self.without_an_answer > 0,
            format!(
                "{} people never learned their fate: {}",
                self.without_an_answer,
                cut_short.unwrap_or("they gave up")
            ),
        );
        fault(
            self.distinct_codes != self.passes,
            format!(
                "{} passes carried {} codes",
                self.passes, self.distinct_codes
            ),
        );
        fault(
            self.distinct_codes != self.coupons.issued,
            format!(
                "{} coupons were issued and the crowd heard of {} (did somebody else redeem meanwhile?)",
                self.coupons.issued, self.distinct_codes
            ),
        );
        fault(
            self.coupons.in_ledger != self.coupons.issued,
            format!(
                "the ledger lacks {} of {} coupons",
                self.coupons.issued - self.coupons.in_ledger,
                self.coupons.issued
            ),
        );
        fault(
            self.admissions.most_in_a_second > self.admissions.allowed_in_a_second,
            format!(
                "{} were let in within one second, at most {} may be",
                self.admissions.most_in_a_second, self.admissions.allowed_in_a_second
            ),
        );
        fault(
            !self.errors.is_empty(),
            format!("{} errors", sum(&self.errors)),
        );
        faults
    }
}

impl Percentiles {
    fn of(waits: &Waits) -> Self {
        let waits = &waits.0;
        Self {
            p50: waits.value_at_quantile(0.50),
            p95: waits.value_at_quantile(0.95),
            p99: waits.value_at_quantile(0.99),
            max: waits.max(),
        }
    }
}

impl Admissions {
    /// All tickets last equally long, so those that end in the same second were let in within the same second.
    fn of(book: &Book) -> Self {
        let mut ends = book.ticket_ends_ms.clone();
        ends.sort_unstable();
        let tickets = ends.len() as u64;
        let heard = book.tickets_heard.map(|(first, last)| last - first);
        Self {
            tickets,
            rate_per_s: book.rate_per_s,
            average_per_s: per_second(tickets, heard.unwrap_or_default().max(SECOND)),
            most_in_a_second: most_in_a_second(&ends),
            allowed_in_a_second: allowed_in_a_second(book.rate_per_s),
        }
    }
}

/// Most of the ascending moments that lie within 1,000 ms.
fn most_in_a_second(ascending_ms: &[i64]) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, &at) in ascending_ms.iter().enumerate() {
        while ascending_ms[first] <= at - 1_000 {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most as u64
}

/// From the last coupon to the last person in line told.
fn told_sold_out_within_ms(book: &Book) -> Option<u64> {
    let (pass, told) = book.last_pass.zip(book.last_told_sold_out)?;
    Some(milliseconds(told.saturating_duration_since(pass)))
}

/// A second's worth of the rate on top of a full bucket, which holds one second's worth and at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is at most a million"
)]
fn allowed_in_a_second(rate_per_s: f64) -> u64 {
    (rate_per_s + rate_per_s.max(1.0)).ceil() as u64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a crowd is far smaller than 2^53"
)]
fn per_second(count: u64, span: Duration) -> f64 {
    let per_s = count as f64 / span.as_secs_f64().max(0.001);
    (per_s * 10.0).round() / 10.0
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn sum(counts: &Counts) -> u64 {
    counts.values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_thousand_milliseconds_wherever_it_begins() {
        assert_eq!(most_in_a_second(&[]), 0);
        assert_eq!(most_in_a_second(&[0, 999, 1_000]), 2);
        assert_eq!(most_in_a_second(&[0, 900, 1_800, 1_899, 1_900]), 3);
    }

    #[test]
    fn a_full_bucket_and_a_second_of_the_rate_may_pass() {
        assert_eq!(allowed_in_a_second(500.0), 1_000);
        assert_eq!(allowed_in_a_second(0.5), 2);
        assert_eq!(allowed_in_a_second(2.5), 5);
    }
}
