//! Hearing what is published, on connections of its own: one to each primary. A cluster tells a message at every node, at the one where
//! it was published before that one's next answer, so each is heard once from every primary.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{self, BoxStream, StreamExt as _, select_all};
use redis::Msg;
use redis::aio::PubSub;

use crate::connect::{Settings, StoreError, subscriber};

/// How long a listener's own question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Some may be missed while it reconnects: after it was made, and after [`Subscription::next`] returned `None`, anything may have
/// happened.
pub(crate) struct Subscription(Vec<PubSub>);

impl Subscription {
    /// Hears these channels.
    pub(crate) async fn of(settings: &Settings, channels: &[&str]) -> Result<Self, StoreError> {
        let primaries = settings.primaries().await?;
        let subscribed = primaries.into_iter().map(|primary| async move {
            let mut subscriber = subscriber(&primary.client).await?;
            subscriber.subscribe(channels).await?;
            Ok::<_, StoreError>(subscriber)
        });
        Ok(Self(try_join_all(subscribed).await?))
    }

    /// The next message; `None` when a connection ended. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Option<Msg> {
        match &mut self.0[..] {
            [alone] => alone.on_message().next().await,
            several => select_all(several.iter_mut().map(ending)).next().await?,
        }
    }

    /// Waits until everything that was told before this call can be heard without waiting.
    pub(crate) async fn catch_up(&mut self) -> Result<(), StoreError> {
        // The answers come behind it.
        let asked = self.0.iter_mut().map(PubSub::ping::<redis::Value>);
        match tokio::time::timeout(PATIENCE, join_all(asked)).await {
            Ok(answered) => answered
                .into_iter()
                .try_for_each(|answer| answer.map(drop).map_err(StoreError::from)),
            Err(_) => Err(StoreError::Unavailable(
                "a listener got no answer".to_owned(),
            )),
        }
    }
}

/// What a connection tells, and that it ended.
fn ending(subscriber: &mut PubSub) -> BoxStream<'_, Option<Msg>> {
    let messages = subscriber.on_message().map(Some);
    messages.chain(stream::iter([None])).boxed()
}
