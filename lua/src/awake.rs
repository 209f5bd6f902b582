//! Which outboxes may hold something that was not read: none is asked about that is known to be empty, however many there are.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::EventId;
use tokio::time::{Instant, sleep_until};

use crate::connect::{Settings, Store, StoreError};
use crate::wakes::Wakes;

/// How often all are looked at, heard of or not: what was missed without anybody noticing is that late at most.
const ALL: Duration = Duration::from_mins(1);

/// The events whose outbox is to be read: all at first, then those of which something is heard, and all once in a while.
pub struct Awake {
    store: Store,
    wakes: Wakes,
    events: BTreeSet<EventId>,
    all_due: Instant,
}

impl Awake {
    /// Every event is awake. To be made anew after every error.
    pub async fn begin(store: &Store, settings: &Settings) -> Result<Self, StoreError> {
        let mut awake = Self {
            store: store.clone(),
            wakes: Wakes::of_records(settings).await?,
            events: BTreeSet::new(),
            all_due: Instant::now(),
        };
        awake.wake_all().await?;
        Ok(awake)
    }

    /// Wakes every event that there is.
    pub async fn wake_all(&mut self) -> Result<(), StoreError> {
        self.events.extend(self.store.events().await?);
        self.all_due = Instant::now() + ALL;
        Ok(())
    }

    /// Those that are awake, after whatever was told of meanwhile; without waiting.
    pub async fn events(&mut self) -> Result<&BTreeSet<EventId>, StoreError> {
        if Instant::now() >= self.all_due {
            self.wake_all().await?;
        }
        while let Some(told) = self.wakes.told() {
            self.hear(told)?;
        }
        Ok(&self.events)
    }

    /// Lets those sleep whose outbox was just read and held nothing more.
    pub fn keep(&mut self, is_awake: impl Fn(&EventId) -> bool) {
        self.events.retain(is_awake);
    }

    /// Waits until an event is awake. Nothing is lost when this is dropped.
    pub async fn woken(&mut self) -> Result<(), StoreError> {
        if !self.events.is_empty() {
            return Ok(());
        }
        tokio::select! {
            told = self.wakes.next() => self.hear(told),
            () = sleep_until(self.all_due) => Ok(()),
        }
    }

    fn hear(&mut self, told: Option<EventId>) -> Result<(), StoreError> {
        let ended = || StoreError::Unavailable("the subscription ended".to_owned());
        self.events.insert(told.ok_or_else(ended)?);
        Ok(())
    }
}
