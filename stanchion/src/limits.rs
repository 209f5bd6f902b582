//! Keeps the limits per client address of this process as ops set them live: its own settings, and over them what the store
//! holds.

use std::sync::Arc;
use std::time::Duration;

use chassis::throttle::Limits;
use chassis::{Lifecycle, Throttle};
use lua::Store;
use tokio::time::{MissedTickBehavior, interval};

/// How often the store is asked: how late a process may be with a change.
const EVERY: Duration = Duration::from_secs(1);

/// Follows the store until stopping is asked for. While it is away the limits stay as they were.
pub fn follow(throttle: Arc<Throttle>, flags: Limits, store: Store, lifecycle: &Lifecycle) {
    let stop = lifecycle.clone();
    lifecycle.spawn("limits", async move {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = std::collections::BTreeMap::new();
        loop {
            tokio::select! {
                () = stop.stopping() => return Ok(()),
                _ = ticks.tick() => {}
            }
            match store.limits().await {
                Ok(set) if set != known => {
                    let texts = set
                        .iter()
                        .map(|(name, text)| (name.as_str(), text.as_str()));
                    throttle.change(flags.with(texts));
                    tracing::info!(?set, "limits set live are in force");
                    known = set;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the limits could not be read"),
            }
        }
    });
}
