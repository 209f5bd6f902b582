//! The life of the event.

use domain::Phase;
use domain::event::{AdmissionChange, Event, MOST_STOCK, OnSoldOut};
use domain::phase::PhaseMove;
use domain::place::GoneReason;
use serde_json::{Value, json};

use super::{Held, Model, admission_json, burst, event_json, float, times_of};
use crate::{PutOutcome, SetOutcome, StockOutcome};

/// The life of the event.
impl Model {
    pub(super) fn put(&mut self, event: &Event, version: u64, now: i64) -> PutOutcome {
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
            if held.event.phase.admits()
                && (after.admission.rate_per_s - held.event.admission.rate_per_s).abs() > 0.0
            {
                self.pace = Some((self.tokens(now), now));
            }
            let inner = self.held_mut();
            inner.event = after.clone();
            inner.times = times_of(&after);
            if held.event.phase == Phase::Draft {
                inner.remaining = after.stock;
            }
            self.write(
                now,
                "admin",
                "changed",
                event_json(&held.event),
                event_json(&after),
            );
            self.end_if_hopeless(now);
        }
        PutOutcome::Held(self.live(now))
    }

    pub(super) fn set_admission(&mut self, change: AdmissionChange, now: i64) -> SetOutcome {
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

    pub(super) fn move_phase(&mut self, to: Phase, now: i64) -> SetOutcome {
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

    pub(super) fn enter_phase(&mut self, to: Phase, by: &str, now: i64) {
        let from = self.phase();
        if to.admits() && !from.admits() {
            self.pace = Some((0.0, now));
        }
        if to == Phase::Closed {
            self.held_mut().ended.get_or_insert(GoneReason::Closed);
        } else if to == Phase::Open && self.held_mut().ended.take().is_some() {
            self.places.clear();
            self.passed.clear();
            self.grace.clear();
            self.seen.clear();
            self.append_gone(now, "sold-out", &[]);
            self.count("moves", 1);
        }
        self.held_mut().event.phase = to;
        self.write(
            now,
            by,
            "phase",
            json!({"phase": from.as_str()}),
            json!({"phase": to.as_str()}),
        );
    }

    pub(super) fn end_sold_out(&mut self, now: i64) {
        self.held_mut().ended = Some(GoneReason::SoldOut);
        if self.phase() == Phase::Draining {
            self.append_move(now, "event", []);
        } else {
            self.enter_phase(Phase::Draining, "sold-out", now);
        }
    }

    pub(super) fn end_if_hopeless(&mut self, now: i64) {
        let held = self.held();
        let hopeless = held.remaining == 0
            && held.event.definition.on_sold_out == OnSoldOut::Close
            && held.ended.is_none()
            && held.event.phase.redeems()
            && !(self.places.is_empty() && self.grace.is_empty());
        if hopeless {
            self.end_sold_out(now);
        }
    }

    pub(super) fn add_stock(&mut self, add: u64, now: i64) -> StockOutcome {
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
        self.write(
            now,
            "admin",
            "stock",
            before,
            json!({"total": total, "remaining": remaining}),
        );
        StockOutcome::Added { total, remaining }
    }

    /// The tokens now; a clock that stepped back is believed.
    pub(super) fn tokens(&mut self, now: i64) -> f64 {
        let rate = self.held().event.admission.rate_per_s;
        let Some((tokens, at)) = &mut self.pace else {
            return 0.0;
        };
        *at = (*at).min(now);
        (*tokens + float(now - *at) * rate / 1_000_000.0).min(burst(rate))
    }
}
