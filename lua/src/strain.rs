//! How redeeming goes, told by the issuers and judged by admission: the brake.

use domain::{EventId, Millis};

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{parsed, script, tags};

script!(TELL_STRAIN = "tell_strain", "clock");

/// How some redeems went. Refusals for which the caller alone is to blame are none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strain {
    /// How many were decided, or failed.
    pub all: u64,
    /// Those that failed: no answer, or one that nobody knows.
    pub failed: u64,
    /// Those that took too long.
    pub late: u64,
}

/// The brake of an event, while it is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brake {
    /// The rate is divided by it: 2, 4, 8 or 16.
    pub divisor: u64,
    /// Since when it is on.
    pub since: Millis,
    /// Why its last step was made.
    pub why: Why,
    /// The share of the redeems of ten seconds that went so, 0–1; 0 when all was calm.
    pub share: f64,
}

/// Why the brake made a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Redeems failed.
    Failed,
    /// Redeems took too long.
    Late,
    /// All was well: it lets go.
    Calm,
}

impl Why {
    /// The name, as in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Calm => "calm",
        }
    }
}

impl Store {
    /// Tells how redeems of an event went since this was told last: what its brake judges by. It counts for the present
    /// second, so it wants to be told every second.
    pub async fn tell_strain(&self, event: &EventId, strain: Strain) -> Result<(), StoreError> {
        tags!(Outcome { Told = "told" });
        let reply = TELL_STRAIN
            .keys([Keys::of(event).strain()])
            .arg(strain.all)
            .arg(strain.failed)
            .arg(strain.late)
            .run(&self.door)
            .await;
        match reply?.tag()? {
            Outcome::Told => Ok(()),
        }
    }
}

/// Reads a brake as the scripts keep it: `divisor since_ms moved_ms why share`, or nothing.
pub(crate) fn brake(held: &str) -> Result<Option<Brake>, StoreError> {
    let unexpected = || StoreError::Unexpected(format!("the brake `{held}`"));
    let parts: Vec<&str> = held.split_whitespace().collect();
    match parts[..] {
        [] => Ok(None),
        [divisor, since, _, why, share] => Ok(Some(Brake {
            divisor: parsed(divisor)?,
            since: Millis(parsed(since)?),
            why: [Why::Failed, Why::Late, Why::Calm]
                .into_iter()
                .find(|known| known.as_str() == why)
                .ok_or_else(unexpected)?,
            share: parsed(share)?,
        })),
        _ => Err(unexpected()),
    }
}
