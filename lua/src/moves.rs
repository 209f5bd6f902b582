//! The moves stream: what changed in an event, compact, in order, for every gateway's mirror.
//!
//! Entries have dense ids (`<n>-0`), so a reader that was away longer than the stream is kept sees the gap and loads the
//! line again. Entering is not a move: the last ordinal given travels with every entry and in [`crate::LiveEvent`] reads.

use std::time::Duration;

use domain::place::GoneReason;
use domain::{EventId, Millis, PlaceId, Seq};

use crate::connect::{Settings, Store, StoreError};

/// One change of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// These were let in, out of the line.
    Admitted(Vec<Seq>),
    /// The tickets of these are ready; places and ordinals in the same order.
    Ticketed(Vec<(Seq, PlaceId)>),
    /// These are gone for this reason (left, no-show).
    Gone(GoneReason, Vec<Seq>),
    /// The event itself changed: phase, stock, pace, title, or the line's end. Read it again.
    Event,
}

/// A move with its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveEntry {
    /// Whose line.
    pub event: EventId,
    /// Its ordinal in the stream, dense from 1.
    pub n: u64,
    /// The last ordinal given in the line when the move was made.
    pub last_seq: Seq,
    /// When, by the store's clock.
    pub at: Millis,
    /// What changed.
    pub change: Move,
}

/// The stream no longer holds the entry after the one last read: load the line again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovesGap {
    /// Whose line.
    pub event: EventId,
}

/// Reads the moves of many events on a connection of its own (reading blocks it).
pub struct Moves {
    _connection: redis::aio::MultiplexedConnection,
}

impl Store {
    /// The position of the moves stream now, and the last ordinal given: read this before loading a line, then follow
    /// the moves after it.
    pub async fn moves_head(&self, event: &EventId) -> Result<(u64, Seq), StoreError> {
        let _ = event;
        unimplemented!()
    }
}

impl Moves {
    /// Opens a reader.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let _ = settings;
        unimplemented!()
    }

    /// The next moves of the `followed` events, each after the ordinal named with it; waits at most `patience` for the first.
    /// A gap is told in place of an event's moves.
    pub async fn next(
        &mut self,
        followed: &[(EventId, u64)],
        patience: Duration,
    ) -> Result<Vec<Result<MoveEntry, MovesGap>>, StoreError> {
        let _ = (followed, patience);
        unimplemented!()
    }
}
