//! What the scripts must do, as plain Rust on plain collections. The life of an event is asked of `domain`, so that the
//! scripts' own knowledge of it is checked against the one table.

mod life;
mod line;
mod presence;
mod stored;

use std::collections::BTreeMap;

use domain::coupon::Issue;
use domain::event::{AdmissionChange, Event};
use domain::place::{AdmittedPlace, GoneReason};
use domain::{EventId, Holder, Millis, Phase, PlaceId, Seq};
use serde_json::Value;

use super::state::{floats, hash};
use crate::{
    AdmitRound, Entered, LiveEvent, Look, Minted, PutOutcome, Redeem, Redeemed, SetOutcome,
    StockOutcome,
};

/// One call of the store.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Put(Box<Event>, u64),
    Admission(AdmissionChange),
    Phase(Phase),
    Stock(u64),
    Enter(Vec<PlaceId>),
    Leave(PlaceId),
    Present(Vec<PlaceId>),
    Admit(usize),
    Store(Vec<Minted>),
    Redeem(Vec<Redeem>),
    Pass(i64),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Put(Box<PutOutcome>),
    Set(Box<SetOutcome>),
    Stock(StockOutcome),
    Entered(Vec<Entered>),
    Looked(Look),
    Round(AdmitRound),
    Redeemed(Vec<Redeemed>),
    Done,
}

/// An event as the model knows it.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) event: Event,
    /// `lobby_at`, `opens_at`, `closes_at` as time has passed over them.
    times: [Option<i64>; 3],
    ended: Option<GoneReason>,
    pub(super) version: u64,
    remaining: u64,
}

#[derive(Clone)]
pub(super) struct Model {
    id: EventId,
    pub(super) held: Option<Held>,
    seq: u64,
    places: BTreeMap<Seq, PlaceId>,
    passed: BTreeMap<Seq, PlaceId>,
    grace: BTreeMap<PlaceId, i64>,
    seen: BTreeMap<PlaceId, i64>,
    /// Up to where people were near, since when, and up to where the absent are known.
    frontier: Option<(Seq, i64, Seq)>,
    pub(super) admitted: BTreeMap<PlaceId, AdmittedPlace>,
    tickets: BTreeMap<PlaceId, String>,
    unminted: BTreeMap<PlaceId, i64>,
    gone: BTreeMap<PlaceId, GoneReason>,
    pub(super) issued: BTreeMap<Holder, Issue>,
    coupons: BTreeMap<String, Holder>,
    counts: BTreeMap<String, u64>,
    pace: Option<(f64, i64)>,
    moves: Vec<(String, BTreeMap<String, String>)>,
    outbox: Vec<(String, BTreeMap<String, Value>)>,
    audit: Vec<BTreeMap<String, Value>>,
}

pub(super) const KID: &str = "key";

fn to_ms(us: i64) -> i64 {
    us.div_euclid(1_000)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of an age are far below 2^53"
)]
fn float(number: i64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive count"
)]
fn whole(number: f64) -> usize {
    number.floor() as usize
}

fn burst(rate: f64) -> f64 {
    if rate > 0.0 { rate.max(1.0) } else { 0.0 }
}

fn times_of(event: &Event) -> [Option<i64>; 3] {
    let held = &event.definition;
    [held.lobby_at, held.opens_at, held.closes_at].map(|at| at.map(|at| at.0))
}

fn event_json(event: &Event) -> Value {
    let mut value = serde_json::to_value(event).unwrap();
    value.as_object_mut().unwrap().remove("event");
    value
}

fn admission_json(event: &Event) -> Value {
    serde_json::to_value(event.admission).unwrap()
}

fn joined(seqs: &[Seq]) -> String {
    let texts: Vec<String> = seqs.iter().map(|seq| seq.0.to_string()).collect();
    texts.join(",")
}

