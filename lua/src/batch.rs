//! Group commit: requests in flight for one event share a script call, without a timer. A request that finds its event idle
//! is sent at once; those that come while calls are under way go together in the next one. A batch that breathes also lets
//! those gather who come shortly after a call that held some.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::EventId;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::connect::{Settings, StoreError};
use crate::door::Door;

/// Most calls under way for one event: one that Redis works on, and one that is already on its way.
const MOST_CALLS: usize = 2;
/// Most requests in one call: a call stays far below a millisecond, so that nobody waits long behind another event's.
const MOST_REQUESTS: usize = 64;
/// Most requests that may wait for one event; more are turned away at once.
const MOST_WAITING: usize = 20_000;

/// When those who come shortly after a call wait for each other, instead of being sent at once.
pub(crate) struct Breath<A> {
    /// The least time from the beginning of that call for an event to the next, unless it was full.
    pub(crate) lasts: Duration,
    /// After calls with so many answers that count, or more.
    pub(crate) after: usize,
    /// Does an answer count?
    pub(crate) counts: fn(&A) -> bool,
}

impl<A> Breath<A> {
    /// Never: requests are sent as soon as they can be.
    pub(crate) const NONE: Self = Self {
        lasts: Duration::ZERO,
        after: usize::MAX,
        counts: |_| false,
    };

    /// Does one follow a call with these answers?
    fn follows(&self, outcome: &Result<Vec<A>, StoreError>) -> bool {
        let counted = |answers: &Vec<A>| answers.iter().filter(|a| (self.counts)(a)).count();
        let held = outcome.as_ref().ok();
        held.is_some_and(|held| held.len() < MOST_REQUESTS && counted(held) >= self.after)
    }
}

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
    breath: Breath<A>,
    lanes: Mutex<HashMap<EventId, Lane<Q, A>>>,
}

/// One event's requests; it is there while calls are under way.
struct Lane<Q, A> {
    waiting: VecDeque<(Q, oneshot::Sender<Answer<A>>)>,
    calls: usize,
    /// No call begins before.
    rests_until: Option<Instant>,
}

