//! A verdict for people: a line per event, and per coupon that does not stand alike everywhere what each station holds.

use std::fmt::Write as _;

use persister::reconcile::{
    BookReport, Cause, CodeDifference, CodeStanding, Difference, EventReport, Outcome, Standing,
    Which,
};
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
        let event = &repaired.event;
        let coupon = match &repaired.coupon {
            Which::Serial(serial) => format!("coupon {}", serial.0),
            Which::Code(code) => format!("code {code}"),
        };
        let _ = writeln!(text, "{event} {coupon}: {word}: {note}");
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
    if let Some(book) = &event.book {
        about_book(text, book);
    }
}

fn about_book(text: &mut String, book: &BookReport) {
    let codes = book.codes;
    let _ = writeln!(
        text,
        "  book: codes redis {}, ledger {}",
        codes.redis, codes.ledger
    );
    for difference in &book.differences {
        one_code(text, difference);
    }
    if book.more > 0 {
        let _ = writeln!(text, "  and {} codes more", book.more);
    }
}

fn one_code(text: &mut String, difference: &CodeDifference) {
    let (kind, cause) = (word(difference.kind), word(difference.cause));
    let _ = writeln!(text, "  code {}: {kind} ({cause})", difference.code);
    let mut redis = told_of(difference.redis.as_ref());
    if difference.is_free_too {
        redis.push_str(", and free");
    }
    let ledger = told_of(difference.ledger.as_ref());
    let _ = writeln!(text, "    redis   {redis}\n    ledger  {ledger}");
}

fn told_of(held: Option<&CodeStanding>) -> String {
    let Some(held) = held else {
        return "nothing".to_owned();
    };
    let mut told = held.state.to_string();
    if let Some(holder) = &held.holder {
        let _ = write!(told, " of {holder}");
    }
    if let Some(at) = held.assigned_at {
        let _ = write!(told, " since {at}");
    }
    if held.redemptions > 0 {
        let _ = write!(told, ", redeemed {} times", held.redemptions);
    }
    if let Some(until) = held.locked_until {
        let _ = write!(told, ", locked until {until}");
    }
    told
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
    use domain::Millis;
    use domain::book::CouponState;
    use persister::reconcile::{Balance, CodeCounts, Issued, Kind, Repaired, Report};

    use super::*;

    fn standing(code: &str) -> Standing {
        Standing {
            code: code.to_owned(),
            holder: "me".to_owned(),
            record_id: "demo:1:7".to_owned(),
            issued_at: Millis(0),
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
            book: Some(book()),
        }
    }

    /// A book with one code that is assigned and free at once.
    fn book() -> BookReport {
        let assigned = CodeStanding {
            state: CouponState::Locked,
            holder: Some("ann".to_owned()),
            assigned_at: Some(Millis(0)),
            locked_until: Some(Millis(1)),
            redemptions: 2,
        };
        BookReport {
            codes: CodeCounts {
                redis: 3,
                ledger: 2,
            },
            moving: 0,
            differences: vec![CodeDifference {
                code: "SPRING-1".to_owned(),
                kind: Kind::TwiceInRedis,
                redis: Some(assigned),
                ledger: None,
                is_free_too: true,
                cause: Cause::Unknown,
                as_of: 9,
            }],
            more: 1,
        }
    }

    #[test]
    fn each_difference_is_told_with_what_every_station_holds() {
        let repaired = Repaired {
            event: "demo".parse().unwrap(),
            coupon: Which::Serial(domain::Serial(3)),
            outcome: Outcome::Refused("why not".to_owned()),
        };
        let mended = Repaired {
            coupon: Which::Code("SPRING-2".to_owned()),
            outcome: Outcome::Mended("done".to_owned()),
            ..repaired.clone()
        };
        let verdict = Verdict {
            report: Report {
                unexplained: 2,
                events: vec![altered()],
            },
            repairs: Some(vec![repaired, mended]),
        };
        let text = told(&verdict);
        for line in [
            "demo coupon 3: refused: why not",
            "demo code SPRING-2: mended: done",
            "demo: issued redis 0, log 0, ledger 0; unexplained 2",
            "  does not add up: 9 coupons ever − 5 left should be the 3 issued; 4 rows name 3 holders",
            "  coupon 3: code-differs (row-altered)",
            "    redis   A of me, record demo:1:7, 1970-01-01T00:00:00.000Z",
            "    log     nothing",
            "    beside  C of me, record demo:1:7, 1970-01-01T00:00:00.000Z",
            "  book: codes redis 3, ledger 2",
            "  code SPRING-1: twice-in-redis (unknown)",
            "    redis   locked of ann since 1970-01-01T00:00:00.000Z, redeemed 2 times, locked until 1970-01-01T00:00:00.001Z, and free",
            "    ledger  nothing",
            "  and 1 codes more",
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
