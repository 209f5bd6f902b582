//! One followed line: its people, its event as last read, and the connections that watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use domain::place::PlaceState;
use domain::{EventId, PlaceId, Seq, presence};
use lua::{LiveEvent, Move, MoveEntry, Store, StoreError};
use parking_lot::{Mutex, RwLock};

use super::document::Document;
use super::hearing::Hearing;
use super::positions::Positions;
use super::presence::Presence;
use crate::live::slot::{Seen, Slot, TICK_MS};
use crate::live::watchers::{Key, Watcher, Watchers};

/// Between two readings of an event that somebody looks at, in ticks: a second.
const READING_TICKS: u64 = 1_000 / TICK_MS;
/// A reading this old, in ticks, is no longer shown: the store has not answered for ten seconds.
const STALE_TICKS: u64 = 10_000 / TICK_MS;
/// A line that nobody asked about for this long, in ticks, is no longer followed: a minute.
const IDLE_TICKS: u64 = 60_000 / TICK_MS;

/// One line.
#[derive(Debug)]
pub struct Line {
    /// Whose.
    pub event: EventId,
    positions: RwLock<Positions>,
    document: ArcSwap<Document>,
    watchers: Mutex<Watchers>,
    hearing: Hearing,
    presence: Presence,
    /// The number of the next reading of the event.
    readings: AtomicU64,
    /// Is a reading under way that the clock began?
    reading: AtomicBool,
    /// The tick at which somebody last asked.
    asked: AtomicU64,
}

impl Line {
    /// Loads a line; `None` when there is no such event.
    pub async fn load(
        store: &Store,
        event: &EventId,
        tick: u64,
    ) -> Result<Option<Self>, StoreError> {
        let Some(live) = store.event(event).await? else {
            return Ok(None);
        };
        let positions = Positions::load(store, event).await?;
        let waiting = waiting(&live, &positions);
        Ok(Some(Self {
            event: event.clone(),
            positions: RwLock::new(positions),
            document: ArcSwap::from_pointee(Document::new(0, tick, live, waiting)),
            watchers: Mutex::default(),
            hearing: Hearing::default(),
            presence: Presence::default(),
            readings: AtomicU64::new(1),
            reading: AtomicBool::new(false),
            asked: AtomicU64::new(tick),
        }))
    }

    /// The event as last read.
    pub fn document(&self) -> Arc<Document> {
        self.document.load_full()
    }

    /// How many stand before this ordinal, plus one; none before the line is drawn.
    pub fn shown_position(&self, seq: Seq) -> Option<u64> {
        let positions = self.positions.read();
        (!undrawn(&self.document.load(), &positions)).then(|| positions.position(seq))
    }

    /// A visitor gave a sign; kept until it is told to the store when they wait near the head.
    pub fn saw(&self, place: &PlaceId, state: &PlaceState) {
        if let PlaceState::Waiting { seq } = state
            && self.near().is_some_and(|near| *seq <= near)
        {
            self.presence.saw(place);
        }
    }

    /// Up to which ordinal people are near the head; `None` where no turn comes nearer.
    fn near(&self) -> Option<Seq> {
        let document = self.document.load();
        let positions = self.positions.read();
        let comes = document.ended().is_none() && !undrawn(&document, &positions);
        comes.then(|| positions.reaching(presence::reach(document.rate_per_s())))
    }

    /// Those near the head who are there and of whom the store is to be told now.
    pub fn to_tell(&self, tick: u64) -> Vec<PlaceId> {
        let every = presence::telling_ms(self.document.load().presence_s()) / TICK_MS;
        let Some(mut places) = self.presence.take(tick, every) else {
            return Vec::new();
        };
        if let Some(near) = self.near() {
            self.watchers.lock().near(near, tick, every, &mut places);
        }
        places
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        match self.document.load().ended() {
            Some(_) => 0,
            None => self.positions.read().waiting(),
        }
    }

    /// Somebody entered with this ordinal.
    pub fn entered(&self, seq: Seq) {
        if self.positions.read().last() < seq {
            self.positions.write().reached(seq);
        }
    }

    /// Somebody asks about this line.
    pub fn ask(&self, tick: u64) {
        self.asked.store(tick, Ordering::Relaxed);
    }

    /// Has the store not answered for so long that what was read is no longer shown?
    pub fn is_stale(&self, tick: u64) -> bool {
        tick > self.document.load().tick + STALE_TICKS
    }

    /// Does nobody look at it any more?
    pub fn is_idle(&self, tick: u64) -> bool {
        tick > self.asked.load(Ordering::Relaxed) + IDLE_TICKS && self.watchers.lock().is_empty()
    }

