//! What became of a line, from its records in their order.

use std::collections::BTreeMap;

use domain::draw::DrawFact;
use domain::event::{Event, Identity};
use domain::place::{AdmittedPlace, GoneReason};
use domain::record::{Fact, Record};
use domain::{Holder, Millis, PlaceId, Seq};
use lua::Line;

use super::lobby::Lobby;

/// The ticket that was spent for a coupon, where nobody knows it: any ticket of the holder counts as that one.
const NO_JTI: &str = "-";

/// A line as far as its records were read.
#[derive(Debug, Default)]
pub(super) struct Journal {
    places: BTreeMap<PlaceId, State>,
    last_seq: Seq,
    ever_admitted: u64,
    no_shows: u64,
    left: u64,
    lobby: Option<Lobby>,
}

#[derive(Debug)]
pub(super) enum State {
    Waiting(Seq),
    Admitted(AdmittedPlace),
    Gone(GoneReason),
}

impl Journal {
    /// Takes the next record in.
    pub(super) fn take(&mut self, record: Record) {
        match record.fact {
            Fact::Entered { first, places } => {
                for (seq, place) in (first.0..).zip(places) {
                    self.last_seq = self.last_seq.max(Seq(seq));
                    self.places.insert(place, State::Waiting(Seq(seq)));
                }
            }
            Fact::Admitted {
                expires_at,
                kid,
                places,
            } => {
                self.ever_admitted += places.len() as u64;
                for (place, seq) in places {
                    self.last_seq = self.last_seq.max(seq);
                    let admitted = AdmittedPlace {
                        place: place.clone(),
                        seq,
                        admitted_at: record.time,
                        expires_at,
                        kid: kid.clone(),
                    };
                    self.places.insert(place, State::Admitted(admitted));
                }
            }
            Fact::Gone { places, .. } if places.is_empty() => {
                self.places
                    .retain(|_, state| !matches!(state, State::Waiting(_)));
            }
            Fact::Gone { reason, places } => {
                let count = places.len() as u64;
                match reason {
                    GoneReason::Left => self.left += count,
                    GoneReason::NoShow => self.no_shows += count,
                    GoneReason::Closed | GoneReason::SoldOut => {}
                }
                for place in places {
                    self.places.insert(place, State::Gone(reason));
                }
            }
            Fact::Draw(fact) => self.draw(fact, record.time),
            Fact::Issued { .. } | Fact::Changed(_) | Fact::Book(_) | Fact::Fenced { .. } => {}
        }
    }

    fn draw(&mut self, fact: DrawFact, at: Millis) {
        match (fact, &mut self.lobby) {
            (DrawFact::Begun { after, people }, lobby) => {
                let begun = Lobby::begun(after, people, &self.places);
                self.last_seq = self.last_seq.max(begun.last());
                *lobby = Some(begun);
            }
            (DrawFact::Seeded { seed, origin }, Some(lobby)) => lobby.seeded(seed, origin),
            (DrawFact::Ended { digest }, Some(lobby)) => {
                lobby.ended(digest, at, &mut self.places);
            }
            (DrawFact::Seeded { .. } | DrawFact::Ended { .. }, None) => {}
        }
    }

    /// The holder's place, if there is one, has its coupon; the id of the ticket that was spent for it.
    pub(super) fn redeemed(&mut self, event: &Event, holder: &Holder) -> String {
        let place = match event.definition.identity {
            Identity::Place => holder.as_str().parse().ok(),
            Identity::EntryToken => Some(PlaceId::of_user(&event.event, holder)),
        };
        match place.and_then(|place| self.places.remove(&place)) {
            Some(State::Admitted(admitted)) => admitted.jti(),
            _ => NO_JTI.to_owned(),
        }
    }

