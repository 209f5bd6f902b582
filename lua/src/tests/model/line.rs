//! The line, admission and issuing.

use domain::coupon::{Coupon, Issue};
use domain::event::OnSoldOut;
use domain::place::{AdmittedPlace, GoneReason, PlaceState};
use domain::ticket::LEEWAY_S;
use domain::{Holder, Millis, Phase, PlaceId, RecordId, Refusal, Seq, Serial};

use super::{KID, Model, float, joined, to_ms, whole};
use crate::{AdmitRound, Entered, Look, Minted, Redeem, Redeemed};

/// The line.
impl Model {
    /// What has become of a place.
    pub(in crate::tests) fn look(&self, place: &PlaceId) -> Look {
        let Some(held) = &self.held else {
            return Look::NoSuchEvent;
        };
        let mut waiting = self.places.iter().chain(&self.passed);
        let waiting = waiting.find(|(_, waiting)| *waiting == place);
        let state = if let Some(issue) = self.issued.get(&Holder::from(place)) {
            PlaceState::Redeemed(issue.clone())
        } else if let Some((&seq, _)) = waiting {
            held.ended
                .map_or(PlaceState::Waiting { seq }, |reason| PlaceState::Gone {
                    reason,
                })
        } else if let Some(admitted) = self.admitted.get(place) {
            if held.event.phase == Phase::Closed {
                PlaceState::Gone {
                    reason: GoneReason::Closed,
                }
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

    pub(super) fn enter(&mut self, place: &PlaceId, now: i64) -> Entered {
        let given_up = [GoneReason::Left, GoneReason::NoShow]
            .map(|reason| Look::Known(PlaceState::Gone { reason }));
        match self.look(place) {
            Look::NoSuchEvent => return Entered::NoSuchEvent,
            Look::Known(state) if !given_up.contains(&Look::Known(state.clone())) => {
                return Entered::Held(state);
            }
            Look::Known(_) | Look::NoPlace => {}
        }
        let held = self.held();
        let phase = held.event.phase;
        let hopeless = held.remaining == 0 && held.event.definition.on_sold_out == OnSoldOut::Close;
        match phase.meaning().enter {
            Err(Refusal::NotOpenYet) => Entered::NotOpenYet,
            Err(Refusal::EventClosed) => Entered::EventClosed,
            _ if hopeless || held.ended == Some(GoneReason::SoldOut) => Entered::SoldOut,
            Err(_) => Entered::LineClosed,
            Ok(()) => {
                self.seq += 1;
                self.gone.remove(place);
                self.places.insert(Seq(self.seq), place.clone());
                self.seen.insert(place.clone(), to_ms(now));
                Entered::New(Seq(self.seq))
            }
        }
    }

    pub(super) fn forget_admission(&mut self, place: &PlaceId) {
        self.admitted.remove(place);
        self.tickets.remove(place);
        self.unminted.remove(place);
    }

    pub(super) fn leave(&mut self, place: &PlaceId, now: i64) -> Look {
        let seq = match self.look(place) {
            Look::Known(PlaceState::Waiting { seq }) => {
                self.places.remove(&seq);
                self.forget_presence(seq, place);
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
        self.append_gone(now, "left", &[place]);
        self.append_move(
            now,
            "gone",
            [("reason", "left".into()), ("seqs", seq.0.to_string())],
        );
        self.look(place)
    }

    pub(super) fn follow_schedule(&mut self, now: i64) {
        let due = |model: &Self, which: usize| {
            model.held().times[which].is_some_and(|at| at <= to_ms(now))
        };
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

    pub(super) fn sweep(&mut self, now: i64) -> u64 {
        let mut over: Vec<AdmittedPlace> = self
            .admitted
            .values()
            .filter(|one| one.expires_at.0 <= to_ms(now))
            .cloned()
            .collect();
        over.sort_by_key(|one| (one.expires_at, one.place.clone()));
        if over.is_empty() {
            return 0;
        }
        for one in &over {
            self.forget_admission(&one.place);
            self.gone.insert(one.place.clone(), GoneReason::NoShow);
        }
        self.count("no_shows", over.len());
        let places: Vec<&PlaceId> = over.iter().map(|one| &one.place).collect();
        self.append_gone(now, "no-show", &places);
        let seqs: Vec<Seq> = over.iter().map(|one| one.seq).collect();
        self.append_move(
            now,
            "gone",
            [("reason", "no-show".into()), ("seqs", joined(&seqs))],
        );
        over.len() as u64
    }

    pub(super) fn hand_out_unminted(&mut self, now: i64) -> Vec<AdmittedPlace> {
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

    pub(super) fn admit(&mut self, most: usize, now: i64) -> AdmitRound {
        let mut round = AdmitRound::default();
        if self.held.is_none() {
            round.unknown = true;
            return round;
        }
        round.divisor = 1;
        self.follow_schedule(now);
        if self.phase() == Phase::Closed {
            return round;
        }
        round.no_shows = self.sweep(now);
        round.unminted = self.hand_out_unminted(now);
        if self.held().ended.is_some() {
            return round;
        }
        round.no_shows += self.sweep_absent(now);
        if !self.places.is_empty() {
            self.judge(now);
        }
        // Nobody to serve: not even the bucket is looked at.
        if self.places.is_empty() && self.admitted.is_empty() && self.grace.is_empty() {
            return round;
        }
        if !self.phase().admits() {
            return round;
        }
        let admission = self.held().event.admission;
        let tokens = self.tokens(now);
        let bound = admission.capacity.min(self.held().remaining);
        let room = usize::try_from(bound)
            .unwrap()
            .saturating_sub(self.admitted.len());
        let count = whole(tokens).min(room).min(self.places.len()).min(most);
        let ttl_ms = i64::try_from(admission.ticket_ttl_s).unwrap() * 1_000;
        let heads = if count > 0 {
            self.walk(count, now)
        } else {
            Vec::new()
        };
        if !heads.is_empty() {
            self.pace = Some((tokens - float(i64::try_from(heads.len()).unwrap()), now));
            round.admitted = self.let_in(heads, ttl_ms, now);
        }
        round
    }

    fn let_in(&mut self, heads: Vec<(Seq, PlaceId)>, ttl_ms: i64, now: i64) -> Vec<AdmittedPlace> {
        let mut let_in = Vec::new();
        for (seq, place) in heads {
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
            let_in.push(admitted);
        }
        self.count("admitted", let_in.len());
        let seqs: Vec<Seq> = let_in.iter().map(|one| one.seq).collect();
        let places: Vec<&str> = let_in.iter().map(|one| one.place.as_str()).collect();
        let fields = [
            ("expires", let_in[0].expires_at.0.to_string().into()),
            ("kid", KID.into()),
            ("places", places.join(",").into()),
            ("seqs", joined(&seqs).into()),
        ];
        self.append_record(now, "admitted", fields);
        self.append_move(now, "admitted", [("seqs", joined(&seqs))]);
        let_in
    }

    pub(super) fn store_tickets(&mut self, minted: &[Minted], now: i64) {
        let mut stored = Vec::new();
        for one in minted {
            let still = self
                .admitted
                .get(&one.place)
                .is_some_and(|admitted| admitted.seq == one.seq);
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

    pub(super) fn redeem(&mut self, asked: &Redeem, now: i64) -> Redeemed {
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

    pub(super) fn issue(&mut self, asked: &Redeem, now: i64) -> Issue {
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
            coupon: Coupon {
                code: asked.code.clone(),
                serial: Serial(serial),
            },
            holder: asked.holder.clone(),
            issued_at: Millis(to_ms(now)),
            record_id: RecordId::new(&self.id, 1, ordinal),
            ordinal,
            jti: asked.jti.clone(),
        };
        self.issued.insert(asked.holder.clone(), issue.clone());
        self.coupons
            .insert(asked.code.clone(), asked.holder.clone());
        self.forget_admission(&asked.place);
        self.held_mut().remaining -= 1;
        if self.held().remaining == 0 {
            if self.held().event.definition.on_sold_out == OnSoldOut::Close {
                self.end_sold_out(now);
            } else {
                self.append_move(now, "event", []);
            }
        }
        issue
    }

    pub(super) fn let_pass(&mut self, ms: i64) {
        if let Some(held) = &mut self.held {
            held.times = held.times.map(|at| at.map(|at| at - ms));
        }
        for admitted in self.admitted.values_mut() {
            admitted.admitted_at = admitted.admitted_at.plus(-ms);
            admitted.expires_at = admitted.expires_at.plus(-ms);
        }
        let times = self.unminted.values_mut().chain(self.grace.values_mut());
        for at in times.chain(self.seen.values_mut()) {
            *at -= ms;
        }
        if let Some((_, since, _)) = &mut self.frontier {
            *since -= ms;
        }
        if let Some((_, at)) = &mut self.pace {
            *at -= ms * 1_000;
        }
    }
}