impl Model {
    pub(super) fn new(id: EventId) -> Self {
        Self {
            id,
            held: None,
            seq: 0,
            places: BTreeMap::new(),
            passed: BTreeMap::new(),
            grace: BTreeMap::new(),
            seen: BTreeMap::new(),
            frontier: None,
            admitted: BTreeMap::new(),
            tickets: BTreeMap::new(),
            unminted: BTreeMap::new(),
            gone: BTreeMap::new(),
            issued: BTreeMap::new(),
            coupons: BTreeMap::new(),
            counts: BTreeMap::new(),
            pace: None,
            moves: Vec::new(),
            outbox: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// What `call` does and answers at `now` (µs).
    pub(super) fn apply(&mut self, call: &Call, now: i64) -> Answer {
        match call {
            Call::Put(event, version) => Answer::Put(Box::new(self.put(event, *version, now))),
            Call::Admission(change) => Answer::Set(Box::new(self.set_admission(*change, now))),
            Call::Phase(phase) => Answer::Set(Box::new(self.move_phase(*phase, now))),
            Call::Stock(add) => Answer::Stock(self.add_stock(*add, now)),
            Call::Enter(places) => {
                let first = self.seq + 1;
                let answers: Vec<_> = places.iter().map(|place| self.enter(place, now)).collect();
                let new = places.iter().zip(&answers);
                let new = new.filter(|(_, answer)| matches!(answer, Entered::New(_)));
                let new: Vec<&str> = new.map(|(place, _)| place.as_str()).collect();
                if !new.is_empty() {
                    let fields = [
                        ("first", first.to_string().into()),
                        ("places", new.join(",").into()),
                    ];
                    self.append_record(now, "entered", fields);
                }
                Answer::Entered(answers)
            }
            Call::Leave(place) => Answer::Looked(self.leave(place, now)),
            Call::Present(places) => {
                self.present(places, now);
                Answer::Done
            }
            Call::Admit(most) => Answer::Round(self.admit(*most, now)),
            Call::Store(minted) => {
                self.store_tickets(minted, now);
                Answer::Done
            }
            Call::Redeem(asked) => {
                Answer::Redeemed(asked.iter().map(|one| self.redeem(one, now)).collect())
            }
            Call::Pass(ms) => {
                self.let_pass(*ms);
                Answer::Done
            }
        }
    }

    fn held(&self) -> &Held {
        self.held.as_ref().unwrap()
    }

    fn held_mut(&mut self) -> &mut Held {
        self.held.as_mut().unwrap()
    }

    fn phase(&self) -> Phase {
        self.held().event.phase
    }

    fn count(&mut self, name: &str, by: usize) -> u64 {
        let count = self.counts.entry(name.to_owned()).or_default();
        *count += by as u64;
        *count
    }

    fn live(&self, now: i64) -> LiveEvent {
        let held = self.held();
        LiveEvent {
            event: held.event.clone(),
            version: held.version,
            epoch: 1,
            ended: held.ended,
            remaining: held.remaining,
            at: Millis(to_ms(now)),
            rate_in_force_per_s: held.event.admission.rate_per_s,
            brake: None,
        }
    }

    fn append_move<const N: usize>(&mut self, now: i64, kind: &str, fields: [(&str, String); N]) {
        let n = self.count("moves", 1);
        let mut entry = hash(fields);
        entry.insert("move".into(), kind.into());
        entry.insert("at".into(), to_ms(now).to_string());
        entry.insert("last".into(), self.seq.to_string());
        self.moves.push((format!("{n}-0"), entry));
    }

    fn append_gone(&mut self, now: i64, reason: &str, places: &[&PlaceId]) {
        let places: Vec<&str> = places.iter().map(|place| place.as_str()).collect();
        let fields = [
            ("reason", reason.into()),
            ("places", places.join(",").into()),
        ];
        self.append_record(now, "gone", fields);
    }

    fn append_record<const N: usize>(
        &mut self,
        now: i64,
        fact: &str,
        fields: [(&str, Value); N],
    ) -> u64 {
        let ordinal = self.count("records", 1);
        let mut entry: BTreeMap<String, Value> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        entry.insert("fact".into(), fact.into());
        entry.insert("at".into(), to_ms(now).to_string().into());
        entry.insert("epoch".into(), "1".into());
        self.outbox.push((format!("{ordinal}-0"), entry));
        ordinal
    }

    fn write(&mut self, now: i64, by: &str, action: &str, from: Value, to: Value) {
        self.held_mut().version += 1;
        self.audit.push(
            [
                ("by", by.into()),
                ("action", action.into()),
                ("from", floats(from)),
                ("to", floats(to)),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        );
        let event = floats(event_json(&self.held().event));
        self.append_record(now, "changed", [("event", event)]);
        self.append_move(now, "event", []);
    }
}
