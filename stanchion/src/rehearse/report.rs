//! The report: what the crowd saw beside what the ops door says, and whether the two agree.

mod admissions;
mod percentiles;
mod shown;
mod time_left;

use std::time::Duration;

use anyhow::Context as _;
use client::{LiveEvent, Ops};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use self::admissions::{Admissions, Pace};
use self::percentiles::Percentiles;
use self::time_left::TimeLeft;
use super::RehearseArgs;
use super::crowd::Rehearsed;
use super::tally::{Book, Counts};

/// How long the ledger may take to hold the last coupon.
const SETTLING: Duration = Duration::from_secs(30);

/// By then everybody who is there knows that everything is gone.
const TOLD_WITHIN_MS: u64 = 2_000;

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
    left: u64,
    stayed_away: u64,
    without_an_answer: u64,
    pushes: Pushes,
    /// From handing in the ticket of the last coupon to the last person told of those who were connected all the time, in
    /// milliseconds: at least as long as the time from the issue.
    told_sold_out_within_ms: Option<u64>,
    told_to_come_back: Counts,
    coupons: Coupons,
    errors: Counts,
    faults: Vec<String>,
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

/// What the event's figures `before` and `after` say of its pace, when at most so many tickets were out.
pub fn pace(before: &LiveEvent, after: &LiveEvent, most_outstanding: u64) -> Pace {
    let presence_s = before.settings.get("presence_s");
    let presence_s = presence_s.and_then(serde_json::Value::as_i64);
    Pace {
        capacity: before.admission.capacity.max(after.admission.capacity),
        most_outstanding,
        presence_ms: presence_s.unwrap_or(0) * 1_000,
    }
}

impl Report {
    /// Judges what the crowd saw against the event's figures `before` and `after`.
    pub fn new(
        args: &RehearseArgs,
        rehearsed: Rehearsed,
        before: &LiveEvent,
        after: &LiveEvent,
        pace: Pace,
    ) -> Self {
        let pushes = Pushes::of(&rehearsed);
        let (book, cut_short) = (rehearsed.book, rehearsed.cut_short);
        let issued = after.redeemed.saturating_sub(before.redeemed);
        let mut report = Self {
            event: args.event.clone(),
            visitors: args.visitors,
            entered: book.entered,
            took_ms: milliseconds(rehearsed.took),
            wait_ms: Percentiles::of(&book.waits_ms),
            time_left: TimeLeft::of(&book),
            redeem_ms: Percentiles::of(&book.redeems_ms),
            admissions: Admissions::of(&book, pace),
            passes: book.passes,
            distinct_codes: book.codes.len() as u64,
            without_an_answer: u64::from(args.visitors).saturating_sub(answered(&book)),
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
            left: book.left,
            stayed_away: book.stayed_away,
            turned_away: book.turned_away,
            errors: book.errors,
            faults: Vec::new(),
        };
        report.faults = report.found_faults(cut_short.as_deref());
        report
    }

    /// Was every promise kept?
    pub fn consistent(&self) -> bool {
        self.faults.is_empty()
    }

    fn found_faults(&self, cut_short: Option<&str>) -> Vec<String> {
        let mut faults = self.miscounted(cut_short);
        faults.extend(self.unfair());
        faults
    }

    /// What is missing, or there twice.
    fn miscounted(&self, cut_short: Option<&str>) -> Vec<String> {
        let (passes, codes, coupons) = (self.passes, self.distinct_codes, &self.coupons);
        let why = cut_short.unwrap_or("they gave up");
        found([
            (
                self.without_an_answer > 0,
                format!(
                    "{} people never learned their fate: {why}",
                    self.without_an_answer
                ),
            ),
            (
                codes != passes,
                format!("{passes} passes carried {codes} codes"),
            ),
            (
                codes != coupons.issued,
                format!(
                    "{} coupons were issued and the crowd heard of {codes} (did somebody else redeem meanwhile?)",
                    coupons.issued
                ),
            ),
            (
                coupons.in_ledger != coupons.issued,
                format!(
                    "the ledger lacks {} of {} coupons",
                    coupons.issued - coupons.in_ledger,
                    coupons.issued
                ),
            ),
            (
                !self.errors.is_empty(),
                format!("{} errors", sum(&self.errors)),
            ),
        ])
    }

    /// What the line did that it must not.
    fn unfair(&self) -> Vec<String> {
        let let_in = &self.admissions;
        let told_ms = self.told_sold_out_within_ms.unwrap_or(0);
        found([
            (
                let_in.most_in_a_second > let_in.allowed_in_a_second,
                format!(
                    "{} were let in within one second, at most {} may be",
                    let_in.most_in_a_second, let_in.allowed_in_a_second
                ),
            ),
            (
                let_in.most_outstanding > let_in.capacity,
                format!(
                    "{} tickets were out at once, at most {} may be",
                    let_in.most_outstanding, let_in.capacity
                ),
            ),
            (
                let_in.inversions > 0,
                format!(
                    "{} people were overtaken while they were there",
                    let_in.inversions
                ),
            ),
            (
                told_ms > TOLD_WITHIN_MS,
                format!("the last person in line was told {told_ms} ms after the last coupon went"),
            ),
        ])
    }
}

/// Those of the faults that there are.
fn found<const N: usize>(faults: [(bool, String); N]) -> Vec<String> {
    let there = faults.into_iter().filter(|(is_one, _)| *is_one);
    there.map(|(_, what)| what).collect()
}

impl Pushes {
    fn of(rehearsed: &Rehearsed) -> Self {
        Self {
            total: rehearsed.pushes,
            average_per_s: per_second(rehearsed.pushes, rehearsed.took),
            most_in_a_second: rehearsed.most_pushes_per_s,
        }
    }
}

/// How many know what became of them, or did not want to.
fn answered(book: &Book) -> u64 {
    let counts = [&book.fails, &book.told, &book.turned_away].map(sum);
    book.passes + book.left + book.stayed_away + counts.iter().sum::<u64>()
}

/// From the last coupon to the last person told of those who were connected since before it.
fn told_sold_out_within_ms(book: &Book) -> Option<u64> {
    let pass_ms = book.last_pass_ms?;
    let there = book.told_sold_out_ms.iter();
    let there = there.filter(|(_, since_ms)| *since_ms <= pass_ms);
    let told_ms = there.map(|(told_ms, _)| *told_ms).max()?;
    Some(u64::try_from(told_ms - pass_ms).unwrap_or(0))
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
