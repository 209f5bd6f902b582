//! A line's people as numbers: the last ordinal given, who is gone, and how far the moves were heard.

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
    gone: Gone,
}

impl Positions {
    /// Loads a line: the head of its moves first, so that whatever changes meanwhile comes again as a move.
    pub async fn load(store: &Store, event: &EventId) -> Result<Self, StoreError> {
        let (heard, last) = store.moves_head(event).await?;
        let mut gone = Complement::default();
        let mut after = Some(Seq(0));
        while let Some(from) = after {
            let page = store.waiting(event, from, PAGE).await?;
            for seq in page.seqs {
                gone.keep(seq);
            }
            after = page.next;
        }
        Ok(Self {
            heard,
            last,
            gone: gone.finish(last),
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
        if let Move::Admitted(seqs) | Move::Gone(_, seqs) = &entry.change {
            for &seq in seqs {
                // An ordinal beyond the last one given is nobody's; it would only make the bitmap grow.
                if seq <= self.last {
                    self.gone.insert(seq);
                }
            }
        }
        true
    }

    /// The line has come at least to this ordinal.
    pub fn reached(&mut self, last: Seq) {
        self.last = self.last.max(last);
    }

    /// How many stand before this ordinal, plus one.
    pub fn position(&self, seq: Seq) -> u64 {
        seq.0.saturating_sub(self.gone.below(seq)).max(1)
    }

    /// Is this ordinal out of the line?
    pub fn is_gone(&self, seq: Seq) -> bool {
        self.gone.contains(seq)
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        self.last.0.saturating_sub(self.gone.total())
    }

    /// The last ordinal given, as far as is known.
    pub fn last(&self) -> Seq {
        self.last
    }
}
