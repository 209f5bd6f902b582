//! The connections that watch one line, and the wheel that visits them: no task and no timer for any of them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use domain::eta::Eta;
use domain::place::GoneReason;
use domain::{EventId, Millis, PlaceId, Seq};
use futures_util::task::AtomicWaker;
use lua::Look;
use parking_lot::Mutex;

use super::slot::{Next, Slot};
use super::wheel::Wheel;
use crate::mirror::document::Document;
use crate::mirror::watching::Seen;

/// News for everybody reach all connections of a line in so many ticks, one second.
const TELLING_TICKS: usize = 10;
/// But at least so many connections are told in one tick.
const LEAST_TOLD: usize = 500;

/// One connection: whose place it watches, what it is owed, and how to wake its task.
#[derive(Debug)]
pub struct Watcher {
    /// Whose place.
    pub place: PlaceId,
    slot: Mutex<Slot>,
    waker: AtomicWaker,
    /// The tick at which the store was last told that somebody is there.
    told: AtomicU64,
}

/// The store was never told.
const NEVER: u64 = u64::MAX;

impl Watcher {
    /// Changes what is owed, and wakes the connection when there is something to do.
    fn change(&self, change: impl FnOnce(&mut Slot)) {
        let due = {
            let mut slot = self.slot.lock();
            change(&mut slot);
            slot.is_due()
        };
        if due {
            self.waker.wake();
        }
    }

    /// The next thing to do, as soon as there is one. `document` and `now` are asked for when it is taken.
    pub async fn next(
        &self,
        document: impl Fn() -> Arc<Document>,
        now: impl Fn() -> Millis,
    ) -> Next {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            let mut slot = self.slot.lock();
            if !slot.is_due() {
                return Poll::Pending;
            }
            slot.take(&document(), now())
                .map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Resolves when the peer turns out to be dead: for a connection that is busy sending.
    pub async fn died(&self) {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            if self.slot.lock().is_dead() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Something was heard from the peer.
    pub fn answered(&self) {
        self.slot.lock().answer();
    }

    /// What the store says of the place.
    pub fn learn(&self, event: &EventId, look: Look) {
        self.change(|slot| slot.learn(event, look));
    }

    /// The time left that was shown first, and when; once.
    pub fn promised(&self) -> Option<(Eta, Millis)> {
        self.slot.lock().promised()
    }

    /// The server is stopping.
    pub fn bye(&self, retry_after_ms: u32) {
        self.change(|slot| slot.bye(retry_after_ms));
    }
}

/// Names one connection among those of a line, in the line's order; a place may be watched by several.
pub type Key = (Seq, u64);

/// All connections of one line.
#[derive(Debug, Default)]
pub struct Watchers {
    all: BTreeMap<Key, Arc<Watcher>>,
    wheel: Wheel<Key>,
    /// News for everybody: the last one who was visited for it, and how many are visited per tick.
    telling: Option<(Bound<Key>, usize)>,
    /// The next connection's number.
    number: u64,
}

impl Watchers {
    /// Adds a connection; it is visited at once.
    pub fn add<'a>(
        &mut self,
        place: PlaceId,
        seq: Seq,
        slot: Slot,
        seen: impl Fn(Seq, u64) -> Seen<'a>,
    ) -> (Key, Arc<Watcher>) {
        let key = (seq, self.number);
        self.number += 1;
        let watcher = Arc::new(Watcher {
            place,
            slot: Mutex::new(slot),
            waker: AtomicWaker::new(),
            told: AtomicU64::new(NEVER),
        });
        self.all.insert(key, watcher.clone());
        self.visit(key, &seen);
        (key, watcher)
    }

    /// Takes a connection away.
    pub fn remove(&mut self, key: Key) {
        self.all.remove(&key);
    }

    /// The place of a connection now waits with another ordinal; it is visited at once.
    pub fn stands_at<'a>(
        &mut self,
        key: Key,
        seq: Seq,
        seen: impl Fn(Seq, u64) -> Seen<'a>,
    ) -> Key {
        let now = (seq, key.1);
        if let Some(watcher) = self.all.remove(&key) {
            self.all.insert(now, watcher);
            self.visit(now, &seen);
        }
        now
    }

