//! The right to persist the outboxes: one process at a time, so that two do not do the same work. Two for a moment do no
//! harm: the ledger's offsets turn the slower one away.

use std::sync::Arc;
use std::time::Duration;

use chassis::Outage;
use domain::Random;
use lua::{Lease, Store};
use tokio::time::sleep;

/// How long the lease outlives a holder that was killed.
const TTL: Duration = Duration::from_secs(3);
/// How often it is renewed, and how often another process tries to take it.
const RENEW: Duration = Duration::from_secs(1);

/// One process's claim to the lease.
pub(super) struct Claim {
    store: Store,
    lease: Lease,
    random: Arc<dyn Random>,
}

impl Claim {
    pub(super) fn new(store: Store, random: Arc<dyn Random>) -> Self {
        let mut owner = [0; 16];
        random.fill(&mut owner);
        let lease = Lease {
            name: "persister",
            owner: format!("{:032x}", u128::from_be_bytes(owner)),
        };
        Self {
            store,
            lease,
            random,
        }
    }

    /// Resolves when the lease is ours.
    pub(super) async fn take(&self) {
        let mut outage = Outage::of("lease of the persister", Arc::clone(&self.random));
        loop {
            match self.store.hold_lease(&self.lease, TTL).await {
                Ok(true) => return outage.over(),
                Ok(false) => sleep(RENEW).await,
                Err(error) => outage.failed(error).await,
            }
        }
    }

    /// Renews it; resolves when it is not certain any more that it is ours.
    pub(super) async fn keep(&self) {
        loop {
            sleep(RENEW).await;
            if !matches!(self.store.hold_lease(&self.lease, TTL).await, Ok(true)) {
                return;
            }
        }
    }

    /// Gives it back.
    pub(super) async fn release(&self) {
        if let Err(error) = self.store.release_lease(&self.lease).await {
            tracing::warn!(%error, "the lease of the persister could not be given back; it ends by itself");
        }
    }
}
