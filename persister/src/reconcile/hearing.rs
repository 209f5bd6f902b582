//! Hearing of which events something happened: the others stand as they stood, and nobody is asked about them.

use std::collections::BTreeSet;

use domain::EventId;
use lua::{Settings, Store, StoreError, Wakes};

/// Hears every event of which a record came into an empty outbox, or a mark rose.
pub(crate) struct Hearing {
    wakes: Wakes,
    /// Those of which something was heard that may not have come to an end: all at first.
    pub(crate) awake: BTreeSet<EventId>,
}

impl Hearing {
    /// From here on everything is heard.
    pub(super) async fn begin(store: &Store, settings: &Settings) -> Result<Self, StoreError> {
        let wakes = Wakes::of_marks(settings).await?;
        let awake = store.events().await?.into_iter().collect();
        Ok(Self { wakes, awake })
    }

    /// What was told since the last time, as far as it has come here.
    pub(super) fn told(&mut self) -> Result<BTreeSet<EventId>, StoreError> {
        let ended = || StoreError::Unavailable("the subscription ended".to_owned());
        let mut heard = BTreeSet::new();
        while let Some(told) = self.wakes.told() {
            heard.insert(told.ok_or_else(ended)?);
        }
        self.awake.extend(heard.iter().cloned());
        Ok(heard)
    }

    /// All that was told before this call.
    pub(super) async fn all_told(&mut self) -> Result<BTreeSet<EventId>, StoreError> {
        self.wakes.catch_up().await?;
        self.told()
    }
}

impl std::fmt::Debug for Hearing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hearing({} awake)", self.awake.len())
    }
}
