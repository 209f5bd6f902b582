//! Random sequences of calls, each compared with the model: the answer, and everything that is stored, after every step.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use domain::event::{AckLevel, Admission, AdmissionChange, Event, EventPut, OnSoldOut};
use domain::place::AdmittedPlace;
use domain::{EventId, Holder, Millis, PlaceId, Seq};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::{Answer, Call, KID, Model};
use super::state::{State, let_pass, now_us};
use super::steps::{Ask, PEOPLE, Step, Ticket, steps};
use super::{ADMIN, Rig, place};
use crate::{Look, Minted, Redeem, Store};

/// What a case knows beside the model: every admission there ever was, as its holders would show it.
struct Case {
    id: EventId,
    model: Model,
    admissions: Vec<AdmittedPlace>,
}

impl Case {
    /// The step as a call of the store.
    fn call(&self, step: &Step, now: i64) -> Call {
        match step {
            Step::Put { .. } => self.put(step, now),
            Step::Admission(rate_per_s, capacity, ticket_ttl_s) => {
                Call::Admission(AdmissionChange {
                    rate_per_s: *rate_per_s,
                    ramp_s: None,
                    capacity: *capacity,
                    ticket_ttl_s: *ticket_ttl_s,
                })
            }
            Step::Phase(phase) => Call::Phase(*phase),
            Step::Stock(add) => Call::Stock(*add),
            Step::Enter(people) => Call::Enter(people.iter().copied().map(place).collect()),
            Step::Leave(person) => Call::Leave(place(*person)),
            Step::Present(people) => Call::Present(people.iter().copied().map(place).collect()),
            Step::Admit(most) => Call::Admit(*most),
            Step::Store(people) => Call::Store(
                people
                    .iter()
                    .map(|&(person, earlier)| self.minted(person, earlier))
                    .collect(),
            ),
            Step::Redeem(asks) => {
                Call::Redeem(asks.iter().map(|ask| self.redeem(ask, now)).collect())
            }
            Step::Pass(ms) => Call::Pass(*ms),
        }
    }

    fn put(&self, step: &Step, now: i64) -> Call {
        let Step::Put {
            title,
            stock,
            keep,
            rate,
            phase,
            times,
            stale,
        } = step
        else {
            unreachable!("asked for puts alone")
        };
        let put = EventPut {
            title: Some(format!("Title {title}")),
            stock: Some(*stock),
            ..EventPut::default()
        };
        let mut event = Event::create(self.id.clone(), put, AckLevel::Log).unwrap();
        event.phase = *phase;
        event.admission = Admission {
            rate_per_s: *rate,
            ramp: None,
            capacity: 3,
            ticket_ttl_s: 1 + 600 * u64::from(*title),
        };
        let held = &mut event.definition;
        // Some are gone soon, and are soon given up.
        held.presence_s = if *title == 0 { 1 } else { 20 };
        held.grace_s = 8 - 4 * u64::from(*title);
        held.on_sold_out = if *keep {
            OnSoldOut::Keep
        } else {
            OnSoldOut::Close
        };
        [held.lobby_at, held.opens_at, held.closes_at] =
            times.map(|later| later.map(|later| Millis(now / 1_000 + i64::from(later))));
        let version = self.model.held.as_ref().map_or(0, |held| held.version);
        Call::Put(Box::new(event), if *stale { version + 1 } else { version })
    }

    /// An admission of a person: the last, or the first there was.
    fn admission(&self, place: &PlaceId, earlier: bool) -> Option<&AdmittedPlace> {
        let mut of_person = self.admissions.iter().filter(|one| one.place == *place);
        if earlier {
            of_person.next()
        } else {
            of_person.next_back()
        }
    }

    fn minted(&self, person: u64, earlier: bool) -> Minted {
        let seq = self
            .admission(&place(person), earlier)
            .map_or(Seq(1), |one| one.seq);
        Minted {
            place: place(person),
            seq,
            ticket: format!("ticket-{person}-{}", seq.0),
        }
    }

