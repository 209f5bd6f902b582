//! Hearing what wakes a sleeper. Admission sleeps while nobody waits: somebody entered an empty line, or an event changed. Whoever
//! moves records on, or watches how far they have come, sleeps when nothing is left to read: a record came.

use domain::EventId;
use futures_util::FutureExt as _;

use crate::acks::acked;
use crate::connect::{Settings, StoreError};
use crate::keys::{ACKS, RECORDS, WAKES};
use crate::subscription::Subscription;

/// Hears it on a connection of its own (Redis pub/sub). Some may be missed while it reconnects: after it was made, and
/// after [`Wakes::next`] returned `None`, anything may have happened.
pub struct Wakes {
    subscription: Subscription,
}

impl Wakes {
    /// Hears of lines and events: for admission.
    pub async fn of_lines(settings: &Settings) -> Result<Self, StoreError> {
        Self::of(settings, &[WAKES]).await
    }

    /// Hears of records that came into outboxes: for whoever moves them on.
    pub async fn of_records(settings: &Settings) -> Result<Self, StoreError> {
        Self::of(settings, &[RECORDS]).await
    }

    /// Hears of the same, and of marks that rise: for whoever watches how far records have come.
    pub async fn of_marks(settings: &Settings) -> Result<Self, StoreError> {
        Self::of(settings, &[RECORDS, ACKS]).await
    }

    async fn of(settings: &Settings, channels: &[&str]) -> Result<Self, StoreError> {
        Ok(Self {
            subscription: Subscription::of(settings, channels).await?,
        })
    }

    /// The next event that is to be looked at; `None` when the connection ended. Nothing is lost when this is dropped.
    pub async fn next(&mut self) -> Option<EventId> {
        loop {
            // Only the scripts publish here; anything else is not for us.
            let message = self.subscription.next().await?;
            let told: String = message.get_payload().unwrap_or_default();
            let event = match message.get_channel_name() {
                ACKS => acked(&told).map(|acked| acked.event),
                _ => tagged(&told),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Waits until everything that was told before this call can be heard without waiting.
    pub async fn catch_up(&mut self) -> Result<(), StoreError> {
        self.subscription.catch_up().await
    }

    /// The next one that was told of already: `None` when nothing is there to be heard now, `Some(None)` when the connection ended.
    pub fn told(&mut self) -> Option<Option<EventId>> {
        self.next().now_or_never()
    }
}

/// The event that one of its keys names.
fn tagged(key: &str) -> Option<EventId> {
    let (_, tagged) = key.split_once('{')?;
    let (event, _) = tagged.split_once('}')?;
    EventId::from_encoded(event).ok()
}
