//! Whether the time left that people were shown came true, told by the gateways.

use domain::EventId;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(TELL_WAITS = "tell_waits");

/// People who got their ticket and had been shown a time left before, each connection for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// All of them.
    pub all: u64,
    /// Those who waited as long as they were told at first.
    pub in_range: u64,
}

impl Store {
    /// Adds what a gateway has counted since it told last to what all gateways did. A call that fails may have counted: who
    /// tells it again may count people twice.
    pub async fn tell_waits(&self, event: &EventId, waits: Waits) -> Result<(), StoreError> {
        tags!(Outcome { Told = "told", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let reply = TELL_WAITS
            .keys([keys.event(), keys.counts()])
            .arg(waits.all)
            .arg(waits.in_range)
            .run(&self.door)
            .await;
        match reply?.tag()? {
            Outcome::Told | Outcome::NoSuchEvent => Ok(()),
        }
    }
}
