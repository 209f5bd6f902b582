//! Leases: rights of which one process at a time should make use, such as to move the outboxes on. Two holders for a moment
//! do no harm, only the same work twice. A lease ends by itself when its holder dies.

use std::time::Duration;

use domain::Random;
use tokio::time::sleep;

use crate::connect::{Store, StoreError};
use crate::keys;
use crate::script::{script, tags};

script!(open HOLD_LEASE = "hold_lease");
script!(open RELEASE_LEASE = "release_lease");

/// How long a lease outlives a holder that was killed.
const TTL: Duration = Duration::from_secs(3);
/// How often it is renewed, and how often another process tries to take it.
const RENEW: Duration = Duration::from_secs(1);

/// One process's claim to a lease.
#[derive(Clone)]
pub struct Lease {
    store: Store,
    name: &'static str,
    owner: String,
}

impl Lease {
    /// A claim to the lease `name`, under an owner's name of its own.
    #[must_use]
    pub fn new(store: &Store, name: &'static str, random: &dyn Random) -> Self {
        let mut owner = [0; 16];
        random.fill(&mut owner);
        Self {
            store: store.clone(),
            name,
            owner: format!("{:032x}", u128::from_be_bytes(owner)),
        }
    }

    /// Resolves when the lease is ours.
    pub async fn take(&self) -> Result<(), StoreError> {
        while !self.hold().await? {
            sleep(RENEW).await;
        }
        Ok(())
    }

    /// Renews it; resolves when it is not certain any more that it is ours.
    pub async fn keep(&self) {
        loop {
            sleep(RENEW).await;
            if !matches!(self.hold().await, Ok(true)) {
                return;
            }
        }
    }

    /// Takes or renews it once; false when another holds it.
    pub async fn hold(&self) -> Result<bool, StoreError> {
        self.hold_for(TTL).await
    }

    pub(crate) async fn hold_for(&self, ttl: Duration) -> Result<bool, StoreError> {
        tags!(Outcome { Held = "held", Taken = "taken" });
        let mut reply = HOLD_LEASE
            .keys([keys::lease(self.name)])
            .arg(self.owner.as_str())
            .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
            .run(&self.store.door)
            .await?;
        match reply.tag()? {
            Outcome::Held => Ok(true),
            Outcome::Taken => Ok(false),
        }
    }

    /// Gives it back, if it is ours. What cannot be given back ends by itself.
    pub async fn release(&self) {
        tags!(Outcome { Released = "released", NotOurs = "not-ours" });
        let asked = RELEASE_LEASE
            .keys([keys::lease(self.name)])
            .arg(self.owner.as_str())
            .run(&self.store.door)
            .await;
        let told = asked.and_then(|mut reply| match reply.tag()? {
            Outcome::Released | Outcome::NotOurs => Ok(()),
        });
        if let Err(error) = told {
            tracing::warn!(%error, lease = self.name, "a lease could not be given back; it ends by itself");
        }
    }
}
