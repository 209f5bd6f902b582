//! A verdict for people: a line per event, and per coupon that does not stand alike everywhere what each station holds.

use std::fmt::Write as _;

use persister::reconcile::{Cause, Difference, EventReport, Outcome, Standing};
use serde::Serialize;

use super::Verdict;

/// The whole verdict.
pub(super) fn told(verdict: &Verdict) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    for repaired in verdict.repairs.iter().flatten() {
        let (word, note) = match &repaired.outcome {
            Outcome::Mended(note) => ("mended", note),
            Outcome::Refused(note) => ("refused", note),
        };
        let (event, serial) = (&repaired.event, repaired.serial.0);
        let _ = writeln!(text, "{event} coupon {serial}: {word}: {note}");
    }
    for event in &verdict.report.events {
        about(&mut text, event);
    }
    let conclusion = match verdict.report.unexplained {
        0 => "nothing is unexplained".to_owned(),
        1 => "1 difference is unexplained".to_owned(),
        many => format!("{many} differences are unexplained"),
    };
    let _ = writeln!(text, "{conclusion}");
    text
}

fn about(text: &mut String, event: &EventReport) {
    let issued = event.issued;
    let _ = writeln!(
        text,
        "{}: issued redis {}, log {}, ledger {}; unexplained {}",
        event.event, issued.redis, issued.log, issued.ledger, event.unexplained
    );
    if let Some(balance) = event.balance.filter(|balance| !balance.holds) {
        let _ = writeln!(
            text,
            "  does not add up: {} coupons ever − {} left should be the {} issued; {} rows name {} holders",
            balance.total, balance.remaining, balance.issued, balance.rows, balance.holders
        );
    }
    for difference in &event.differences {
        one(text, difference);
    }
}

fn one(text: &mut String, difference: &Difference) {
    let _ = writeln!(
        text,
        "  coupon {}: {} ({})",
        difference.serial.0,
        word(difference.kind),
        word(difference.cause)
    );
    if difference.cause == Cause::OnItsWay {
        return;
    }
    let stations = [
        ("redis", &difference.redis),
        ("log", &difference.log),
        ("ledger", &difference.ledger),
    ];
    for (station, held) in stations {
        let held = held.as_ref().map_or("nothing".to_owned(), standing);
        let _ = writeln!(text, "    {station:<6}  {held}");
    }
    for beside in &difference.beside {
        let _ = writeln!(text, "    beside  {}", standing(beside));
    }
}

fn standing(held: &Standing) -> String {
    let Standing {
        code,
        holder,
        record_id,
        issued_at,
    } = held;
    format!("{code} of {holder}, record {record_id}, {issued_at}")
}

/// A word as the JSON report has it.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use persister::reconcile::{Balance, Issued, Kind, Repaired, Report};

    use super::*;

    fn standing(code: &str) -> Standing {
        Standing {
            code: code.to_owned(),
            holder: "me".to_owned(),
            record_id: "demo:1:7".to_owned(),
            issued_at: domain::Millis(0),
        }
    }

    /// An event with one altered row, whose figures do not add up either.
    fn altered() -> EventReport {
        let difference = Difference {
            serial: domain::Serial(3),
            kind: Kind::CodeDiffers,
            redis: Some(standing("A")),
            log: None,
            ledger: Some(standing("B")),
            beside: vec![standing("C")],
            cause: Cause::RowAltered,
        };
        EventReport {
            event: "demo".parse().unwrap(),
            issued: Issued::default(),
            balance: Some(Balance {
                total: 9,
                remaining: 5,
                issued: 3,
                rows: 4,
                holders: 3,
                holds: false,
            }),
            unexplained: 2,
            differences: vec![difference],
        }
    }

    #[test]
    fn each_difference_is_told_with_what_every_station_holds() {
        let repaired = Repaired {
            event: "demo".parse().unwrap(),
            serial: domain::Serial(3),
            outcome: Outcome::Refused("why not".to_owned()),
        };
        let verdict = Verdict {
            report: Report {
                unexplained: 2,
                events: vec![altered()],
            },
            repairs: Some(vec![repaired]),
        };
        let text = told(&verdict);
        for line in [
            "demo coupon 3: refused: why not",
            "demo: issued redis 0, log 0, ledger 0; unexplained 2",
            "  does not add up: 9 coupons ever − 5 left should be the 3 issued; 4 rows name 3 holders",
            "  coupon 3: code-differs (row-altered)",
            "    redis   A of me, record demo:1:7, 1970-01-01T00:00:00.000Z",
            "    log     nothing",
            "    beside  C of me, record demo:1:7, 1970-01-01T00:00:00.000Z",
            "2 differences are unexplained",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        let nothing = Verdict {
            report: Report::default(),
            repairs: None,
        };
        assert_eq!(told(&nothing), "nothing is unexplained\n");
    }
}
