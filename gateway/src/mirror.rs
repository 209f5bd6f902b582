//! The mirror of the lines that somebody looks at: positions and status come from here, never from one call per visitor.
//! A line is followed from the first request that names it until nobody has asked for a while.

mod accuracy;
pub mod bitmap;
pub mod document;
mod following;
mod hearing;
pub mod line;
mod positions;
mod presence;
mod reading;
#[cfg(test)]
mod tests;
pub mod watching;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::{Lifecycle, Problem};
use domain::{EventId, Random, Refusal};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use lua::{Moves, Store, StoreError};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::live::slot::TICK_MS;
use accuracy::TELLING_TICKS;
use line::Line;

/// Moves that follow each other are read together, so long before each tick, which is when connections are visited.
const READ_BEFORE: Duration = Duration::from_millis(20);
/// Connections that are told to come back do so spread over this time, in milliseconds.
pub const COMING_BACK_MS: u32 = 10_000;

type Loaded = Result<Option<Arc<Line>>, StoreError>;

/// All followed lines.
pub struct Mirror {
    store: Store,
    random: Arc<dyn Random>,
    lines: RwLock<HashMap<EventId, Arc<Line>>>,
    /// First loads under way, each shared by all who wait for it.
    loads: Mutex<HashMap<EventId, Shared<BoxFuture<'static, Loaded>>>>,
    /// The present tick.
    tick: AtomicU64,
    /// Somebody waits for moves that were not read yet.
    hurried: Notify,
}

impl Mirror {
    /// A mirror that follows nothing yet.
    pub fn new(store: Store, random: Arc<dyn Random>) -> Arc<Self> {
        Arc::new(Self {
            store,
            random,
            lines: RwLock::default(),
            loads: Mutex::default(),
            tick: AtomicU64::new(0),
            hurried: Notify::new(),
        })
    }

    /// Keeps the mirror true until the lifecycle stops: hears the moves, and visits the connections.
    pub fn start(self: &Arc<Self>, moves: Moves, lifecycle: &Lifecycle) {
        let first = Instant::now() + Duration::from_millis(TICK_MS);
        let (ticks, reads) = (every_tick(first), every_tick(first - READ_BEFORE));
        lifecycle.spawn("moves", {
            let (mirror, lifecycle) = (self.clone(), lifecycle.clone());
            async move {
                tokio::select! {
                    () = mirror.follow(moves, reads) => {}
                    () = lifecycle.stopping() => {}
                }
                Ok(())
            }
        });
        lifecycle.spawn("wheel", {
            let (mirror, lifecycle) = (self.clone(), lifecycle.clone());
            async move {
                tokio::select! {
                    () = mirror.turn(ticks) => {}
                    () = lifecycle.stopping() => {
                        mirror.bye();
                        mirror.tell_waits().await;
                    }
                }
                Ok(())
            }
        });
    }

    /// The line of an event; `no-such-event`, or `try-again` when the store has not answered for a while.
    pub async fn line(self: &Arc<Self>, event: &EventId) -> Result<Arc<Line>, Problem> {
        let line = match self.held(event) {
            Some(line) => line,
            None => self
                .loaded(event)
                .await
                .map_err(Problem::try_again)?
                .ok_or(Refusal::NoSuchEvent)?,
        };
        if line.is_stale(self.tick()) {
            return Err(Problem::try_again("the event was read too long ago"));
        }
        Ok(line)
    }

    /// The line of an event, if it is followed. Asked for under the lock under which [`Self::forget_if_idle`] looks: nobody is
    /// given a line that is then forgotten.
    fn held(&self, event: &EventId) -> Option<Arc<Line>> {
        let lines = self.lines.read();
        let line = lines.get(event)?;
        line.ask(self.tick());
        Some(line.clone())
    }

    /// Follows a line no longer, unless somebody has asked for it in the meantime.
    fn forget_if_idle(&self, line: &Line, tick: u64) -> bool {
        let mut lines = self.lines.write();
        let is_idle = line.is_idle(tick);
        if is_idle {
            tracing::debug!(event = %line.event, "a line is no longer followed");
            lines.remove(&line.event);
        }
        is_idle
    }

    /// The present tick.
    pub fn tick(&self) -> u64 {
        self.tick.load(Ordering::Relaxed)
    }

    /// Loads a line for everyone who waits for it. An unknown event leaves nothing behind.
    async fn loaded(self: &Arc<Self>, event: &EventId) -> Loaded {
        let load = self
            .loads
            .lock()
            .entry(event.clone())
            .or_insert_with(|| self.begin_load(event.clone()))
            .clone();
        load.await
    }

