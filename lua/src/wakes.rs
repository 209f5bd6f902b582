//! Hearing what wakes admission: somebody entered an empty line, or an event changed.

use futures_util::StreamExt as _;

use crate::connect::{Settings, StoreError};
use crate::keys::WAKES;

/// Hears it on a connection of its own (Redis pub/sub). Some may be missed while it reconnects: after [`Wakes::connect`], and
/// after [`Wakes::next`] returned `None`, anything may have happened.
pub struct Wakes {
    subscriber: redis::aio::PubSub,
}

impl Wakes {
    /// Subscribes.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let mut subscriber = settings.subscriber().await?;
        subscriber.subscribe(WAKES).await?;
        Ok(Self { subscriber })
    }

    /// The next event that is to be looked at, as [`domain::EventId::encoded`] writes it; `None` when the connection ended.
    pub async fn next(&mut self) -> Option<String> {
        let mut messages = self.subscriber.on_message();
        loop {
            // Only the scripts publish here, the name of one of the event's keys; anything else is not for us.
            let key: String = messages.next().await?.get_payload().unwrap_or_default();
            if let Some((_, tagged)) = key.split_once('{')
                && let Some((event, _)) = tagged.split_once('}')
            {
                return Some(event.to_owned());
            }
        }
    }
}
