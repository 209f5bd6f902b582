//! Who is there, and who is passed over.

use domain::place::GoneReason;
use domain::{PlaceId, Seq};

use super::{Model, joined, to_ms};

/// After so long near the head, whoever was not seen is absent.
const SETTLING_MS: i64 = 3_000;

impl Model {
    pub(super) fn present(&mut self, places: &[PlaceId], now: i64) {
        if self.held.is_none() {
            return;
        }
        for place in places {
            let seq = self.passed.iter().find(|(_, passed)| *passed == place);
            let back = self.grace.get(place).is_some_and(|&end| to_ms(now) < end);
            if let Some((&seq, _)) = seq.filter(|_| back) {
                self.places.insert(seq, place.clone());
                self.grace.remove(place);
            }
            if self.places.values().any(|waiting| waiting == place) {
                self.seen.insert(place.clone(), to_ms(now));
            }
        }
    }

    pub(super) fn forget_presence(&mut self, seq: Seq, place: &PlaceId) {
        self.passed.remove(&seq);
        self.grace.remove(place);
        self.seen.remove(place);
    }

    pub(super) fn sweep_absent(&mut self, now: i64) -> u64 {
        let mut over: Vec<(i64, PlaceId)> = self
            .grace
            .iter()
            .filter(|&(_, &end)| end <= to_ms(now))
            .map(|(place, &end)| (end, place.clone()))
            .collect();
        over.sort();
        let mut seqs = Vec::new();
        for (_, place) in &over {
            let passed = self.passed.iter().find(|(_, passed)| *passed == place);
            let seq = *passed.unwrap().0;
            self.forget_presence(seq, place);
            self.gone.insert(place.clone(), GoneReason::NoShow);
            seqs.push(seq);
        }
        if !seqs.is_empty() {
            self.count("no_shows", seqs.len());
            let places: Vec<&PlaceId> = over.iter().map(|(_, place)| place).collect();
            self.append_gone(now, "no-show", &places);
            let fields = [("reason", "no-show".into()), ("seqs", joined(&seqs))];
            self.append_move(now, "gone", fields);
        }
        seqs.len() as u64
    }

    /// Up to where the absent are known: everyone is near, for lines here are short.
    pub(super) fn judge(&mut self, now: i64) -> Seq {
        let judged = match self.frontier {
            Some((_, since, judged)) if (0..SETTLING_MS).contains(&(to_ms(now) - since)) => {
                return judged;
            }
            Some((near, since, _)) if (0..3 * SETTLING_MS).contains(&(to_ms(now) - since)) => near,
            _ => Seq(0),
        };
        self.frontier = Some((Seq(self.seq), to_ms(now), judged));
        judged
    }

    /// Finds up to `count` people who are there, from the head, and passes over the absent before them.
    pub(super) fn walk(&mut self, count: usize, now: i64) -> Vec<(Seq, PlaceId)> {
        let definition = &self.held().event.definition;
        let lasts = |s: u64| i64::try_from(s).unwrap() * 1_000;
        let (presence_ms, grace_ms) = (lasts(definition.presence_s), lasts(definition.grace_s));
        let judged = self.judge(now);
        let (mut there, mut absent) = (Vec::new(), Vec::new());
        for (&seq, place) in &self.places {
            let seen = self.seen.get(place);
            if seen.is_some_and(|at| to_ms(now) - at <= presence_ms) {
                there.push((seq, place.clone()));
            } else if seq <= judged {
                absent.push((seq, place.clone()));
            } else {
                break;
            }
            if there.len() == count {
                break;
            }
        }
        let seqs: Vec<Seq> = absent.iter().map(|&(seq, _)| seq).collect();
        for (seq, place) in absent {
            self.places.remove(&seq);
            self.grace.insert(place.clone(), to_ms(now) + grace_ms);
            self.passed.insert(seq, place);
        }
        if !seqs.is_empty() {
            self.append_move(now, "passed", [("seqs", joined(&seqs))]);
        }
        for (seq, place) in &there {
            self.places.remove(seq);
            self.forget_presence(*seq, place);
        }
        there
    }
}