    /// The load is a task of its own: it ends, and is forgotten, whoever stops waiting for it.
    fn begin_load(self: &Arc<Self>, event: EventId) -> Shared<BoxFuture<'static, Loaded>> {
        let (tell, told) = oneshot::channel();
        let mirror = self.clone();
        tokio::spawn(async move {
            let loaded = Line::load(&mirror.store, &event, mirror.tick()).await;
            let loaded = loaded.map(|line| line.map(|line| mirror.keep(line)));
            mirror.loads.lock().remove(&event);
            // Nobody may be waiting any more.
            let _ = tell.send(loaded);
        });
        let given_up = || Err(StoreError::Unavailable("its load was given up".to_owned()));
        told.map(move |loaded| loaded.unwrap_or_else(|_| given_up()))
            .boxed()
            .shared()
    }

    /// Follows a line that was loaded. Where another load was faster its line stays: it may have connections already.
    fn keep(&self, line: Line) -> Arc<Line> {
        tracing::debug!(event = %line.event, "following a line");
        let mut lines = self.lines.write();
        let held = lines.entry(line.event.clone());
        held.or_insert_with(|| Arc::new(line)).clone()
    }

    fn lines(&self) -> Vec<Arc<Line>> {
        self.lines.read().values().cloned().collect()
    }

    /// Waits until a line has heard its moves up to this one, so that nobody sees a higher position here than at another gateway before;
    /// for a second at most.
    pub async fn catch_up(&self, line: &Line, moves: u64) {
        if !line.has_heard(moves) {
            self.hurried.notify_one();
            line.caught_up(moves).await;
        }
    }

    /// Turns the wheels of all lines, tick by tick.
    async fn turn(&self, mut ticks: Interval) {
        let followed = metrics::gauge!("stanchion_gateway_lines_followed");
        loop {
            ticks.tick().await;
            let tick = self.tick.fetch_add(1, Ordering::Relaxed) + 1;
            let mut seed = [0; 8];
            self.random.fill(&mut seed);
            let seed = u64::from_le_bytes(seed);
            let mut count: u32 = 0;
            for line in self.lines() {
                line.turn(tick, seed);
                self.tell_presence(&line, tick);
                if tick.is_multiple_of(TELLING_TICKS) {
                    self.tell_waits_of(&line);
                }
                let is_forgotten = line.is_idle(tick) && self.forget_if_idle(&line, tick);
                if !is_forgotten && line.begins_reading(tick) {
                    self.read_for_the_clock(line, tick);
                }
                count += 1;
            }
            followed.set(count);
        }
    }

    /// Tells the store who is there near the head: one call for many, and none where nothing comes nearer.
    fn tell_presence(&self, line: &Arc<Line>, tick: u64) {
        let places = line.to_tell(tick);
        if places.is_empty() {
            return;
        }
        let (store, line) = (self.store.clone(), line.clone());
        tokio::spawn(async move {
            if let Err(failure) = store.present(&line.event, &places).await {
                // It is told again in a while, three times before anybody counts as absent.
                tracing::debug!(%failure, "the store could not be told who is there");
            }
        });
    }

    /// Tells the store how often the time left was right in every line, and waits until it is told.
    async fn tell_waits(&self) {
        let told = self.lines().into_iter().filter_map(|line| {
            let waits = line.accuracy.untold()?;
            Some(accuracy::tell(self.store.clone(), line, waits))
        });
        join_all(told).await;
    }

    /// As [`Self::tell_waits`] of one line, without waiting; no call where nobody was counted.
    fn tell_waits_of(&self, line: &Arc<Line>) {
        if let Some(waits) = line.accuracy.untold() {
            tokio::spawn(accuracy::tell(self.store.clone(), line.clone(), waits));
        }
    }

    fn read_for_the_clock(&self, line: Arc<Line>, tick: u64) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(failure) = line.finish_reading(&store, tick).await {
                // Whoever follows the moves has told of the outage; what is shown grows stale and is then refused.
                tracing::debug!(%failure, "an event could not be read");
            }
        });
    }

    /// Tells every connection that the server is stopping.
    fn bye(&self) {
        for line in self.lines() {
            line.bye(|| self.random.below(COMING_BACK_MS));
        }
    }
}

/// A clock that strikes with every tick, from `first` on.
fn every_tick(first: Instant) -> Interval {
    let mut every = interval_at(first, Duration::from_millis(TICK_MS));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    every
}