    /// The line of those without a coupon.
    pub(super) fn line(self) -> Line {
        let mut line = Line {
            last_seq: self.last_seq,
            ever_admitted: self.ever_admitted,
            no_shows: self.no_shows,
            left: self.left,
            draw: self.lobby.and_then(|lobby| lobby.laid(&self.places)),
            ..Line::default()
        };
        for (place, state) in self.places {
            match state {
                State::Waiting(seq) => line.waiting.push((place, seq)),
                State::Admitted(admitted) => line.admitted.push(admitted),
                State::Gone(reason) => line.gone.push((place, reason)),
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use domain::event::{AckLevel, EventPut};
    use domain::{Millis, RecordId};

    use super::*;

    fn place(n: u64) -> PlaceId {
        format!("{n:021}A").parse().unwrap()
    }

    fn record(ordinal: u64, fact: Fact) -> Record {
        let event = "demo".parse().unwrap();
        Record {
            id: RecordId::new(&event, 1, ordinal),
            event,
            ordinal,
            time: Millis(7_000),
            fact,
        }
    }

    fn gone(reason: GoneReason, places: &[u64]) -> Fact {
        Fact::Gone {
            reason,
            places: places.iter().copied().map(place).collect(),
        }
    }

    /// Lets the place of `user-1` in; the id of its ticket.
    fn ticket_of(journal: &mut Journal, event: &Event) -> String {
        let place = PlaceId::of_user(&event.event, &"user-1".parse().unwrap());
        let fact = Fact::Admitted {
            expires_at: Millis(9_000),
            kid: "key".into(),
            places: vec![(place.clone(), Seq(9))],
        };
        journal.take(record(7, fact));
        format!("{place}.7000")
    }

    #[test]
    fn the_last_record_of_a_place_counts_and_whoever_has_a_coupon_is_out_of_the_line() {
        let mut journal = Journal::default();
        let entered = |first, numbers: [u64; 3]| Fact::Entered {
            first: Seq(first),
            places: numbers.map(place).into(),
        };
        let admitted = Fact::Admitted {
            expires_at: Millis(9_000),
            kid: "key".into(),
            places: [1, 2, 3].map(|n| (place(n), Seq(n))).into(),
        };
        for (ordinal, fact) in (1..).zip([
            entered(1, [1, 2, 3]),
            entered(4, [4, 5, 6]),
            admitted,
            gone(GoneReason::NoShow, &[3]),
            gone(GoneReason::Left, &[5]),
            entered(7, [5, 7, 8]),
        ]) {
            journal.take(record(ordinal, fact));
        }
        let ticket = format!("{}.7000", place(1));
        let put = EventPut {
            title: Some("Demo".into()),
            stock: Some(9),
            ..EventPut::default()
        };
        let mut event = Event::create("demo".parse().unwrap(), put, AckLevel::Log).unwrap();
        assert_eq!(journal.redeemed(&event, &Holder::from(&place(1))), ticket);
        assert_eq!(journal.redeemed(&event, &"somebody".parse().unwrap()), "-");
        event.definition.identity = Identity::EntryToken;
        let (user, of_theirs) = ("user-1".parse().unwrap(), ticket_of(&mut journal, &event));
        assert_eq!(journal.redeemed(&event, &user), of_theirs);
        let line = journal.line();
        let waiting = [(4, 4), (5, 7), (6, 6), (7, 8), (8, 9)];
        assert_eq!(line.waiting, waiting.map(|(n, seq)| (place(n), Seq(seq))));
        let [admitted] = &line.admitted[..] else {
            panic!("{:?}", line.admitted)
        };
        assert_eq!((&admitted.place, admitted.seq), (&place(2), Seq(2)));
        assert_eq!(line.gone, [(place(3), GoneReason::NoShow)]);
        assert_eq!(line.last_seq, Seq(9));
        assert_eq!((line.ever_admitted, line.no_shows, line.left), (4, 1, 1));
    }

    #[test]
    fn a_line_that_is_opened_anew_lets_go_of_those_who_waited() {
        let mut journal = Journal::default();
        let places = vec![place(1)];
        journal.take(record(
            1,
            Fact::Entered {
                first: Seq(1),
                places,
            },
        ));
        journal.take(record(2, gone(GoneReason::SoldOut, &[])));
        let line = journal.line();
        assert_eq!((line.waiting, line.last_seq), (vec![], Seq(1)));
    }

    #[test]
    fn of_a_draw_only_a_whole_list_is_put_back_and_the_known_stand_in_its_order() {
        let seed: domain::draw::Seed = "5a".repeat(32).parse().unwrap();
        let order = seed.order((1..=3).map(place).collect());
        let digest = domain::draw::List::of(&order).digest();
        // The third was entered while nothing was recorded.
        for known in [3, 2] {
            let mut journal = Journal::default();
            let places: Vec<PlaceId> = (1..=known).map(place).collect();
            for (ordinal, fact) in (1..).zip([
                Fact::Entered {
                    first: Seq(1),
                    places: places.clone(),
                },
                Fact::Draw(DrawFact::Begun {
                    after: Seq(3),
                    people: 3,
                }),
                Fact::Draw(DrawFact::Seeded {
                    seed: seed.clone(),
                    origin: "random".into(),
                }),
                Fact::Draw(DrawFact::Ended {
                    digest: digest.clone(),
                }),
            ]) {
                journal.take(record(ordinal, fact));
            }
            let line = journal.line();
            assert_eq!(line.last_seq, Seq(6));
            let mut waiting = line.waiting;
            waiting.sort_by_key(|&(_, seq)| seq);
            let waiting: Vec<PlaceId> = waiting.into_iter().map(|(place, _)| place).collect();
            assert_eq!(waiting, seed.order(places));
            let Some(lua::LaidDraw::Done { record, list }) = line.draw else {
                panic!("{:?}", line.draw)
            };
            assert_eq!(
                (record.digest.as_str(), record.draw.people),
                (digest.as_str(), 3)
            );
            assert_eq!(list.is_some(), known == 3);
        }
    }
}
