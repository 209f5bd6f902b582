//! Marks that are told at once and noted a little later. Telling writes nothing, so that those who wait for their level do not wait
//! for Redis's disk once more; a note covers whatever was told since the last one. What was told and never noted, because the
//! process died, is told and noted by its successor: the station that was reached knows it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::EventId;
use domain::event::AckLevel;
use tokio::time::{Instant, sleep_until};

use crate::acks::Rise;
use crate::connect::{Store, StoreError};

/// How long a mark may be told and not noted.
const LATER: Duration = Duration::from_millis(100);

/// The marks of one station.
pub struct Marks {
    store: Store,
    levels: &'static [AckLevel],
    /// How they are noted.
    noted: Rise,
    /// What was told and not noted, by the last ordinal.
    told: BTreeMap<EventId, u64>,
    /// When it is to be noted.
    due_at: Instant,
}

impl Marks {
    /// Marks of `levels`; the outboxes keep what lies below.
    #[must_use]
    pub fn keeping(store: &Store, levels: &'static [AckLevel]) -> Self {
        Self {
            store: store.clone(),
            levels,
            noted: Rise::Kept,
            told: BTreeMap::new(),
            due_at: Instant::now(),
        }
    }

    /// Marks of `levels`; the outboxes forget what lies below once it is noted.
    #[must_use]
    pub fn forgetting(store: &Store, levels: &'static [AckLevel]) -> Self {
        Self {
            noted: Rise::Forgotten,
            ..Self::keeping(store, levels)
        }
    }

    /// Tells everyone who waits that the station has an event's records up to `ordinal`.
    pub async fn tell(&mut self, event: &EventId, ordinal: u64) -> Result<(), StoreError> {
        if ordinal == 0 {
            return Ok(());
        }
        self.store
            .raise(event, self.levels, ordinal, Rise::Told)
            .await?;
        if self.told.is_empty() {
            self.due_at = Instant::now() + LATER;
        }
        let last = self.told.entry(event.clone()).or_default();
        *last = ordinal.max(*last);
        Ok(())
    }

    /// Resolves when there is something to be noted by now; never while nothing was told.
    pub async fn due(&self) {
        if self.told.is_empty() {
            std::future::pending::<()>().await;
        }
        sleep_until(self.due_at).await;
    }

    /// Notes whatever was told.
    pub async fn note(&mut self) -> Result<(), StoreError> {
        while let Some((event, &ordinal)) = self.told.first_key_value() {
            self.store
                .raise(event, self.levels, ordinal, self.noted)
                .await?;
            self.told.pop_first();
        }
        Ok(())
    }
}