    /// Adds those with an ordinal up to `last` of whom the store was not told for `every` ticks; from now on it was.
    pub fn near(&self, last: Seq, tick: u64, every: u64, places: &mut Vec<PlaceId>) {
        for watcher in self
            .all
            .range(..=(last, u64::MAX))
            .map(|(_, watcher)| watcher)
        {
            let told = watcher.told.load(Ordering::Relaxed);
            if told == NEVER || tick >= told + every {
                watcher.told.store(tick, Ordering::Relaxed);
                places.push(watcher.place.clone());
            }
        }
    }

    /// Does nobody watch?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// There is news for everybody: visits all of them, spread over the next ticks.
    pub fn tell_all(&mut self) {
        let share = self.all.len() / TELLING_TICKS + 1;
        self.telling = Some((Bound::Unbounded, share.max(LEAST_TOLD)));
    }

    /// The store has news of these places.
    pub fn news(&self, seqs: impl Iterator<Item = Seq>) {
        for watcher in seqs.flat_map(|seq| self.of(seq)) {
            watcher.change(Slot::news);
        }
    }

    /// These places are gone.
    pub fn let_go(&self, seqs: impl Iterator<Item = Seq>, reason: GoneReason) {
        for watcher in seqs.flat_map(|seq| self.of(seq)) {
            watcher.change(|slot| slot.let_go(reason));
        }
    }

    /// The server is stopping; `spread` gives the milliseconds after which each comes back.
    pub fn bye(&self, spread: impl Fn() -> u32) {
        for watcher in self.all.values() {
            watcher.bye(spread());
        }
    }

