//! How many tickets are out, asked while the crowd is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use client::Ops;
use tokio::task::AbortHandle;

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(250);

/// Asks until it is dropped.
#[derive(Debug)]
pub struct Outstanding {
    most: Arc<AtomicU64>,
    asking: AbortHandle,
}

impl Outstanding {
    /// Begins to ask.
    pub fn watch(ops: &Ops, event: &str) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let (seen, ops, event) = (most.clone(), ops.clone(), event.to_owned());
        let asking = tokio::spawn(async move {
            loop {
                // Whoever does not answer is asked again.
                if let Ok(figures) = ops.event(&event).await {
                    seen.fetch_max(figures.outstanding, Ordering::Relaxed);
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Self {
            most,
            asking: asking.abort_handle(),
        }
    }

    /// Most so far.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.asking.abort();
    }
}