    fn redeem(&self, ask: &Ask, now: i64) -> Redeem {
        let now = Millis(now / 1_000);
        // Most of those who redeem hold a ticket.
        let admitted = self.model.admitted.len().max(1);
        let nth = usize::try_from(ask.person).unwrap() % admitted;
        let holding = self
            .model
            .admitted
            .keys()
            .nth(nth)
            .filter(|_| ask.person < PEOPLE - 1)
            .cloned();
        let place = match ask.ticket {
            Ticket::Spent => place(ask.person),
            _ => holding.unwrap_or_else(|| place(ask.person)),
        };
        let holder: Holder = if ask.named {
            format!("user {}", ask.person).parse().unwrap()
        } else {
            (&place).into()
        };
        let earlier = matches!(ask.ticket, Ticket::Earlier);
        let shown = self.admission(&place, earlier);
        let mut redeem = Redeem {
            jti: shown.map_or_else(|| "none".to_owned(), AdmittedPlace::jti),
            begins_at: shown.map_or(now, |one| Millis(one.admitted_at.seconds() * 1_000)),
            ends_at: shown.map_or(now.plus(60_000), |one| one.expires_at),
            code: format!("CODE-{}", ask.code),
            place,
            holder,
        };
        match ask.ticket {
            Ticket::Present | Ticket::Earlier => {}
            Ticket::Spent => {
                if let Some(issue) = self.model.issued.get(&redeem.holder) {
                    redeem.jti.clone_from(&issue.jti);
                }
            }
            Ticket::TooEarly => redeem.begins_at = now.plus(60_000),
            Ticket::TooLate => redeem.ends_at = now.plus(-60_000),
        }
        redeem
    }

    /// Makes the call on the store and on the model, and compares. The one thing the model cannot know is when the script ran:
    /// it must agree for a moment between the one before the call and the one after it.
    async fn step(&mut self, store: &Store, step: &Step) -> Vec<String> {
        let before = now_us(store).await;
        let call = self.call(step, before);
        let answer = made(store, &self.id, &call).await;
        let after = now_us(store).await;
        let state = State::read(store, &self.id).await;
        let expected = moments(before, after, &state).map(|moment| {
            let mut model = self.model.clone();
            let answer = model.apply(&call, moment);
            (model, answer)
        });
        let mut nearest = None;
        for (model, expected) in expected {
            if expected == answer && model.state() == state {
                self.model = model;
                self.learn(&call, &answer);
                return met(&answer, &state);
            }
            nearest = Some((expected, model.state()));
        }
        let (expected, expected_state) = nearest.unwrap();
        assert_eq!(answer, expected, "the answer to {call:?}");
        assert_eq!(state, expected_state, "what is stored after {call:?}");
        unreachable!("one of the two differs");
    }

    fn learn(&mut self, call: &Call, answer: &Answer) {
        if let Call::Pass(ms) = call {
            for one in &mut self.admissions {
                one.admitted_at = one.admitted_at.plus(-ms);
                one.expires_at = one.expires_at.plus(-ms);
            }
        }
        if let Answer::Round(round) = answer {
            self.admissions.extend(round.admitted.iter().cloned());
        }
    }

    /// Everyone sees what the model says, and so do the figures.
    async fn compare_looks(&self, store: &Store) {
        let everyone: Vec<PlaceId> = (0..PEOPLE).map(place).collect();
        let seen = crate::line::look(store.connection(), self.id.clone(), everyone.clone())
            .await
            .unwrap();
        let expected: Vec<Look> = everyone
            .iter()
            .map(|place| self.model.look(place))
            .collect();
        let seen: Vec<Look> = seen.into_iter().map(|looked| looked.look).collect();
        assert_eq!(seen, expected);
        assert_eq!(store.figures(&self.id).await.unwrap(), self.model.figures());
    }
}

/// The moments at which the script may have run: the beginning, every millisecond after it, and the one it noted itself.
fn moments(before: i64, after: i64, state: &State) -> impl Iterator<Item = i64> {
    let noted = state.pace.get("at_us").copied().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    let noted = Some(noted as i64).filter(|at| (before..=after).contains(at));
    let beats = (before / 1_000 + 1..=after / 1_000).map(|ms| ms * 1_000);
    noted.into_iter().chain(beats).chain([before])
}

