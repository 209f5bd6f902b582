//! Which events are paced, and what wakes them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::EventId;
use futures_util::FutureExt as _;
use lua::Wakes;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The events that are paced, each by a loop of its own.
#[derive(Default)]
pub(super) struct Paced {
    pub(super) running: JoinSet<EventId>,
    /// How to wake each.
    pub(super) wakers: HashMap<EventId, Arc<Notify>>,
    /// Ids without an event: of books, for the most part. When one gets an event, that is heard.
    pub(super) without: HashSet<EventId>,
}

impl Paced {
    /// Wakes the loop of an event; false when it has none.
    pub(super) fn wake(&mut self, event: &EventId) -> bool {
        self.without.remove(event);
        let waker = self.wakers.get(event);
        waker.inspect(|waker| waker.notify_one()).is_some()
    }

    /// The loop of an event ended: there was none. One that was made meanwhile has woken it.
    pub(super) fn end(&mut self, event: EventId) {
        let waker = self.wakers.remove(&event);
        let was_woken = waker.is_some_and(|waker| waker.notified().now_or_never().is_some());
        if !was_woken {
            self.without.insert(event);
        }
    }

    /// How many ids are known.
    pub(super) fn known(&self) -> usize {
        self.wakers.len() + self.without.len()
    }
}

/// The next event that is to be woken; `None` when that can no longer be heard.
pub(super) async fn heard(feed: &mut Option<Wakes>) -> Option<EventId> {
    let event = match feed {
        Some(connected) => connected.next().await,
        None => std::future::pending().await,
    };
    if event.is_none() {
        *feed = None;
    }
    event
}
