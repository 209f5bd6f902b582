//! Answers as tables for people.

use client::{Admission, AuditEntry, DeadLetter, Limits, LiveEvent, SigningKey, WholeLetter};
use serde_json::Value;

/// All events, one a row.
pub fn events(events: &[LiveEvent]) -> String {
    let rows = events.iter().map(|event| {
        [
            event.event.clone(),
            event.phase.to_string(),
            event.waiting.to_string(),
            format!("{}/s", event.admission.rate_per_s),
            event.outstanding.to_string(),
            event.redeemed.to_string(),
            format!("{}/{}", event.stock.remaining, event.stock.total),
            event.ledger_lag.to_string(),
        ]
    });
    table(
        [
            "EVENT",
            "PHASE",
            "WAITING",
            "RATE",
            "OUTSTANDING",
            "REDEEMED",
            "LEFT",
            "LAG",
        ],
        rows,
    )
}

/// One event, a fact a row; `done` says what was just done to it.
pub fn event(event: &LiveEvent, done: &str) -> String {
    let mut facts = vec![
        ("title", event.title.clone()),
        ("phase", event.phase.to_string()),
        ("waiting", event.waiting.to_string()),
        ("admission", admission(event)),
        (
            "let in",
            format!(
                "{}: {} redeemed, {} outstanding, {} no-shows",
                event.admitted, event.redeemed, event.outstanding, event.no_shows
            ),
        ),
        ("left", event.left.to_string()),
        (
            "coupons",
            format!("{} of {} left", event.stock.remaining, event.stock.total),
        ),
        (
            "on the way",
            format!(
                "{} records to the log, {} to the ledger",
                event.outbox_lag, event.ledger_lag
            ),
        ),
    ];
    facts.extend(time_left(event).map(|told| ("time left", told)));
    let settings = event.settings.iter().filter(|(_, value)| !value.is_null());
    facts.extend(settings.map(|(name, value)| (name.as_str(), plain(value))));
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let head = [event.event.as_str(), done].join(" ");
    let rows = facts
        .iter()
        .map(|(name, value)| format!("  {name:<width$}  {value}"));
    std::iter::once(head.trim_end().to_owned())
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

/// How often the time left that people were shown first was right; nothing before anybody was let in after one.
fn time_left(event: &LiveEvent) -> Option<String> {
    let client::Waits { all, in_range } = event.waits;
    (all > 0).then(|| format!("right for {in_range} of {all} people"))
}

/// The limits per client address, one a row.
pub fn limits(limits: &Limits) -> String {
    let rows = [
        ("enters", &limits.enters),
        ("requests", &limits.requests),
        ("sockets", &limits.sockets),
        ("direct", &limits.direct),
        ("exempt", &limits.exempt),
    ]
    .map(|(name, text)| {
        let live = limits.set.iter().any(|set| set == name);
        let by = if live { "live" } else { "flag" };
        [name.to_owned(), text.clone(), by.to_owned()]
    });
    table(["LIMIT", "IN FORCE", "SET BY"], rows.into_iter())
}

/// The pace as it is set, and what is in force instead.
fn admission(event: &LiveEvent) -> String {
    let Admission {
        rate_per_s,
        capacity,
        ticket_ttl_s,
        ramp,
    } = &event.admission;
    let set = format!("{rate_per_s}/s, capacity {capacity}, tickets last {ticket_ttl_s} s");
    let now = event.rate_in_force_per_s;
    let brake = event.brake.as_ref();
    let parts = [
        Some(set),
        now.map(|now| format!("now {now}/s")),
        ramp.map(|ramp| format!("reached at {}", ramp.until)),
        brake.map(|brake| format!("braked to 1/{} ({})", brake.divided_by, brake.why)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// All keys, one a row.
pub fn keys(keys: &[SigningKey]) -> String {
    let shown = |moment: Option<client::Moment>| moment.map_or("-".into(), |at| at.to_string());
    let rows = keys.iter().map(|key| {
        [
            key.kid.clone(),
            key.state.clone(),
            shown(key.since),
            shown(key.until),
        ]
    });
    table(["KEY", "STATE", "SINCE", "UNTIL"], rows)
}

/// The audit, one change a row.
pub fn audit(entries: &[AuditEntry]) -> String {
    let rows = entries.iter().map(|entry| {
        [
            entry.at.to_string(),
            entry.by.clone(),
            entry.action.clone(),
            plain(&entry.from),
            plain(&entry.to),
        ]
    });
    table(["AT", "BY", "WHAT", "FROM", "TO"], rows)
}

/// All dead letters, one a row.
pub fn dead_letters(letters: &[DeadLetter]) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let rows = letters.iter().map(|letter| {
        [
            letter.id.to_string(),
            letter.at.to_string(),
            known(&letter.event),
            known(&letter.record_id),
            format!("{}/{}:{}", letter.topic, letter.partition, letter.offset),
            letter.reason.clone(),
        ]
    });
    table(["ID", "AT", "EVENT", "RECORD", "FROM", "WHY"], rows)
}

/// One dead letter, with its message and what was done about it.
pub fn dead_letter(whole: &WholeLetter) -> String {
    let rows = whole.decisions.iter().map(|decision| {
        [
            decision.at.to_string(),
            decision.by.clone(),
            decision.action.clone(),
            decision.note.clone(),
        ]
    });
    let (letter, payload) = (&whole.letter, &whole.payload);
    format!(
        "{}\nit is {}\n\n{payload}\n\n{}",
        dead_letters(std::slice::from_ref(letter)),
        letter.state,
        table(["AT", "BY", "WHAT", "WHY"], rows)
    )
}

/// A text without its quotes, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        value => value.to_string(),
    }
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let rows = [
            ["demo".to_owned(), "1".to_owned()],
            ["x".to_owned(), "10".to_owned()],
        ];
        assert_eq!(
            table(["EVENT", "LEFT"], rows.into_iter()),
            "EVENT  LEFT\ndemo   1\nx      10"
        );
        assert_eq!(table(["EVENT"], std::iter::empty()), "EVENT");
    }
}