    /// One tick: visits those who are due, and the next of those who have news to be told.
    pub fn turn<'a>(&mut self, seen: impl Fn(Seq, u64) -> Seen<'a>) {
        for key in self.wheel.turn() {
            self.visit(key, &seen);
        }
        let Some((from, share)) = self.telling.take() else {
            return;
        };
        let rest = self.all.range((from, Bound::Unbounded));
        let mut last = None;
        for (&key, watcher) in rest.take(share) {
            watcher.change(|slot| {
                slot.visit(&seen(key.0, key.1));
            });
            last = Some(key);
        }
        self.telling = last.map(|last| (Bound::Excluded(last), share));
    }

    /// Visits one connection, if it is still there, and puts it back on the wheel.
    fn visit<'a>(&mut self, key: Key, seen: &impl Fn(Seq, u64) -> Seen<'a>) {
        let Some(watcher) = self.all.get(&key) else {
            return;
        };
        let mut ticks = 0;
        watcher.change(|slot| ticks = slot.visit(&seen(key.0, key.1)));
        self.wheel.schedule(key, ticks);
    }

    /// The connections of one place.
    fn of(&self, seq: Seq) -> impl Iterator<Item = &Arc<Watcher>> {
        self.all
            .range((seq, 0)..=(seq, u64::MAX))
            .map(|(_, watcher)| watcher)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::live::frame::Frame;
    use crate::live::slot::Close;
    use crate::mirror::document::tests::document;

    const PLACE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    struct Crowd {
        watchers: Watchers,
        connections: Vec<(Key, Arc<Watcher>)>,
        document: Arc<Document>,
    }

    impl Crowd {
        /// So many connections, one per place, which have been told where they stand.
        fn of(count: u64) -> Self {
            let mut crowd = Self {
                watchers: Watchers::default(),
                connections: Vec::new(),
                document: Arc::new(document(1, "open", 100, None)),
            };
            for seq in 1..=count {
                crowd.connect(Seq(seq));
            }
            crowd
        }

        fn connect(&mut self, seq: Seq) {
            let slot = Slot::new(0, false, 0, &self.document, 0);
            let document = &self.document;
            let seen = |seq, _| seen(document, seq);
            let added = self.watchers.add(PLACE.parse().unwrap(), seq, slot, seen);
            self.connections.push(added);
            let first = self.next(self.connections.len() - 1);
            assert!(matches!(first, Some(Next::Send(Frame::Position { .. }))));
        }

        fn turn(&mut self) {
            let document = self.document.clone();
            self.watchers.turn(|seq, _| seen(&document, seq));
        }

        /// What a connection does next, if there is something to do.
        fn next(&self, connection: usize) -> Option<Next> {
            let (_, watcher) = &self.connections[connection];
            watcher
                .next(|| self.document.clone(), || Millis(0))
                .now_or_never()
        }
    }

    fn seen(document: &Document, seq: Seq) -> Seen<'_> {
        Seen {
            tick: 0,
            document,
            heard: 0,
            gone: false,
            undrawn: false,
            position: seq.0,
            waiting: 1,
            draw: 0,
        }
    }

    #[test]
    fn twenty_thousand_hear_of_the_end_within_a_second_of_ticks() {
        let mut crowd = Crowd::of(20_000);
        crowd.document = Arc::new(document(2, "draining", 0, Some(GoneReason::SoldOut)));
        crowd.watchers.tell_all();
        for _ in 0..=TELLING_TICKS {
            crowd.turn();
        }
        for connection in 0..20_000 {
            assert!(matches!(
                crowd.next(connection),
                Some(Next::Send(Frame::Event { .. }))
            ));
            assert!(matches!(
                crowd.next(connection),
                Some(Next::Send(Frame::Gone { .. }))
            ));
            assert_eq!(crowd.next(connection), Some(Next::Close(Close::Done)));
        }
    }

    #[test]
    fn news_of_a_place_reaches_all_its_connections_and_no_other() {
        let mut crowd = Crowd::of(3);
        crowd.connect(Seq(2));
        crowd.watchers.news([Seq(2), Seq(9)].into_iter());
        let looks: Vec<bool> = (0..4)
            .map(|connection| crowd.next(connection) == Some(Next::Look))
            .collect();
        assert_eq!(looks, [false, true, false, true]);
        crowd
            .watchers
            .let_go([Seq(3)].into_iter(), GoneReason::Left);
        let gone = Frame::Gone {
            reason: GoneReason::Left,
        };
        assert_eq!(crowd.next(2), Some(Next::Send(gone)));
        assert_eq!(crowd.next(0), None);
    }

    #[test]
    fn of_those_near_the_head_the_store_is_told_now_and_then() {
        let crowd = Crowd::of(5);
        let near = |last, tick| {
            let mut places = Vec::new();
            crowd.watchers.near(Seq(last), tick, 10, &mut places);
            places.len()
        };
        assert_eq!(near(3, 100), 3);
        assert_eq!(near(4, 109), 1, "the fourth came near");
        assert_eq!(near(5, 110), 4);
        assert_eq!(near(0, 200), 0);
    }

    #[test]
    fn a_place_that_was_drawn_is_visited_where_it_stands_now() {
        let mut crowd = Crowd::of(2);
        let (key, document) = (crowd.connections[0].0, crowd.document.clone());
        let now = crowd
            .watchers
            .stands_at(key, Seq(7), |seq, _| seen(&document, seq));
        assert_eq!(now, (Seq(7), key.1));
        crowd.watchers.news([Seq(1)].into_iter());
        assert_eq!(crowd.next(0), None, "nobody stands there any more");
        crowd.watchers.news([Seq(7)].into_iter());
        assert_eq!(crowd.next(0), Some(Next::Look));
        crowd.watchers.remove(now);
        assert!(!crowd.watchers.is_empty());
        let gone = crowd
            .watchers
            .stands_at(now, Seq(9), |seq, _| seen(&document, seq));
        assert_eq!(gone, (Seq(9), key.1));
    }

    #[test]
    fn a_connection_that_went_is_forgotten() {
        let mut crowd = Crowd::of(2);
        for (key, _) in std::mem::take(&mut crowd.connections) {
            crowd.watchers.remove(key);
        }
        assert!(crowd.watchers.is_empty());
        for _ in 0..200 {
            crowd.turn();
        }
        assert!(crowd.watchers.wheel.turn().is_empty());
    }

    #[tokio::test]
    async fn a_connection_that_waits_is_woken() {
        let crowd = Crowd::of(1);
        let (_, watcher) = &crowd.connections[0];
        let waiting = tokio::spawn({
            let (watcher, document) = (watcher.clone(), crowd.document.clone());
            async move { watcher.next(move || document.clone(), || Millis(0)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        watcher.bye(5);
        assert_eq!(
            waiting.await.unwrap(),
            Next::Send(Frame::Bye { retry_after_ms: 5 })
        );
    }
}
