//! The report for people.

use std::fmt;

use super::time_left::TimeLeft;
use super::{Counts, Percentiles, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let people = grouped(self.visitors.into());
        let took = seconds(self.took_ms);
        writeln!(
            f,
            "\nRehearsal of `{}`: {people} people in {took}",
            self.event
        )?;
        for (name, value) in [self.line(), self.ends(), self.works()].concat() {
            writeln!(f, "  {name:<12} {value}")?;
        }
        if self.faults.is_empty() {
            return writeln!(f, "\nEvery promise was kept.");
        }
        writeln!(f, "\nNot as promised:")?;
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "  - {fault}"))
    }
}

/// A fact and its name.
type Row = (&'static str, String);

impl Report {
    /// How the line moved.
    fn line(&self) -> Vec<Row> {
        let admissions = &self.admissions;
        let let_in = format!(
            "{} at {}/s (set {}/s), most in a second {} of {} allowed",
            grouped(admissions.tickets),
            admissions.average_per_s,
            admissions.rate_per_s,
            admissions.most_in_a_second,
            admissions.allowed_in_a_second
        );
        vec![
            ("in line", grouped(self.entered)),
            ("waited", self.wait_ms.to_string()),
            ("time left", self.time_left.to_string()),
            ("let in", let_in),
            (
                "overtaken",
                format!("{} of those who were there", admissions.inversions),
            ),
            (
                "tickets out",
                format!(
                    "at most {} of {}",
                    grouped(admissions.most_outstanding),
                    grouped(admissions.capacity)
                ),
            ),
            ("redeem took", self.redeem_ms.to_string()),
        ]
    }

    /// What came of it for people.
    fn ends(&self) -> Vec<Row> {
        let codes = grouped(self.distinct_codes);
        let passes = format!("{}, {codes} distinct codes", grouped(self.passes));
        let mut rows = vec![
            ("passes", passes),
            ("fails", listed(&self.fails)),
            ("told", listed(&self.told)),
            ("turned away", listed(&self.turned_away)),
            ("left", grouped(self.left)),
            ("stayed away", grouped(self.stayed_away)),
        ];
        if let Some(ms) = self.told_sold_out_within_ms {
            rows.push(("all told", format!("{ms} ms after the last coupon")));
        }
        rows
    }

    /// What the machinery did for it.
    fn works(&self) -> Vec<Row> {
        let (pushes, coupons) = (&self.pushes, &self.coupons);
        let frames = format!(
            "{}, {}/s, most in a second {}",
            grouped(pushes.total),
            pushes.average_per_s,
            grouped(pushes.most_in_a_second)
        );
        let issued = format!(
            "{} issued, {} in the ledger, {} left",
            grouped(coupons.issued),
            grouped(coupons.in_ledger),
            grouped(coupons.remaining)
        );
        vec![
            ("pushes", frames),
            ("coupons", issued),
            ("come back", listed(&self.told_to_come_back)),
            ("errors", listed(&self.errors)),
        ]
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, p99, max] = [self.p50, self.p95, self.p99, self.max].map(seconds);
        write!(f, "p50 {p50}  p95 {p95}  p99 {p99}  longest {max}")
    }
}

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((percent, longer)) = self.in_range_percent.zip(self.longer_percent) else {
            return f.write_str("shown to nobody");
        };
        let people = grouped(self.people);
        write!(
            f,
            "right for {percent} % of {people}, too short for {longer} %; off the middle {}",
            self.error_ms
        )
    }
}

fn listed(counts: &Counts) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<_> = counts
        .iter()
        .map(|(reason, count)| format!("{reason} {}", grouped(*count)))
        .collect();
    each.join(", ")
}

fn seconds(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// A count with its thousands apart: `12,345`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_easily() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(seconds(999), "999 ms");
        assert_eq!(seconds(12_345), "12.3 s");
    }
}
