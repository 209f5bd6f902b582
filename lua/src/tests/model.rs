//! What the scripts must do, as plain Rust on plain collections. The life of an event is asked of `domain`, so that the
//! scripts' own knowledge of it is checked against the one table.

use std::collections::{BTreeMap, BTreeSet};

use domain::coupon::{Coupon, Issue};
use domain::event::{AdmissionChange, Event, MOST_STOCK, OnSoldOut};
use domain::phase::PhaseMove;
use domain::place::{AdmittedPlace, GoneReason, PlaceState};
use domain::ticket::LEEWAY_S;
use domain::{EventId, Holder, Millis, Phase, PlaceId, RecordId, Seq, Serial};
use serde_json::{Value, json};

use super::state::{State, floats, hash};
use crate::{
    AdmitRound, Entered, Figures, LiveEvent, Look, Minted, PutOutcome, Redeem, Redeemed,
    SetOutcome, StockOutcome,
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

#[expect(clippy::cast_precision_loss, reason = "microseconds of an age are far below 2^53")]
fn float(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive count")]
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

/// The life of the event.
impl Model {
    pub(super) fn new(id: EventId) -> Self {
        Self {
            id,
            held: None,
            seq: 0,
            places: BTreeMap::new(),
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
            Call::Enter(places) => Answer::Entered(places.iter().map(|place| self.enter(place)).collect()),
            Call::Leave(place) => Answer::Looked(self.leave(place, now)),
            Call::Admit(most) => Answer::Round(self.admit(*most, now)),
            Call::Store(minted) => {
                self.store_tickets(minted, now);
                Answer::Done
            }
            Call::Redeem(asked) => Answer::Redeemed(asked.iter().map(|one| self.redeem(one, now)).collect()),
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

    fn append_record<const N: usize>(&mut self, now: i64, fact: &str, fields: [(&str, Value); N]) -> u64 {
        let ordinal = self.count("records", 1);
        let mut entry: BTreeMap<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        entry.insert("fact".into(), fact.into());
        entry.insert("at".into(), to_ms(now).to_string().into());
        entry.insert("epoch".into(), "1".into());
        self.outbox.push((format!("{ordinal}-0"), entry));
        ordinal
    }

    fn write(&mut self, now: i64, by: &str, action: &str, from: Value, to: Value) {
        self.held_mut().version += 1;
        self.audit.push(
            [("by", by.into()), ("action", action.into()), ("from", floats(from)), ("to", floats(to))]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        );
        let event = floats(event_json(&self.held().event));
        self.append_record(now, "changed", [("event", event)]);
        self.append_move(now, "event", []);
    }

    fn put(&mut self, event: &Event, version: u64, now: i64) -> PutOutcome {
        let Some(held) = self.held.clone() else {
            if version != 0 {
                return PutOutcome::Conflict;
            }
            self.held = Some(Held {
                event: event.clone(),
                times: times_of(event),
                ended: (event.phase == Phase::Closed).then_some(GoneReason::Closed),
                version: 0,
                remaining: event.stock,
            });
            self.pace = Some((0.0, now));
            self.write(now, "admin", "created", Value::Null, event_json(event));
            return PutOutcome::Created(self.live(now));
        };
        if version != held.version {
            return PutOutcome::Conflict;
        }
        let mut after = event.clone();
        after.phase = held.event.phase;
        if held.event.phase != Phase::Draft {
            after.stock = held.event.stock;
        }
        if after != held.event || times_of(&after) != held.times {
            if held.event.phase.admits() && (after.admission.rate_per_s - held.event.admission.rate_per_s).abs() > 0.0 {
                self.pace = Some((self.tokens(now), now));
            }
            let inner = self.held_mut();
            inner.event = after.clone();
            inner.times = times_of(&after);
            if held.event.phase == Phase::Draft {
                inner.remaining = after.stock;
            }
            self.write(now, "admin", "changed", event_json(&held.event), event_json(&after));
            self.end_if_hopeless(now);
        }
        PutOutcome::Held(self.live(now))
    }

    fn set_admission(&mut self, change: AdmissionChange, now: i64) -> SetOutcome {
        let Some(held) = self.held.clone() else {
            return SetOutcome::NoSuchEvent;
        };
        let after = held.event.admission.changed(change).unwrap();
        if after != held.event.admission {
            if held.event.phase.admits() {
                self.pace = Some((self.tokens(now), now));
            }
            let before = admission_json(&held.event);
            self.held_mut().event.admission = after;
            let to = admission_json(&self.held().event);
            self.write(now, "admin", "admission", before, to);
        }
        SetOutcome::Set(self.live(now))
    }

    fn move_phase(&mut self, to: Phase, now: i64) -> SetOutcome {
        if self.held.is_none() {
            return SetOutcome::NoSuchEvent;
        }
        match self.phase().enter(to) {
            Err(PhaseMove { from, to }) => SetOutcome::Refused(PhaseMove { from, to }),
            Ok(same) if same == self.phase() => SetOutcome::Set(self.live(now)),
            Ok(phase) => {
                self.enter_phase(phase, "admin", now);
                self.end_if_hopeless(now);
                SetOutcome::Set(self.live(now))
            }
        }
    }

    fn enter_phase(&mut self, to: Phase, by: &str, now: i64) {
        let from = self.phase();
        if to.admits() && !from.admits() {
            self.pace = Some((0.0, now));
        }
        if to == Phase::Closed {
            self.held_mut().ended.get_or_insert(GoneReason::Closed);
        } else if to == Phase::Open && self.held_mut().ended.take().is_some() {
            self.places.clear();
            self.count("moves", 1);
        }
        self.held_mut().event.phase = to;
        self.write(now, by, "phase", json!({"phase": from.as_str()}), json!({"phase": to.as_str()}));
    }

    fn end_sold_out(&mut self, now: i64) {
        self.held_mut().ended = Some(GoneReason::SoldOut);
        if self.phase() == Phase::Draining {
            self.append_move(now, "event", []);
        } else {
            self.enter_phase(Phase::Draining, "sold-out", now);
        }
    }

    fn end_if_hopeless(&mut self, now: i64) {
        let held = self.held();
        let hopeless = held.remaining == 0
            && held.event.definition.on_sold_out == OnSoldOut::Close
            && held.ended.is_none()
            && held.event.phase.redeems()
            && !self.places.is_empty();
        if hopeless {
            self.end_sold_out(now);
        }
    }

    fn add_stock(&mut self, add: u64, now: i64) -> StockOutcome {
        let Some(held) = &mut self.held else {
            return StockOutcome::NoSuchEvent;
        };
        if held.event.stock + add > MOST_STOCK {
            return StockOutcome::TooMuch;
        }
        let before = json!({"total": held.event.stock, "remaining": held.remaining});
        held.event.stock += add;
        held.remaining += add;
        let (total, remaining) = (held.event.stock, held.remaining);
        self.write(now, "admin", "stock", before, json!({"total": total, "remaining": remaining}));
        StockOutcome::Added { total, remaining }
    }

    fn tokens(&self, now: i64) -> f64 {
        let rate = self.held().event.admission.rate_per_s;
        self.pace.map_or(0.0, |(tokens, at)| {
            (tokens + float((now - at).max(0)) * rate / 1_000_000.0).min(burst(rate))
        })
    }
}

/// The line.
impl Model {
    /// What has become of a place.
    pub(super) fn look(&self, place: &PlaceId) -> Look {
        let Some(held) = &self.held else {
            return Look::NoSuchEvent;
        };
        let waiting = self.places.iter().find(|(_, waiting)| *waiting == place);
        let state = if let Some(issue) = self.issued.get(&Holder::from(place)) {
            PlaceState::Redeemed(issue.clone())
        } else if let Some((&seq, _)) = waiting {
            held.ended
                .map_or(PlaceState::Waiting { seq }, |reason| PlaceState::Gone { reason })
        } else if let Some(admitted) = self.admitted.get(place) {
            if held.event.phase == Phase::Closed {
                PlaceState::Gone { reason: GoneReason::Closed }
            } else {
                PlaceState::Admitted {
                    seq: admitted.seq,
                    expires_at: admitted.expires_at,
                    ticket: self.tickets.get(place).cloned(),
                }
            }
        } else if let Some(&reason) = self.gone.get(place) {
            PlaceState::Gone { reason }
        } else {
            return Look::NoPlace;
        };
        Look::Known(state)
    }

    fn enter(&mut self, place: &PlaceId) -> Entered {
        let given_up = [GoneReason::Left, GoneReason::NoShow].map(|reason| Look::Known(PlaceState::Gone { reason }));
        match self.look(place) {
            Look::NoSuchEvent => return Entered::NoSuchEvent,
            Look::Known(state) if !given_up.contains(&Look::Known(state.clone())) => return Entered::Held(state),
            Look::Known(_) | Look::NoPlace => {}
        }
        let held = self.held();
        let phase = held.event.phase;
        let hopeless = held.remaining == 0 && held.event.definition.on_sold_out == OnSoldOut::Close;
        if phase == Phase::Draft {
            Entered::NotOpenYet
        } else if phase == Phase::Closed {
            Entered::EventClosed
        } else if hopeless || held.ended == Some(GoneReason::SoldOut) {
            Entered::SoldOut
        } else if !phase.takes_visitors() {
            Entered::LineClosed
        } else {
            self.seq += 1;
            self.gone.remove(place);
            self.places.insert(Seq(self.seq), place.clone());
            Entered::New(Seq(self.seq))
        }
    }

    fn forget_admission(&mut self, place: &PlaceId) {
        self.admitted.remove(place);
        self.tickets.remove(place);
        self.unminted.remove(place);
    }

    fn leave(&mut self, place: &PlaceId, now: i64) -> Look {
        let seq = match self.look(place) {
            Look::Known(PlaceState::Waiting { seq }) => {
                self.places.remove(&seq);
                seq
            }
            Look::Known(PlaceState::Admitted { seq, .. }) => {
                self.forget_admission(place);
                seq
            }
            other => return other,
        };
        self.gone.insert(place.clone(), GoneReason::Left);
        self.count("left", 1);
        self.append_move(now, "gone", [("reason", "left".into()), ("seqs", seq.0.to_string())]);
        self.look(place)
    }

    fn follow_schedule(&mut self, now: i64) {
        let due = |model: &Self, which: usize| model.held().times[which].is_some_and(|at| at <= to_ms(now));
        if self.phase() == Phase::Draft && due(self, 0) {
            self.enter_phase(Phase::Lobby, "schedule", now);
        }
        if self.phase() == Phase::Lobby && due(self, 1) {
            self.enter_phase(Phase::Open, "schedule", now);
            self.end_if_hopeless(now);
        }
        if !matches!(self.phase(), Phase::Draft | Phase::Closed) && due(self, 2) {
            self.enter_phase(Phase::Closed, "schedule", now);
        }
    }

    fn sweep(&mut self, now: i64) -> u64 {
        let mut over: Vec<AdmittedPlace> =
            self.admitted.values().filter(|one| one.expires_at.0 <= to_ms(now)).cloned().collect();
        over.sort_by_key(|one| (one.expires_at, one.place.clone()));
        if over.is_empty() {
            return 0;
        }
        for one in &over {
            self.forget_admission(&one.place);
            self.gone.insert(one.place.clone(), GoneReason::NoShow);
        }
        self.count("no_shows", over.len());
        let seqs: Vec<Seq> = over.iter().map(|one| one.seq).collect();
        self.append_move(now, "gone", [("reason", "no-show".into()), ("seqs", joined(&seqs))]);
        over.len() as u64
    }

    fn hand_out_unminted(&mut self, now: i64) -> Vec<AdmittedPlace> {
        let mut late: Vec<(i64, PlaceId)> = self
            .unminted
            .iter()
            .filter(|&(_, &handed)| handed <= to_ms(now) - 1_000)
            .map(|(place, &handed)| (handed, place.clone()))
            .collect();
        late.sort();
        late.into_iter()
            .map(|(_, place)| {
                self.unminted.insert(place.clone(), to_ms(now));
                self.admitted[&place].clone()
            })
            .collect()
    }

    fn admit(&mut self, most: usize, now: i64) -> AdmitRound {
        let mut round = AdmitRound::default();
        if self.held.is_none() {
            round.unknown = true;
            return round;
        }
        self.follow_schedule(now);
        if self.phase() == Phase::Closed {
            return round;
        }
        round.no_shows = self.sweep(now);
        round.unminted = self.hand_out_unminted(now);
        if !self.phase().admits() || self.held().ended.is_some() {
            return round;
        }
        let admission = self.held().event.admission;
        let tokens = self.tokens(now);
        let bound = admission.capacity.min(self.held().remaining);
        let room = usize::try_from(bound).unwrap().saturating_sub(self.admitted.len());
        let count = whole(tokens).min(room).min(self.places.len()).min(most);
        let ttl_ms = i64::try_from(admission.ticket_ttl_s).unwrap() * 1_000;
        for _ in 0..count {
            let (seq, place) = self.places.pop_first().unwrap();
            // A ticket ends on a whole second.
            let ends_s = (to_ms(now) + ttl_ms + 999).div_euclid(1_000);
            let admitted = AdmittedPlace {
                place: place.clone(),
                seq,
                admitted_at: Millis(to_ms(now)),
                expires_at: Millis(ends_s * 1_000),
                kid: KID.to_owned(),
            };
            self.unminted.insert(place.clone(), to_ms(now));
            self.admitted.insert(place, admitted.clone());
            round.admitted.push(admitted);
        }
        if count > 0 {
            self.pace = Some((tokens - float(i64::try_from(count).unwrap()), now));
            self.count("admitted", count);
            let seqs: Vec<Seq> = round.admitted.iter().map(|one| one.seq).collect();
            self.append_move(now, "admitted", [("seqs", joined(&seqs))]);
        }
        round
    }

    fn store_tickets(&mut self, minted: &[Minted], now: i64) {
        let mut stored = Vec::new();
        for one in minted {
            let still = self.admitted.get(&one.place).is_some_and(|admitted| admitted.seq == one.seq);
            if still && !self.tickets.contains_key(&one.place) {
                self.tickets.insert(one.place.clone(), one.ticket.clone());
                self.unminted.remove(&one.place);
                stored.push(format!("{}:{}", one.seq.0, one.place));
            }
        }
        if !stored.is_empty() {
            self.append_move(now, "ticketed", [("of", stored.join(","))]);
        }
    }

    fn redeem(&mut self, asked: &Redeem, now: i64) -> Redeemed {
        let Some(held) = self.held.clone() else {
            return Redeemed::NoSuchEvent;
        };
        if let Some(issue) = self.issued.get(&asked.holder) {
            return if issue.jti == asked.jti {
                Redeemed::Replayed(issue.clone())
            } else {
                Redeemed::AlreadyIssued
            };
        }
        let admitted = self.admitted.get(&asked.place).map(AdmittedPlace::jti);
        if to_ms(now) >= asked.ends_at.0 {
            Redeemed::Expired
        } else if to_ms(now) + LEEWAY_S * 1_000 < asked.begins_at.0 {
            Redeemed::NotYetValid
        } else if !held.event.phase.redeems() {
            Redeemed::EventClosed
        } else if held.remaining == 0 {
            Redeemed::SoldOut
        } else if admitted.as_ref() != Some(&asked.jti) {
            Redeemed::Expired
        } else if self.coupons.contains_key(&asked.code) {
            Redeemed::CodeTaken
        } else {
            Redeemed::Pass(self.issue(asked, now))
        }
    }

    fn issue(&mut self, asked: &Redeem, now: i64) -> Issue {
        let serial = self.count("issued", 1);
        let ordinal = self.append_record(
            now,
            "issued",
            [
                ("serial", serial.to_string().into()),
                ("code", asked.code.as_str().into()),
                ("holder", asked.holder.as_str().into()),
            ],
        );
        let issue = Issue {
            coupon: Coupon { code: asked.code.clone(), serial: Serial(serial) },
            holder: asked.holder.clone(),
            issued_at: Millis(to_ms(now)),
            record_id: RecordId::new(&self.id, 1, ordinal),
            ordinal,
            jti: asked.jti.clone(),
        };
        self.issued.insert(asked.holder.clone(), issue.clone());
        self.coupons.insert(asked.code.clone(), asked.holder.clone());
        self.forget_admission(&asked.place);
        self.held_mut().remaining -= 1;
        if self.held().remaining == 0 {
            if self.held().event.definition.on_sold_out == OnSoldOut::Close && self.held().ended.is_none() {
                self.end_sold_out(now);
            } else {
                self.append_move(now, "event", []);
            }
        }
        issue
    }

    fn let_pass(&mut self, ms: i64) {
        if let Some(held) = &mut self.held {
            held.times = held.times.map(|at| at.map(|at| at - ms));
        }
        for admitted in self.admitted.values_mut() {
            admitted.admitted_at = admitted.admitted_at.plus(-ms);
            admitted.expires_at = admitted.expires_at.plus(-ms);
        }
        for handed in self.unminted.values_mut() {
            *handed -= ms;
        }
        if let Some((_, at)) = &mut self.pace {
            *at -= ms * 1_000;
        }
    }
}

/// What is stored.
impl Model {
    pub(super) fn figures(&self) -> Option<Figures> {
        let held = self.held.as_ref()?;
        let count = |name| self.counts.get(name).copied().unwrap_or(0);
        Some(Figures {
            waiting: if held.ended.is_some() { 0 } else { self.places.len() as u64 },
            admitted: count("admitted"),
            outstanding: if held.event.phase == Phase::Closed { 0 } else { self.admitted.len() as u64 },
            redeemed: self.issued.len() as u64,
            no_shows: count("no_shows"),
            left: count("left"),
            total: held.event.stock,
            remaining: held.remaining,
            outbox_lag: self.outbox.len() as u64,
            ledger_lag: self.outbox.len() as u64,
        })
    }

    pub(super) fn state(&self) -> State {
        let texts = |map: &BTreeMap<PlaceId, String>| {
            map.iter().map(|(place, text)| (place.to_string(), text.clone())).collect()
        };
        let record = |one: &AdmittedPlace| {
            format!("{} {} {} {}", one.seq.0, one.admitted_at.0, one.expires_at.0, one.kid)
        };
        let issue = |one: &Issue| {
            let (serial, at) = (one.coupon.serial.0, one.issued_at.0);
            format!("{serial} {at} {} 1 {} {}", one.ordinal, one.jti, one.coupon.code)
        };
        State {
            event: self.held.as_ref().map(event_hash).unwrap_or_default(),
            stock: self.held.as_ref().map(|held| held.remaining),
            seq: self.seq,
            places: self.places.iter().map(|(seq, place)| (place.to_string(), seq.0)).collect(),
            admitted: self.admitted.iter().map(|(place, one)| (place.to_string(), record(one))).collect(),
            outstanding: self.admitted.iter().map(|(place, one)| (place.to_string(), one.expires_at.0)).collect(),
            tickets: texts(&self.tickets),
            unminted: self.unminted.iter().map(|(place, at)| (place.to_string(), *at)).collect(),
            gone: self.gone.iter().map(|(place, reason)| (place.to_string(), reason.to_string())).collect(),
            counts: self.counts.clone(),
            participants: self.issued.keys().map(Holder::to_string).collect::<BTreeSet<_>>(),
            issued: self.issued.iter().map(|(holder, one)| (holder.to_string(), issue(one))).collect(),
            coupons: self.coupons.iter().map(|(code, holder)| (code.clone(), holder.to_string())).collect(),
            pace: self
                .pace
                .map(|(tokens, at)| [("tokens".to_owned(), tokens), ("at_us".to_owned(), float(at))].into())
                .unwrap_or_default(),
            moves: self.moves.clone(),
            outbox: self.outbox.clone(),
            audit: self.audit.clone(),
        }
    }
}

fn event_hash(held: &Held) -> BTreeMap<String, String> {
    let event = &held.event;
    let time = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    let on_sold_out = serde_json::to_value(event.definition.on_sold_out).unwrap();
    hash([
        ("definition", serde_json::to_string(&event.definition).unwrap()),
        ("on_sold_out", on_sold_out.as_str().unwrap().to_owned()),
        ("lobby_at", time(held.times[0])),
        ("opens_at", time(held.times[1])),
        ("closes_at", time(held.times[2])),
        ("phase", event.phase.to_string()),
        ("ended", held.ended.map(|reason| reason.to_string()).unwrap_or_default()),
        ("total", event.stock.to_string()),
        ("rate", event.admission.rate_per_s.to_string()),
        ("capacity", event.admission.capacity.to_string()),
        ("ticket_ttl_s", event.admission.ticket_ttl_s.to_string()),
        ("version", held.version.to_string()),
        ("epoch", "1".to_owned()),
    ])
}
