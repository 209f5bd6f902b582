//! How the mirror hears the moves of the lines that it follows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::outage::Outage;
use domain::EventId;
use futures_util::future::join_all;
use lua::{MoveEntry, Moves, MovesGap, StoreError};
use tokio::time::Interval;

use super::Mirror;
use super::line::Line;

/// How long one read of the moves waits for the first: how late a line that was just loaded is followed.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

impl Mirror {
    /// Hears the moves of all followed lines: the first after a while at once, those that follow each other together, unless
    /// somebody waits for them.
    pub(super) async fn follow(&self, mut moves: Moves, mut reads: Interval) {
        let mut outage = Outage::of("moves", self.random.clone());
        loop {
            let lines = self.lines();
            for line in &lines {
                if line.begins_loading() {
                    self.load_again(line.clone());
                }
            }
            let followed: Vec<(EventId, u64)> = lines
                .iter()
                .filter_map(|line| Some((line.event.clone(), line.followed()?)))
                .collect();
            match moves.next(&followed, PATIENCE).await {
                Ok(heard) => {
                    outage.over();
                    let moving = !heard.is_empty();
                    self.hear(heard).await;
                    if moving {
                        tokio::select! {
                            _ = reads.tick() => {}
                            () = self.hurried.notified() => {}
                        }
                    }
                }
                Err(failure) => {
                    if let StoreError::Unexpected(_) = failure {
                        // Reading the same entry again would fail again.
                        for line in &lines {
                            line.lose();
                        }
                    }
                    outage.failed(failure).await;
                }
            }
        }
    }

    /// Takes in what was read, and reads those events again that changed.
    async fn hear(&self, heard: Vec<Result<MoveEntry, MovesGap>>) {
        let mut changed = HashMap::new();
        for entry in heard {
            match entry {
                Ok(entry) => {
                    let line = self.lines.read().get(&entry.event).cloned();
                    if let Some(line) = line.filter(|line| line.hear(&entry)) {
                        changed.insert(entry.event, line);
                    }
                }
                Err(MovesGap { event }) => {
                    if let Some(line) = self.lines.read().get(&event) {
                        line.lose();
                    }
                }
            }
        }
        let readings = changed
            .values()
            .map(|line| line.read_again(&self.store, self.tick()));
        for reading in join_all(readings).await {
            if let Err(failure) = reading {
                // The clock reads it again within a second.
                tracing::warn!(%failure, "an event that changed could not be read");
            }
        }
    }

    /// Loads a line again, in a task of its own that ends when it is loaded.
    fn load_again(&self, line: Arc<Line>) {
        metrics::counter!("stanchion_gateway_mirror_reloads_total").increment(1);
        tracing::info!(event = %line.event, "moves were missed: the line is loaded again");
        let (store, random) = (self.store.clone(), self.random.clone());
        tokio::spawn(async move {
            let mut outage = Outage::of("loading a line", random);
            while let Err(failure) = line.load_again(&store).await {
                outage.failed(failure).await;
            }
            outage.over();
        });
    }
}
