//! A line's people as numbers: the last ordinal given, who is gone, who was passed over, and how far the moves were heard.

use std::collections::HashSet;

use domain::{EventId, Seq};
use lua::{Move, MoveEntry, Store, StoreError};

use super::bitmap::{Complement, Gone};

/// People per page when a line is loaded.
const PAGE: usize = 10_000;

/// One line as far as the moves were heard.
#[derive(Debug)]
pub struct Positions {
    /// The last move that was heard.
    heard: u64,
    /// The last ordinal given, as far as is known.
    last: Seq,
    /// Those whose turn came: let in, gone, or passed over.
    gone: Gone,
    /// Those of them who were passed over and may still be next.
    passed: HashSet<Seq>,
    /// Was the lobby drawn, if it is to be?
    drawn: bool,
}

impl Positions {
    /// Loads a line: the head of its moves first, so that whatever changes meanwhile comes again as a move.
    pub async fn load(store: &Store, event: &EventId) -> Result<Self, StoreError> {
        let (heard, last) = store.moves_head(event).await?;
        let drawn = store.is_drawn(event).await?;
        let mut passed = HashSet::new();
        let mut gone = Complement::default();
        let mut after = Some(Seq(0));
        while let Some(from) = after {
            let page = store.waiting(event, from, PAGE).await?;
            for seq in page.seqs {
                gone.keep(seq);
            }
            passed.extend(page.passed);
            after = page.next;
        }
        Ok(Self {
            heard,
            last,
            gone: gone.finish(last),
            passed,
            drawn,
        })
    }

    /// The last move that was heard.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Takes in a move, if it is the next one.
    pub fn hear(&mut self, entry: &MoveEntry) -> bool {
        if entry.n != self.heard + 1 {
            return false;
        }
        self.heard = entry.n;
        self.reached(entry.last_seq);
        if let Move::Admitted(seqs) | Move::Passed(seqs) | Move::Gone(_, seqs) = &entry.change {
            let passed = matches!(entry.change, Move::Passed(_));
            // An ordinal beyond the last one given is nobody's; it would only make the bitmap grow.
            for &seq in seqs.iter().filter(|&&seq| seq <= self.last) {
                self.gone.insert(seq);
                if passed {
                    self.passed.insert(seq);
                } else {
                    self.passed.remove(&seq);
                }
            }
        }
        true
    }

    /// The line has come at least to this ordinal.
    pub fn reached(&mut self, last: Seq) {
        self.last = self.last.max(last);
    }

    /// How many stand before this ordinal, plus one. Those who were passed over are next, and stand in nobody's way.
    pub fn position(&self, seq: Seq) -> u64 {
        if self.passed.contains(&seq) {
            return 1;
        }
        seq.0.saturating_sub(self.gone.below(seq)).max(1)
    }

    /// The last ordinal that has at most this position.
    pub fn reaching(&self, position: u64) -> Seq {
        let (mut within, mut beyond) = (0, self.last.0 + 1);
        while within + 1 < beyond {
            let middle = within.midpoint(beyond);
            if middle - self.gone.below(Seq(middle)) <= position {
                within = middle;
            } else {
                beyond = middle;
            }
        }
        Seq(within)
    }

    /// Was the lobby drawn, if it is to be?
    pub fn is_drawn(&self) -> bool {
        self.drawn
    }

    /// Is this ordinal out of the line?
    pub fn is_gone(&self, seq: Seq) -> bool {
        self.gone.contains(seq) && !self.passed.contains(&seq)
    }

    /// How many ordinals had their turn, or left.
    pub fn turned(&self) -> u64 {
        self.gone.total()
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        let reached = self.gone.total().saturating_sub(self.passed.len() as u64);
        self.last.0.saturating_sub(reached)
    }

    /// The last ordinal given, as far as is known.
    pub fn last(&self) -> Seq {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use domain::Millis;
    use domain::place::GoneReason;
    use proptest::prelude::*;

    use super::*;

    /// A line in which `last` people stand.
    fn line(last: u64) -> Positions {
        Positions {
            heard: 0,
            last: Seq(last),
            gone: Gone::default(),
            passed: HashSet::new(),
            drawn: true,
        }
    }

    fn hear(positions: &mut Positions, change: Move) {
        let entry = MoveEntry {
            event: "demo".parse().unwrap(),
            n: positions.heard + 1,
            last_seq: positions.last,
            at: Millis(0),
            change,
        };
        assert!(positions.hear(&entry));
    }

    fn seqs(seqs: &[u64]) -> Vec<Seq> {
        seqs.iter().copied().map(Seq).collect()
    }

    #[test]
    fn who_is_passed_over_is_next_and_stands_in_nobodys_way() {
        let mut line = line(5);
        hear(&mut line, Move::Passed(seqs(&[1, 3])));
        let positions = [1, 2, 3, 4, 5].map(|seq| line.position(Seq(seq)));
        assert_eq!(positions, [1, 1, 1, 2, 3]);
        assert!(!line.is_gone(Seq(1)) && line.waiting() == 5);
        hear(&mut line, Move::Admitted(seqs(&[1, 2])));
        hear(&mut line, Move::Gone(GoneReason::NoShow, seqs(&[3])));
        assert!([1, 2, 3].iter().all(|&seq| line.is_gone(Seq(seq))));
        assert_eq!((line.waiting(), line.position(Seq(4))), (2, 1));
    }

    proptest! {
        #[test]
        fn the_reach_is_the_last_ordinal_that_has_at_most_that_position(
            last in 1..300_u64,
            gone in prop::collection::vec(1..300_u64, 0..200),
            reach in 1..400_u64,
        ) {
            let mut line = line(last);
            hear(&mut line, Move::Admitted(seqs(&gone)));
            let naive = (1..=last).rev().find(|&seq| line.position(Seq(seq)) <= reach);
            prop_assert_eq!(line.reaching(reach), Seq(naive.unwrap_or(0)));
        }
    }
}
