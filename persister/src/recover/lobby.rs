//! A lobby that is being drawn, or was, from its records: who took part, and the order that the seed gives them.

use std::collections::BTreeMap;

use domain::draw::{List, Seed};
use domain::{Millis, PlaceId, Seq};
use lua::{Draw, DrawRecord, LaidDraw};

use super::journal::State;

/// A draw as far as its records were read.
#[derive(Debug)]
pub(super) struct Lobby {
    after: Seq,
    /// How many took part.
    counted: u64,
    /// Those of them who are known, with the ordinals that they had.
    people: Vec<(PlaceId, Seq)>,
    seed: Option<(Seed, String)>,
    /// What it came to, once it was over.
    done: Option<LaidDraw>,
}

impl Lobby {
    /// The line opened: whoever waits with an ordinal up to `after` takes part.
    pub(super) fn begun(after: Seq, counted: u64, places: &BTreeMap<PlaceId, State>) -> Self {
        let takes_part = |(place, state): (&PlaceId, &State)| {
            stands_before(state, after).map(|seq| (place.clone(), seq))
        };
        Self {
            after,
            counted,
            people: places.iter().filter_map(takes_part).collect(),
            seed: None,
            done: None,
        }
    }

    /// The last ordinal that was set aside for those who take part.
    pub(super) fn last(&self) -> Seq {
        Seq(self.after.0 + self.counted)
    }

    pub(super) fn seeded(&mut self, seed: Seed, origin: String) {
        self.seed = Some((seed, origin));
    }

    /// The order is in force: whoever still stands in the lobby has their new ordinal.
    pub(super) fn ended(
        &mut self,
        digest: String,
        drawn_at: Millis,
        places: &mut BTreeMap<PlaceId, State>,
    ) {
        let Some((seed, origin)) = self.seed.take() else {
            return;
        };
        let people = std::mem::take(&mut self.people);
        let order = seed.order(people.into_iter().map(|(place, _)| place).collect());
        for (seq, place) in (self.after.0 + 1..).zip(&order) {
            if let Some(state) = places.get_mut(place)
                && stands_before(state, self.after).is_some()
            {
                *state = State::Waiting(Seq(seq));
            }
        }
        let list = List::of(&order);
        self.done = Some(LaidDraw::Done {
            list: (list.digest() == digest).then_some(list),
            record: DrawRecord {
                draw: Draw {
                    after: self.after,
                    people: self.counted,
                    seed,
                    origin,
                },
                digest,
                drawn_at,
            },
        });
    }

    /// The draw as it is put back; `None` when nobody is known to take part.
    pub(super) fn laid(self, places: &BTreeMap<PlaceId, State>) -> Option<LaidDraw> {
        if self.done.is_some() || self.people.is_empty() {
            return self.done;
        }
        let people = self.people.len() as u64;
        let left = |(place, _): &(PlaceId, Seq)| {
            let state = places.get(place);
            state.is_none_or(|state| stands_before(state, self.after).is_none())
        };
        Some(LaidDraw::Going {
            after: self.after,
            people,
            seed: self.seed,
            withdrawn: self.people.into_iter().filter(left).collect(),
        })
    }
}

/// The ordinal of a place that waits with one up to `after`.
fn stands_before(state: &State, after: Seq) -> Option<Seq> {
    match state {
        State::Waiting(seq) if *seq <= after => Some(*seq),
        _ => None,
    }
}
