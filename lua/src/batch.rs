//! Group commit: requests in flight for one event share a script call, without a timer. A request that finds its event idle
//! is sent at once; those that come while calls are under way go together in the next one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::EventId;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::connect::StoreError;

/// Most calls under way for one event: one that Redis works on, and one that is already on its way.
const MOST_CALLS: usize = 2;
/// Most requests in one call: a call stays far below a millisecond, so that nobody waits long behind another event's.
const MOST_REQUESTS: usize = 64;
/// Most requests that may wait for one event; more are turned away at once.
const MOST_WAITING: usize = 20_000;

type Answer<A> = Result<A, StoreError>;
/// Runs one call for an event: as many answers as requests, in their order.
type Run<Q, A> =
    Box<dyn Fn(EventId, Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, StoreError>> + Send + Sync>;

/// Gathers requests of one kind.
pub(crate) struct Batch<Q, A> {
    inner: Arc<Inner<Q, A>>,
}

struct Inner<Q, A> {
    run: Run<Q, A>,
    /// How long a request may wait for its answer, gathering and call together.
    patience: Duration,
    lanes: Mutex<HashMap<EventId, Lane<Q, A>>>,
}

/// One event's requests; it is there while calls are under way.
struct Lane<Q, A> {
    waiting: VecDeque<(Q, oneshot::Sender<Answer<A>>)>,
    calls: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Batch<Q, A> {
    /// Gathers requests for `run`; each is answered within `patience`, if only by an error.
    pub(crate) fn new(patience: Duration, run: Run<Q, A>) -> Self {
        Self {
            inner: Arc::new(Inner {
                run,
                patience,
                lanes: Mutex::new(HashMap::new()),
            }),
        }
    }

    /// Sends a request with others of its event and waits for its answer. When the caller is dropped before the request is
    /// sent it is not sent at all.
    pub(crate) async fn ask(&self, event: &EventId, request: Q) -> Answer<A> {
        let (answer, answered) = oneshot::channel();
        {
            let mut lanes = self.inner.lanes.lock();
            let lane = lanes.entry(event.clone()).or_insert_with(|| Lane {
                waiting: VecDeque::new(),
                calls: 0,
            });
            if lane.waiting.len() >= MOST_WAITING {
                return Err(StoreError::Unavailable(
                    "too many requests wait for it".to_owned(),
                ));
            }
            lane.waiting.push_back((request, answer));
            if lane.calls < MOST_CALLS {
                lane.calls += 1;
                tokio::spawn(Caller::work(Arc::clone(&self.inner), event.clone()));
            }
        }
        match tokio::time::timeout(self.inner.patience, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Unknown("its batch was given up".to_owned())),
            Err(_) => Err(StoreError::Unknown("its batch took too long".to_owned())),
        }
    }
}

/// One of an event's calls under way; gives its slot back when it ends, however it ends.
struct Caller<Q, A> {
    inner: Arc<Inner<Q, A>>,
    event: EventId,
    done: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Caller<Q, A> {
    /// Makes call after call until nothing waits.
    async fn work(inner: Arc<Inner<Q, A>>, event: EventId) {
        let mut caller = Self {
            inner,
            event,
            done: false,
        };
        while let Some((requests, callers)) = caller.next() {
            let outcome = (caller.inner.run)(caller.event.clone(), requests).await;
            answer(callers, outcome);
        }
    }

    /// The next requests whose callers still wait; `None` ends this caller, in the same step in which it saw that nothing waits.
    #[expect(clippy::type_complexity, reason = "requests and callers, side by side")]
    fn next(&mut self) -> Option<(Vec<Q>, Vec<oneshot::Sender<Answer<A>>>)> {
        let mut lanes = self.inner.lanes.lock();
        let lane = lanes.get_mut(&self.event)?;
        let mut taken = (Vec::new(), Vec::new());
        while taken.0.len() < MOST_REQUESTS
            && let Some((request, caller)) = lane.waiting.pop_front()
        {
            if !caller.is_closed() {
                taken.0.push(request);
                taken.1.push(caller);
            }
        }
        if taken.0.is_empty() {
            self.done = true;
            lane.calls -= 1;
            if lane.calls == 0 {
                lanes.remove(&self.event);
            }
            return None;
        }
        Some(taken)
    }
}

impl<Q, A> Drop for Caller<Q, A> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // The runtime is shutting down or the call panicked: whoever waits behind it must not wait for ever.
        let mut lanes = self.inner.lanes.lock();
        if let Some(lane) = lanes.get_mut(&self.event) {
            lane.calls -= 1;
            if lane.calls == 0 {
                lanes.remove(&self.event);
            }
        }
    }
}

/// Gives each caller its own answer, or all of them the error of the call.
fn answer<A>(callers: Vec<oneshot::Sender<Answer<A>>>, outcome: Result<Vec<A>, StoreError>) {
    match outcome {
        Ok(answers) if answers.len() == callers.len() => {
            for (caller, answer) in callers.into_iter().zip(answers) {
                // A caller that went away needs no answer.
                let _ = caller.send(Ok(answer));
            }
        }
        Ok(answers) => {
            let told = format!("{} answers to {} requests", answers.len(), callers.len());
            tell_all(callers, &StoreError::Unexpected(told));
        }
        Err(error) => tell_all(callers, &error),
    }
}

fn tell_all<A>(callers: Vec<oneshot::Sender<Answer<A>>>, error: &StoreError) {
    for caller in callers {
        let _ = caller.send(Err(error.clone()));
    }
}
