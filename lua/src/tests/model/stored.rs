//! What is stored and counted.

use std::collections::{BTreeMap, BTreeSet};

use domain::coupon::Issue;
use domain::place::{AdmittedPlace, GoneReason};
use domain::{Holder, Phase, PlaceId, Seq};

use super::{Held, Model, float};
use crate::tests::state::{State, hash};
use crate::{Figures, Waits};

/// What is stored.
impl Model {
    pub(in crate::tests) fn figures(&self) -> Option<Figures> {
        let held = self.held.as_ref()?;
        let count = |name| self.counts.get(name).copied().unwrap_or(0);
        Some(Figures {
            waiting: if held.ended.is_some() {
                0
            } else {
                (self.places.len() + self.grace.len()) as u64
            },
            admitted: count("admitted"),
            outstanding: if held.event.phase == Phase::Closed {
                0
            } else {
                self.admitted.len() as u64
            },
            redeemed: self.issued.len() as u64,
            no_shows: count("no_shows"),
            left: count("left"),
            total: held.event.stock,
            remaining: held.remaining,
            outbox_lag: self.outbox.len() as u64,
            ledger_lag: self.outbox.len() as u64,
            waits: Waits::default(),
        })
    }

    fn pace(&self) -> BTreeMap<String, f64> {
        let seq = |seq: Seq| float(i64::try_from(seq.0).unwrap());
        let bucket = self
            .pace
            .map(|(tokens, at)| [("tokens", tokens), ("at_us", float(at))]);
        let frontier = self.frontier.map(|(near, since, judged)| {
            [
                ("near", seq(near)),
                ("near_ms", float(since)),
                ("judged", seq(judged)),
            ]
        });
        let fields = bucket.into_iter().flatten();
        fields
            .chain(frontier.into_iter().flatten())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    pub(in crate::tests) fn state(&self) -> State {
        State {
            event: self.held.as_ref().map(event_hash).unwrap_or_default(),
            stock: self.held.as_ref().map(|held| held.remaining),
            seq: self.seq,
            places: scored(&self.places),
            passed: scored(&self.passed),
            grace: shown(&self.grace, |&at| at),
            seen: shown(&self.seen, |&at| at),
            admitted: shown(&self.admitted, admission_text),
            outstanding: shown(&self.admitted, |one| one.expires_at.0),
            tickets: shown(&self.tickets, String::clone),
            unminted: shown(&self.unminted, |&at| at),
            gone: shown(&self.gone, GoneReason::to_string),
            counts: self.counts.clone(),
            participants: self
                .issued
                .keys()
                .map(Holder::to_string)
                .collect::<BTreeSet<_>>(),
            issued: shown(&self.issued, issue_text),
            coupons: shown(&self.coupons, Holder::to_string),
            pace: self.pace(),
            moves: self.moves.clone(),
            outbox: self.outbox.clone(),
            audit: self.audit.clone(),
        }
    }
}

/// A line as it is stored: its places and their seqs.
fn scored(line: &BTreeMap<Seq, PlaceId>) -> Vec<(String, u64)> {
    line.iter()
        .map(|(seq, one)| (one.to_string(), seq.0))
        .collect()
}

/// A map as it is stored: its keys as text, its values as `value` writes them.
fn shown<K: ToString, V, T>(map: &BTreeMap<K, V>, value: impl Fn(&V) -> T) -> BTreeMap<String, T> {
    map.iter()
        .map(|(key, held)| (key.to_string(), value(held)))
        .collect()
}

fn admission_text(one: &AdmittedPlace) -> String {
    format!(
        "{} {} {} {}",
        one.seq.0, one.admitted_at.0, one.expires_at.0, one.kid
    )
}

fn issue_text(one: &Issue) -> String {
    let (serial, at) = (one.coupon.serial.0, one.issued_at.0);
    format!(
        "{serial} {at} {} 1 {} {}",
        one.ordinal, one.jti, one.coupon.code
    )
}

fn event_hash(held: &Held) -> BTreeMap<String, String> {
    let event = &held.event;
    let time = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    let on_sold_out = serde_json::to_value(event.definition.on_sold_out).unwrap();
    hash([
        (
            "definition",
            serde_json::to_string(&event.definition).unwrap(),
        ),
        ("on_sold_out", on_sold_out.as_str().unwrap().to_owned()),
        ("lobby_at", time(held.times[0])),
        ("opens_at", time(held.times[1])),
        ("closes_at", time(held.times[2])),
        ("phase", event.phase.to_string()),
        (
            "ended",
            held.ended
                .map(|reason| reason.to_string())
                .unwrap_or_default(),
        ),
        ("total", event.stock.to_string()),
        ("rate", event.admission.rate_per_s.to_string()),
        ("given", String::new()),
        ("ramp", String::new()),
        ("brake", String::new()),
        ("capacity", event.admission.capacity.to_string()),
        ("ticket_ttl_s", event.admission.ticket_ttl_s.to_string()),
        ("version", held.version.to_string()),
        ("epoch", "1".to_owned()),
        ("line", u8::from(event.definition.line).to_string()),
    ])
}
