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

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        let reached = self.gone.total() - self.passed.len() as u64;
        self.last.0.saturating_sub(reached)
    }

    /// The last ordinal given, as far as is known.
    pub fn last(&self) -> Seq {
        self.last
    }
}
