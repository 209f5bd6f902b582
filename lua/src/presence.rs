//! Presence: who of those near the head is there. Told in batches by whoever sees them, never asked for.

use domain::{EventId, PlaceId};

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(PRESENT = "present", "clock", "bulk");

/// Most people that one call tells of, so that no call holds the store up.
const MOST_TOLD: usize = 500;

impl Store {
    /// Tells that these people are there now. Whoever was passed over and is seen within the grace is next again; of a place
    /// that is not in line nothing is kept.
    pub async fn present(&self, event: &EventId, places: &[PlaceId]) -> Result<(), StoreError> {
        tags!(Outcome { Seen = "seen", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        for some in places.chunks(MOST_TOLD) {
            let mut call = PRESENT.keys([
                keys.event(),
                keys.places(),
                keys.passed(),
                keys.grace(),
                keys.seen(),
            ]);
            for place in some {
                call = call.arg(place.as_str());
            }
            match call.run(&self.door).await?.tag()? {
                Outcome::Seen | Outcome::NoSuchEvent => {}
            }
        }
        Ok(())
    }
}
