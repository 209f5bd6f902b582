//! The moves stream: what changed in an event, compact, in order, for every gateway's mirror.
//!
//! Entries have dense ids (`<n>-0`), so a reader that was away longer than the stream is kept sees the gap and loads the
//! line again. Entering is not a move: the last ordinal given travels with every entry and comes with
//! [`Store::moves_head`]. Only the opening of a line that had ended, and the end of a draw, skip an ordinal, so that everyone
//! loads the new line.

use std::time::Duration;

use domain::place::GoneReason;
use domain::{EventId, Millis, PlaceId, Seq};

use crate::connect::{Settings, Store, StoreError};
use crate::follow::{Entry, Follower};
use crate::keys::Keys;
use crate::script::{parsed, tag, tags};

/// Most moves of one event that one read brings.
const MOST_READ: usize = 1_000;

/// One change of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// These were let in, out of the line.
    Admitted(Vec<Seq>),
    /// These were reached while absent: out of the line, but next when they come back.
    Passed(Vec<Seq>),
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
    follower: Follower,
}

impl Store {
    /// The position of the moves stream now, and the last ordinal given: read this before loading a line, then follow
    /// the moves after it.
    pub async fn moves_head(&self, event: &EventId) -> Result<(u64, Seq), StoreError> {
        let keys = Keys::of(event);
        let (n, last): (Option<u64>, Option<u64>) = redis::pipe()
            .atomic()
            .hget(keys.counts(), "moves")
            .get(keys.seq())
            .query_async(&mut self.connection())
            .await?;
        Ok((n.unwrap_or(0), Seq(last.unwrap_or(0))))
    }
}

impl Moves {
    /// Opens a reader.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self {
            follower: Follower::connect(settings).await?,
        })
    }

    /// The next moves of the `followed` events, each after the ordinal named with it; waits at most `patience` for the first.
    /// A gap is told in place of an event's moves.
    pub async fn next(
        &mut self,
        followed: &[(EventId, u64)],
        patience: Duration,
    ) -> Result<Vec<Result<MoveEntry, MovesGap>>, StoreError> {
        let streams: Vec<(String, u64)> = followed
            .iter()
            .map(|(event, after)| (Keys::of(event).moves(), *after))
            .collect();
        let mut read = self.follower.read(&streams, MOST_READ, patience).await?;
        let mut moves = Vec::new();
        for ((event, after), (key, _)) in followed.iter().zip(&streams) {
            let entries = read.remove(key).unwrap_or_default();
            add_moves(&mut moves, event, *after, &entries)?;
        }
        Ok(moves)
    }
}

/// Adds one event's entries, or the gap that lies before or among them.
fn add_moves(
    moves: &mut Vec<Result<MoveEntry, MovesGap>>,
    event: &EventId,
    after: u64,
    entries: &[Entry],
) -> Result<(), StoreError> {
    for (n, entry) in (after + 1..).zip(entries) {
        if entry.n != n {
            moves.push(Err(MovesGap {
                event: event.clone(),
            }));
            return Ok(());
        }
        moves.push(Ok(MoveEntry {
            event: event.clone(),
            n,
            last_seq: Seq(entry.parse("last")?),
            at: Millis(entry.parse("at")?),
            change: change(entry)?,
        }));
    }
    Ok(())
}

fn change(entry: &Entry) -> Result<Move, StoreError> {
    tags!(Kind {
        Admitted = "admitted",
        Passed = "passed",
        Ticketed = "ticketed",
        Gone = "gone",
        Event = "event",
    });
    Ok(match tag(&entry.text("move")?)? {
        Kind::Admitted => Move::Admitted(seqs(&entry.text("seqs")?)?),
        Kind::Passed => Move::Passed(seqs(&entry.text("seqs")?)?),
        Kind::Ticketed => Move::Ticketed(ticketed(&entry.text("of")?)?),
        Kind::Gone => Move::Gone(entry.parse("reason")?, seqs(&entry.text("seqs")?)?),
        Kind::Event => Move::Event,
    })
}

/// Reads "1,2,3".
fn seqs(text: &str) -> Result<Vec<Seq>, StoreError> {
    text.split(',').map(|seq| parsed(seq).map(Seq)).collect()
}

/// Reads "1:place,2:place".
fn ticketed(text: &str) -> Result<Vec<(Seq, PlaceId)>, StoreError> {
    text.split(',')
        .map(|one| {
            let (seq, place) = one
                .split_once(':')
                .ok_or_else(|| StoreError::Unexpected(format!("`{one}` is no seq and place")))?;
            Ok((Seq(parsed(seq)?), parsed(place)?))
        })
        .collect()
}
