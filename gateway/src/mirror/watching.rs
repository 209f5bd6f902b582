//! A connection and its line: how a place comes to be watched, and what it sees.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::{PlaceId, Seq};
use parking_lot::Mutex;

use super::document::Document;
use super::line::{Line, undrawn};
use super::positions::Positions;
use crate::live::slot::Slot;
use crate::live::watchers::{Key, Watcher};

/// A connection that watches its line until this is dropped.
#[derive(Debug)]
pub struct Watching {
    /// The line.
    pub line: Arc<Line>,
    /// The connection.
    pub watcher: Arc<Watcher>,
    key: Mutex<Key>,
}

impl Watching {
    /// The place waits with this ordinal: after a draw, another than before.
    pub fn stands_at(&self, seq: Seq, tick: u64) {
        let mut key = self.key.lock();
        if key.0 == seq {
            return;
        }
        let line = &self.line;
        line.entered(seq);
        let document = line.document();
        let mut watchers = line.watchers.lock();
        let positions = line.positions.read();
        *key = watchers.stands_at(*key, seq, |seq, number| {
            seen(&document, &positions, tick, mixed(tick, number), seq)
        });
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let key = *self.key.lock();
        self.line.watchers.lock().remove(key);
    }
}

impl Line {
    /// Watches a place that waits, or was let in when `admitted`, as the store said just now, at the line's move `moves`.
    pub fn watch(
        self: &Arc<Self>,
        place: PlaceId,
        seq: Seq,
        admitted: bool,
        moves: u64,
        tick: u64,
    ) -> Watching {
        let born = self.readings.load(Ordering::SeqCst);
        self.entered(seq);
        let document = self.document();
        let slot = Slot::new(born, admitted, moves, &document, tick);
        let mut watchers = self.watchers.lock();
        let positions = self.positions.read();
        let (key, watcher) = watchers.add(place, seq, slot, |seq, number| {
            seen(&document, &positions, tick, mixed(tick, number), seq)
        });
        Watching {
            line: self.clone(),
            watcher,
            key: Mutex::new(key),
        }
    }
}

/// What the line looks like to one waiting place.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The present tick.
    pub tick: u64,
    /// The event.
    pub document: &'a Document,
    /// The last move that was heard.
    pub heard: u64,
    /// Is the place out of the line?
    pub gone: bool,
    /// Is the line still to be drawn? Then no position is shown.
    pub undrawn: bool,
    /// Its position, for as long as it is not gone.
    pub position: u64,
    /// How many wait in all.
    pub waiting: u64,
    /// A random number.
    pub draw: u32,
}

/// What a place sees of its line.
pub fn seen<'a>(
    document: &'a Document,
    positions: &Positions,
    tick: u64,
    draw: u32,
    seq: Seq,
) -> Seen<'a> {
    Seen {
        tick,
        document,
        heard: positions.heard(),
        gone: positions.is_gone(seq),
        undrawn: undrawn(document, positions),
        position: positions.position(seq),
        waiting: positions.waiting(),
        draw,
    }
}

/// A random number for one of many: a seed and a counter, well mixed (the finaliser of `SplitMix64`).
pub fn mixed(seed: u64, number: u64) -> u32 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from(z >> 32).unwrap_or(0)
}
