//! One followed line: its people, its event as last read, and the connections that watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::eta::Flow;
use domain::event::Order;
use domain::place::PlaceState;
use domain::{EventId, PlaceId, Seq, presence};
use lua::{LiveEvent, Move, MoveEntry, Store, StoreError};
use parking_lot::{Mutex, RwLock};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::accuracy::Accuracy;
use super::document::{Document, prospect, reading};
use super::hearing::Hearing;
use super::positions::Positions;
use super::presence::Presence;
use super::watching::{mixed, seen};
use crate::draw::Published;
use crate::live::slot::{CATCHING_UP_TICKS, TICK_MS};
use crate::live::watchers::Watchers;

/// A reading this old, in ticks, is no longer shown: the store has not answered for ten seconds.
const STALE_TICKS: u64 = 10_000 / TICK_MS;
/// A line that nobody asked about for this long, in ticks, is no longer followed: a minute.
const IDLE_TICKS: u64 = 60_000 / TICK_MS;

/// One line.
#[derive(Debug)]
pub struct Line {
    /// Whose.
    pub event: EventId,
    /// Whether the waits that were promised came true.
    pub accuracy: Accuracy,
    pub(super) positions: RwLock<Positions>,
    pub(super) document: ArcSwap<Document>,
    pub(super) watchers: Mutex<Watchers>,
    pub(super) flow: Mutex<Flow>,
    hearing: Hearing,
    /// The draw of its lobby, once somebody asked.
    pub draw: OnceCell<Published>,
    presence: Presence,
    /// The number of the next reading of the event.
    pub(super) readings: AtomicU64,
    /// Is a reading under way that the clock began?
    pub(super) reading: AtomicBool,
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
        let figures = store.figures(event).await?.unwrap_or_default();
        let waiting = waiting(&live, &positions);
        let mut flow = Flow::default();
        let drawing = drawing(&live, &positions);
        flow.read(reading(&live, &figures, waiting, drawing));
        let hearing = Hearing::default();
        hearing.heard(positions.heard());
        Ok(Some(Self {
            event: event.clone(),
            accuracy: Accuracy::of(event),
            draw: OnceCell::new(),
            positions: RwLock::new(positions),
            document: ArcSwap::from_pointee(Document::new(
                0,
                tick,
                live,
                waiting,
                flow.outlook(),
                prospect(&figures),
            )),
            watchers: Mutex::default(),
            flow: Mutex::new(flow),
            hearing,
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

    /// Were the moves heard up to this one?
    pub fn has_heard(&self, moves: u64) -> bool {
        self.positions.read().heard() >= moves
    }

    /// Waits until the moves were heard up to this one, for a second at most.
    pub async fn caught_up(&self, moves: u64) {
        let patience = Duration::from_millis(CATCHING_UP_TICKS * TICK_MS);
        // Where moves are not heard, what was heard last is shown.
        let _ = timeout(patience, self.hearing.caught_up(moves)).await;
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
        comes.then(|| positions.reaching(document.reach()))
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
        self.hearing.heard(self.positions.read().heard());
        self.hearing.found();
        // Whoever went in the meantime finds out by a visit.
        self.watchers.lock().tell_all();
        Ok(())
    }

    /// Takes in the next move; any other is ignored. True when the event itself changed, and has to be read again.
    pub fn hear(&self, entry: &MoveEntry) -> bool {
        let turned = {
            let mut positions = self.positions.write();
            let before = positions.turned();
            if !positions.hear(entry) {
                return false;
            }
            positions.turned() - before
        };
        self.hearing.heard(entry.n);
        match &entry.change {
            Move::Admitted(_) | Move::Passed(_) => self.flow.lock().reached(turned),
            Move::Gone(..) => self.flow.lock().left(turned),
            Move::Ticketed(_) | Move::Event => {}
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

/// Is the line still to be drawn, so that an ordinal says nothing of a turn? The moves tell when it is, after all ordinals
/// are what they will be.
pub(super) fn undrawn(document: &Document, positions: &Positions) -> bool {
    document.has_draw() && !positions.is_drawn()
}

/// As [`undrawn`], of an event just read.
pub(super) fn drawing(live: &LiveEvent, positions: &Positions) -> bool {
    live.event.definition.order == Order::Draw && !positions.is_drawn()
}

/// How many wait, when the line has not ended.
pub(super) fn waiting(live: &LiveEvent, positions: &Positions) -> u64 {
    match live.ended {
        Some(_) => 0,
        None => positions.waiting(),
    }
}
