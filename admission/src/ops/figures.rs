//! The figures of all events once a second, read once for everybody who watches and not at all when nobody does.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use chassis::{Lifecycle, Outage};
use domain::{Clock, Millis, Random};
use lua::{Store, StoreError};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::shown::ShownEvent;

/// How often the figures are read.
const EVERY: Duration = Duration::from_secs(1);

/// The newest frame, for whoever watches.
#[derive(Clone)]
pub struct Figures {
    frames: watch::Sender<Utf8Bytes>,
    wanted: Arc<Notify>,
}

/// One frame.
#[derive(Serialize)]
struct Frame {
    r#type: &'static str,
    at: Millis,
    events: Vec<ShownEvent>,
}

impl Figures {
    /// Nobody watches yet.
    pub fn new() -> Self {
        Self {
            frames: watch::Sender::new(Utf8Bytes::default()),
            wanted: Arc::default(),
        }
    }

    /// Watches: every frame from now on; a slow watcher gets the newest.
    pub fn watch(&self) -> watch::Receiver<Utf8Bytes> {
        let frames = self.frames.subscribe();
        self.wanted.notify_one();
        frames
    }

    /// Reads the figures while somebody watches, until stopping is asked for.
    pub async fn read(
        self,
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        lifecycle: Lifecycle,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut outage = Outage::of("figures for the console", random);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !lifecycle.is_stopping() {
            if self.frames.receiver_count() == 0 {
                tokio::select! {
                    () = lifecycle.stopping() => {}
                    () = self.wanted.notified() => {}
                }
                continue;
            }
            ticks.tick().await;
            match frame(&store, clock.as_ref()).await {
                Ok(frame) => {
                    outage.over();
                    self.frames.send_replace(frame.into());
                }
                Err(error) => outage.failed(error).await,
            }
        }
        Ok(())
    }
}

async fn frame(store: &Store, clock: &dyn Clock) -> Result<String, StoreError> {
    let ids = store.events().await?;
    let events = ShownEvent::read_all(store, &ids).await?;
    serde_json::to_string(&Frame {
        r#type: "figures",
        at: clock.now(),
        events,
    })
    .map_err(|error| StoreError::Unexpected(error.to_string()))
}