async fn made(store: &Store, id: &EventId, call: &Call) -> Answer {
    let (door, event) = (store.connection(), id.clone());
    match call.clone() {
        Call::Put(event, version) => Answer::Put(Box::new(
            store.put_event(&event, version, ADMIN).await.unwrap(),
        )),
        Call::Admission(change) => Answer::Set(Box::new(
            store.change_admission(id, change, ADMIN).await.unwrap(),
        )),
        Call::Phase(phase) => {
            Answer::Set(Box::new(store.move_phase(id, phase, ADMIN).await.unwrap()))
        }
        Call::Stock(add) => Answer::Stock(store.add_stock(id, add, ADMIN).await.unwrap()),
        Call::Enter(places) => {
            let entrants = places.into_iter().map(Into::into).collect();
            Answer::Entered(crate::line::enter(door, event, entrants).await.unwrap())
        }
        Call::Leave(place) => Answer::Looked(store.leave(id, &place).await.unwrap()),
        Call::Present(places) => {
            store.present(id, &places).await.unwrap();
            Answer::Done
        }
        Call::Admit(most) => {
            let mut round = store.admit(id, KID, most).await.unwrap();
            // When to ask again is advice; `rounds.rs` tells what it is.
            round.next_in_ms = 0;
            Answer::Round(round)
        }
        Call::Store(minted) => {
            store.store_tickets(id, &minted).await.unwrap();
            Answer::Done
        }
        Call::Redeem(asked) => {
            Answer::Redeemed(crate::coupons::redeem(door, event, asked).await.unwrap())
        }
        Call::Pass(ms) => {
            let_pass(store, id, ms).await;
            Answer::Done
        }
    }
}

/// The names of everything that a case met: answers by variant, and who wrote the audit.
fn met(answer: &Answer, state: &State) -> Vec<String> {
    let mut names: Vec<String> = match answer {
        Answer::Put(outcome) => vec![format!("{outcome:?}")],
        Answer::Set(outcome) => vec![format!("{outcome:?}")],
        Answer::Stock(outcome) => vec![format!("{outcome:?}")],
        Answer::Entered(all) => all.iter().map(|one| format!("Entered{one:?}")).collect(),
        Answer::Looked(look) => vec![format!("{look:?}")],
        Answer::Round(round) => [
            (!round.admitted.is_empty(), "Admitted"),
            (!round.unminted.is_empty(), "Unminted"),
            (round.no_shows > 0, "NoShows"),
        ]
        .into_iter()
        .filter(|(met, _)| *met)
        .map(|(_, name)| name.to_owned())
        .collect(),
        Answer::Redeemed(all) => all.iter().map(|one| format!("Redeemed{one:?}")).collect(),
        Answer::Done => Vec::new(),
    };
    let back = |(place, _): &(String, u64)| state.places.iter().any(|(one, _)| one == place);
    names.extend((!state.passed.is_empty()).then(|| "Passed".to_owned()));
    names.extend(state.passed.iter().any(back).then(|| "CameBack".to_owned()));
    names.extend(
        state
            .audit
            .last()
            .map(|entry| format!("By{}", entry["by"].as_str().unwrap())),
    );
    for name in &mut names {
        let end = name
            .find(|c: char| !c.is_alphanumeric() && c != '-')
            .unwrap_or(name.len());
        name.truncate(end);
    }
    names
}

/// What the sequences together must have met, or they show less than they seem to.
const MUST_BE_MET: [&str; 30] = [
    "Created",
    "Held",
    "Conflict",
    "Set",
    "Refused",
    "Added",
    "EnteredNew",
    "EnteredHeld",
    "EnteredNotOpenYet",
    "EnteredSoldOut",
    "EnteredLineClosed",
    "EnteredEventClosed",
    "Known",
    "NoPlace",
    "Admitted",
    "Unminted",
    "NoShows",
    "Passed",
    "CameBack",
    "RedeemedPass",
    "RedeemedReplayed",
    "RedeemedAlreadyIssued",
    "RedeemedSoldOut",
    "RedeemedExpired",
    "RedeemedNotYetValid",
    "RedeemedEventClosed",
    "RedeemedCodeTaken",
    "Byadmin",
    "Bysold-out",
    "Byschedule",
];

#[test]
fn any_sequence_of_calls_does_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rig = runtime.block_on(Rig::start());
    sequences_agree(&runtime, &rig.store);
}

/// Random sequences of calls, of events that lie in many slots.
pub(super) fn sequences_agree(runtime: &tokio::runtime::Runtime, store: &Store) {
    let (cases, seen) = (Cell::new(0), RefCell::new(BTreeMap::<String, u64>::new()));
    let config = Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, random)
        .run(&steps(), |steps| {
            cases.set(cases.get() + 1);
            let id: EventId = format!("case-{}", cases.get()).parse().unwrap();
            let mut case = Case {
                model: Model::new(id.clone()),
                id,
                admissions: Vec::new(),
            };
            runtime.block_on(async {
                for step in &steps {
                    for name in case.step(store, step).await {
                        *seen.borrow_mut().entry(name).or_default() += 1;
                    }
                    case.compare_looks(store).await;
                }
            });
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();

    for name in MUST_BE_MET {
        assert!(
            seen.contains_key(name),
            "no sequence met `{name}`: {seen:?}"
        );
    }
}
