//! Stopping: SIGTERM asks softly (take no new work, finish what runs, tell sockets to come back), a second signal or the
//! deadline means now.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long everything may take to stop before it is ended.
pub const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// The one handle on stopping, cloned into whatever has to know.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    drained: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    crashed: Arc<AtomicBool>,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything finished.
    Clean,
    /// A second signal or the deadline ended what still ran.
    Forced,
    /// A task failed or panicked.
    Crashed,
}

/// Keeps the stop waiting until it is dropped: for work that is not a task of [`Lifecycle::spawn`], such as an open socket.
#[derive(Debug)]
pub struct Hold {
    _token: TaskTrackerToken,
}

impl Lifecycle {
    /// Nothing is stopping yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Resolves when stopping was asked for.
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Was stopping asked for?
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves when stopping was asked for and the last request of the doors was answered: from here on no new record is
    /// written, and what moves records on can hand over the rest and end.
    pub async fn drained(&self) {
        self.drained.cancelled().await;
    }

    /// Resolves when everything has to end now.
    pub async fn ending_now(&self) {
        self.hard.cancelled().await;
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Keeps the stop waiting until the answer is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold {
            _token: self.tasks.token(),
        }
    }

    /// Was the last request answered?
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained.is_cancelled()
    }

    /// The doors have answered their last request; a process without doors says so itself.
    pub fn set_drained(&self) {
        self.drained.cancel();
    }

    /// Runs a task that is waited for at the stop. It ends by itself soon after [`Self::stopping`] (or [`Self::drained`]); a
    /// task that ends with an error, or panics, is logged and stops the process (exit code 1).
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let lifecycle = self.clone();
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = AssertUnwindSafe(task).catch_unwind() => ended,
                () = lifecycle.ending_now() => return,
            };
            let failure = match ended {
                Ok(Ok(())) => return,
                Ok(Err(failure)) => failure.to_string(),
                // The panic's own message was printed where it happened.
                Err(_) => "it panicked".to_owned(),
            };
            tracing::error!(task = name, failure, "a task failed, the process stops");
            lifecycle.crashed.store(true, Ordering::Relaxed);
            lifecycle.stop();
        });
    }

    /// Listens for SIGTERM and SIGINT: the first asks softly, the second means now.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping: requests finish, sockets are told to come back");
            lifecycle.stop();
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("a second signal: ending now");
            lifecycle.hard.cancel();
        });
        Ok(())
    }

    /// Waits until stopping was asked for and everything has ended, for at most `deadline` after the asking.
    pub async fn finish(&self, deadline: Duration) -> Ending {
        self.stopping().await;
        self.tasks.close();
        let ended_by_itself = tokio::select! {
            () = self.tasks.wait() => true,
            () = self.ending_now() => false,
            () = tokio::time::sleep(deadline) => {
                tracing::warn!(
                    deadline_s = deadline.as_secs(),
                    "the deadline for stopping has passed: ending now"
                );
                false
            }
        };
        self.hard.cancel();
        if self.crashed.load(Ordering::Relaxed) {
            Ending::Crashed
        } else if ended_by_itself {
            Ending::Clean
        } else {
            Ending::Forced
        }
    }
}

/// Resolves at the next of either signal.
async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_stop_waits_for_tasks_and_holds() {
        let lifecycle = Lifecycle::new();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let hold = lifecycle.hold();
        lifecycle.spawn("waits", {
            let lifecycle = lifecycle.clone();
            async move {
                lifecycle.stopping().await;
                released.await?;
                Ok(())
            }
        });
        lifecycle.stop();
        let finish = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move { lifecycle.finish(STOP_DEADLINE).await }
        });
        release.send(()).unwrap();
        tokio::task::yield_now().await;
        assert!(!finish.is_finished());
        drop(hold);
        assert_eq!(finish.await.unwrap(), Ending::Clean);
    }

    #[tokio::test]
    async fn what_does_not_end_by_the_deadline_is_ended() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("stuck", std::future::pending());
        lifecycle.stop();
        let deadline = Duration::from_millis(1);
        assert_eq!(lifecycle.finish(deadline).await, Ending::Forced);
        lifecycle.ending_now().await;
    }

    #[tokio::test]
    async fn a_failed_task_stops_the_process_and_so_does_a_panic() {
        for panics in [false, true] {
            let lifecycle = Lifecycle::new();
            lifecycle.spawn("breaks", async move {
                assert!(!panics, "on purpose");
                Err("on purpose".into())
            });
            assert_eq!(lifecycle.finish(STOP_DEADLINE).await, Ending::Crashed);
            assert!(lifecycle.is_stopping());
        }
    }
}