impl<Q: Send + 'static, A: Send + 'static> Batch<Q, A> {
    /// Gathers requests for a script that takes many: `call` is one call of it.
    pub(crate) fn of<F>(
        door: &Door,
        settings: &Settings,
        breath: Breath<A>,
        call: impl Fn(Door, EventId, Vec<Q>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<A>, StoreError>> + Send + 'static,
    {
        let door = door.clone();
        let run = move |event, requests| Box::pin(call(door.clone(), event, requests)) as _;
        Self::new(settings.patience(), breath, Box::new(run))
    }

    /// Gathers requests for `run`; each is answered within `patience`, if only by an error.
    fn new(patience: Duration, breath: Breath<A>, run: Run<Q, A>) -> Self {
        Self {
            inner: Arc::new(Inner {
                run,
                patience,
                breath,
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
                rests_until: None,
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
        loop {
            while let Some(until) = caller.rests_until() {
                sleep_until(until).await;
            }
            let Some((requests, callers)) = caller.next() else {
                return;
            };
            let next_at = Instant::now() + caller.inner.breath.lasts;
            let outcome = (caller.inner.run)(caller.event.clone(), requests).await;
            if caller.inner.breath.follows(&outcome) {
                caller.rest(next_at);
            }
            answer(callers, outcome);
        }
    }

    /// Until when the event's requests gather, if they do so now.
    fn rests_until(&self) -> Option<Instant> {
        let lanes = self.inner.lanes.lock();
        let until = lanes.get(&self.event)?.rests_until;
        until.filter(|until| *until > Instant::now())
    }

    /// Lets the event's requests gather.
    fn rest(&self, until: Instant) {
        if let Some(lane) = self.inner.lanes.lock().get_mut(&self.event) {
            lane.rests_until = Some(until);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use tokio::sync::{Notify, Semaphore};

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    fn id(text: &str) -> EventId {
        text.parse().unwrap()
    }

    /// A batch that doubles numbers; a call for the event `loud` waits for a permit. Notes the calls it makes.
    struct Doubling {
        batch: Batch<u64, u64>,
        calls: Arc<Mutex<Vec<Vec<u64>>>>,
        permits: Arc<Semaphore>,
        began: Arc<Notify>,
        most_at_once: Arc<AtomicUsize>,
    }

    fn doubling(patience: Duration) -> Doubling {
        breathing(patience, Breath::NONE)
    }

    fn breathing(patience: Duration, breath: Breath<u64>) -> Doubling {
        let calls: Arc<Mutex<Vec<Vec<u64>>>> = Arc::default();
        let permits = Arc::new(Semaphore::new(0));
        let began = Arc::new(Notify::new());
        let (at_once, most_at_once) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let run: Run<u64, u64> = {
            let (calls, permits, began, most) = (
                Arc::clone(&calls),
                Arc::clone(&permits),
                Arc::clone(&began),
                Arc::clone(&most_at_once),
            );
            Box::new(move |event, numbers| {
                let (calls, permits, began, most, at_once) = (
                    Arc::clone(&calls),
                    Arc::clone(&permits),
                    Arc::clone(&began),
                    Arc::clone(&most),
                    Arc::clone(&at_once),
                );
                Box::pin(async move {
                    calls.lock().push(numbers.clone());
                    began.notify_one();
                    if event.as_str() == "loud" {
                        most.fetch_max(
                            at_once.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        permits.acquire().await.unwrap().forget();
                        at_once.fetch_sub(1, Ordering::SeqCst);
                    }
                    if numbers.contains(&13) {
                        return Err(StoreError::Unknown("thirteen".to_owned()));
                    }
                    Ok(numbers.iter().map(|number| number * 2).collect())
                })
            })
        };
        Doubling {
            batch: Batch::new(patience, breath, run),
            calls,
            permits,
            began,
            most_at_once,
        }
    }

    /// Two calls under way for `loud`, and `waiting` behind them.
    async fn busy(
        doubling: &Doubling,
        waiting: impl IntoIterator<Item = u64>,
    ) -> Vec<tokio::task::JoinHandle<Answer<u64>>> {
        let ask = |number| {
            let batch = Batch {
                inner: Arc::clone(&doubling.batch.inner),
            };
            tokio::spawn(async move { batch.ask(&id("loud"), number).await })
        };
        let mut asked = Vec::new();
        for number in [1, 2] {
            asked.push(ask(number));
            doubling.began.notified().await;
        }
        for number in waiting {
            asked.push(ask(number));
        }
        let queued = asked.len() - 2;
        while doubling.batch.inner.lanes.lock()[&id("loud")].waiting.len() < queued {
            tokio::task::yield_now().await;
        }
        asked
    }

    #[tokio::test]
    async fn requests_that_come_meanwhile_share_the_next_call_and_get_each_their_own_answer() {
        let doubling = doubling(SOON);
        let asked = busy(&doubling, 100..200).await;
        doubling.permits.add_permits(1_000);
        let answers: Vec<u64> = join_all(asked)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().unwrap())
            .collect();
        let expected: Vec<u64> = [1, 2]
            .into_iter()
            .chain(100..200)
            .map(|number| number * 2)
            .collect();
        assert_eq!(answers, expected);
        let sizes: Vec<usize> = doubling.calls.lock().iter().map(Vec::len).collect();
        assert_eq!(
            sizes,
            [1, 1, 64, 36],
            "at once when idle, then together, never too many"
        );
        assert_eq!(doubling.most_at_once.load(Ordering::SeqCst), MOST_CALLS);
        assert!(
            doubling.batch.inner.lanes.lock().is_empty(),
            "an idle event takes no room"
        );
    }

    #[tokio::test]
    async fn a_batch_that_breathes_answers_a_lone_request_at_once_and_gathers_those_that_follow() {
        let breath = Breath {
            lasts: Duration::from_secs(1),
            after: 1,
            counts: |_| true,
        };
        let doubling = breathing(SOON, breath);
        assert_eq!(doubling.batch.ask(&id("demo"), 1).await, Ok(2));
        let mut asked = Vec::new();
        for number in 100..250 {
            let batch = Batch {
                inner: Arc::clone(&doubling.batch.inner),
            };
            asked.push(tokio::spawn(
                async move { batch.ask(&id("demo"), number).await },
            ));
            // Apart from each other: nothing but the breath keeps them together.
            tokio::task::yield_now().await;
        }
        for (number, answer) in (100..).zip(join_all(asked).await) {
            assert_eq!(answer.unwrap(), Ok(2 * number));
        }
        let sizes: Vec<usize> = doubling.calls.lock().iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 64, 64, 22], "full ones do not wait");
    }

    #[tokio::test]
    async fn a_batch_that_breathes_after_crowds_lets_a_few_go_at_once() {
        let breath = Breath {
            lasts: Duration::from_hours(1),
            after: 3,
            counts: |answer| *answer >= 200,
        };
        let doubling = breathing(SOON, breath);
        let batch = &doubling.batch;
        let ask = async |number| batch.ask(&id("demo"), number).await;
        let few = 100..102;
        let given_nothing = 20..30;
        let crowd = 100..103;
        for numbers in [
            few.clone(),
            few,
            given_nothing.clone(),
            given_nothing,
            crowd,
        ] {
            let answers = join_all(numbers.map(ask)).await;
            assert!(answers.iter().all(Result::is_ok), "sent at once");
        }
        let calls = doubling.calls.lock().len();
        assert_eq!(calls, 5, "each together");
        for _ in 0..MOST_CALLS {
            let late = ask(1).now_or_never();
            assert!(late.is_none(), "gathered for an hour");
            tokio::task::yield_now().await;
        }
        assert_eq!(doubling.calls.lock().len(), calls);
    }

    #[tokio::test]
    async fn one_loud_event_does_not_delay_another() {
        let doubling = doubling(SOON);
        let loud = busy(&doubling, 100..200).await;
        assert_eq!(doubling.batch.ask(&id("quiet"), 21).await, Ok(42));
        doubling.permits.add_permits(1_000);
        join_all(loud).await;
    }

    #[tokio::test]
    async fn a_failed_call_is_told_to_everyone_in_it_and_to_nobody_else() {
        let doubling = doubling(SOON);
        let asked = busy(&doubling, [13, 100]).await;
        doubling.permits.add_permits(1_000);
        let answers: Vec<Answer<u64>> = join_all(asked)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let thirteen = Err(StoreError::Unknown("thirteen".to_owned()));
        assert_eq!(answers, [Ok(2), Ok(4), thirteen.clone(), thirteen]);
    }

    #[tokio::test]
    async fn a_caller_that_went_away_harms_nobody_and_is_not_sent() {
        let doubling = doubling(SOON);
        let mut asked = busy(&doubling, [100, 101, 102]).await;
        for gone in [0, 3] {
            asked[gone].abort();
        }
        let gone = (asked.remove(3), asked.remove(0));
        assert!(gone.0.await.is_err() && gone.1.await.is_err());
        doubling.permits.add_permits(1_000);
        let answers: Vec<u64> = join_all(asked)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().unwrap())
            .collect();
        assert_eq!(answers, [4, 200, 204]);
        assert_eq!(doubling.calls.lock()[2], [100, 102]);
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_their_patience() {
        let doubling = doubling(Duration::from_millis(50));
        let asked = busy(&doubling, [100]).await;
        for answer in join_all(asked).await {
            assert!(matches!(answer.unwrap(), Err(StoreError::Unknown(_))));
        }
    }

    #[tokio::test]
    async fn a_crowd_too_large_is_turned_away_at_once() {
        let doubling = doubling(SOON);
        let asked = busy(&doubling, 0..MOST_WAITING as u64).await;
        let turned_away = doubling.batch.ask(&id("loud"), 7).await;
        assert!(
            matches!(turned_away, Err(StoreError::Unavailable(_))),
            "{turned_away:?}"
        );
        for one in asked {
            one.abort();
        }
    }

    #[tokio::test]
    async fn a_call_that_panics_frees_its_slot() {
        let run: Run<u64, u64> = Box::new(|_, numbers| {
            Box::pin(async move {
                assert!(!numbers.contains(&13), "thirteen");
                Ok(numbers)
            })
        });
        let batch = Batch::new(SOON, Breath::NONE, run);
        for _ in 0..=MOST_CALLS {
            let answer = batch.ask(&id("demo"), 13).await;
            assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
        }
        assert_eq!(batch.ask(&id("demo"), 1).await, Ok(1));
    }
}