    /// Watches a place that waits, or was let in when `admitted`, as the store said just now.
    pub fn watch(
        self: &Arc<Self>,
        place: PlaceId,
        seq: Seq,
        admitted: bool,
        tick: u64,
    ) -> Watching {
        let born = self.readings.load(Ordering::SeqCst);
        self.entered(seq);
        let document = self.document();
        let slot = Slot::new(born, admitted, &document, tick);
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

    /// One tick of the clock; `seed` is random.
    pub fn turn(&self, tick: u64, seed: u64) {
        let document = self.document();
        let mut watchers = self.watchers.lock();
        let positions = self.positions.read();
        watchers.turn(|seq, number| seen(&document, &positions, tick, mixed(seed, number), seq));
    }

    /// The server is stopping; `spread` gives the milliseconds after which each connection comes back.
    pub fn bye(&self, spread: impl Fn() -> u32) {
        self.watchers.lock().bye(spread);
    }

    /// Is it time to read the event again? Whoever gets a yes reads it.
    pub fn begins_reading(&self, tick: u64) -> bool {
        tick >= self.document.load().tick + READING_TICKS
            && !self.reading.swap(true, Ordering::AcqRel)
    }

    /// Reads the event again for the clock.
    pub async fn finish_reading(&self, store: &Store, tick: u64) -> Result<(), StoreError> {
        let read = self.read_again(store, tick).await;
        self.reading.store(false, Ordering::Release);
        read
    }

    /// Reads the event, and how far its line has come. An event that is not there (any more) leaves the last reading to
    /// grow stale.
    pub async fn read_again(&self, store: &Store, tick: u64) -> Result<(), StoreError> {
        let number = self.readings.fetch_add(1, Ordering::SeqCst);
        let before = self.positions.read().heard();
        let (live, (head, last)) =
            futures_util::future::try_join(store.event(&self.event), store.moves_head(&self.event))
                .await?;
        let Some(live) = live else {
            return Ok(());
        };
        let waiting = {
            let mut positions = self.positions.write();
            positions.reached(last);
            waiting(&live, &positions)
        };
        if head < before {
            // The stream began anew: the store was restored.
            self.lose();
        }
        self.show(Document::new(number, tick, live, waiting));
        Ok(())
    }

    /// Shows a reading, unless a later one is shown already. What matters at once is told to everybody.
    pub(super) fn show(&self, document: Document) {
        let mut watchers = self.watchers.lock();
        let before = self.document.load();
        if document.number <= before.number {
            return;
        }
        let news = document.phase() != before.phase()
            || document.sold_out() != before.sold_out()
            || document.ended() != before.ended();
        self.document.store(Arc::new(document));
        if news {
            watchers.tell_all();
        }
    }

    /// The last move heard, while moves are heard one after the other.
    pub fn followed(&self) -> Option<u64> {
        self.hearing
            .is_followed()
            .then(|| self.positions.read().heard())
    }

    /// Some moves were missed: the line has to be loaded again.
    pub fn lose(&self) {
        self.hearing.lose();
    }

    /// Is the line to be loaded again? Whoever gets a yes loads it.
    pub fn begins_loading(&self) -> bool {
        self.hearing.begins_loading()
    }

    /// Loads the line again. Until then, and when it fails, positions stay as they were; they only go on from there.
    pub async fn load_again(&self, store: &Store) -> Result<(), StoreError> {
        let mut loaded = Positions::load(store, &self.event).await?;
        {
            let mut positions = self.positions.write();
            loaded.reached(positions.last());
            *positions = loaded;
        }
        self.hearing.found();
        // Whoever went in the meantime finds out by a visit.
        self.watchers.lock().tell_all();
        Ok(())
    }

    /// Takes in the next move; any other is ignored. True when the event itself changed, and has to be read again.
    pub fn hear(&self, entry: &MoveEntry) -> bool {
        if !self.positions.write().hear(entry) {
            return false;
        }
        let watchers = self.watchers.lock();
        match &entry.change {
            Move::Ticketed(places) => watchers.news(places.iter().map(|&(seq, _)| seq)),
            Move::Gone(reason, seqs) => watchers.let_go(seqs.iter().copied(), *reason),
            Move::Admitted(_) | Move::Passed(_) | Move::Event => {}
        }
        entry.change == Move::Event
    }
}

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

/// Is the line still to be drawn, so that an ordinal says nothing of a turn? The moves tell when it is, after all ordinals
/// are what they will be.
fn undrawn(document: &Document, positions: &Positions) -> bool {
    document.has_draw() && !positions.is_drawn()
}

/// What a place sees of its line.
fn seen<'a>(
    document: &'a Document,
    positions: &Positions,
    tick: u64,
    draw: u32,
    seq: Seq,
) -> Seen<'a> {
    Seen {
        tick,
        document,
        gone: positions.is_gone(seq),
        undrawn: undrawn(document, positions),
        position: positions.position(seq),
        waiting: positions.waiting(),
        draw,
    }
}

/// A random number for one of many: a seed and a counter, well mixed (the finaliser of `SplitMix64`).
fn mixed(seed: u64, number: u64) -> u32 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u32::try_from(z >> 32).unwrap_or(0)
}

/// How many wait, when the line has not ended.
fn waiting(live: &LiveEvent, positions: &Positions) -> u64 {
    match live.ended {
        Some(_) => 0,
        None => positions.waiting(),
    }
}
