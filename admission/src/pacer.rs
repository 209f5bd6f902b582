//! The pacemaker: one loop per event asks the store who is next, as often as the store says, mints their tickets and puts
//! them where their holders find them. It decides nothing itself, so several replicas may run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use domain::place::AdmittedPlace;
use domain::{EventId, Random};
use lua::{Store, StoreError};
use metrics::counter;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::keys::Signer;
use crate::mint::mint;
use crate::outage::{Failure, Outage, Standing};

/// How often the list of events is read, so that a new one begins to move.
const LOOK: Duration = Duration::from_millis(250);
/// How often the public key is published again, so that a store that lost it has it back.
const PUBLISH: Duration = Duration::from_secs(30);
/// Most people that one round lets in: about ten milliseconds of minting.
const MOST: usize = 500;
/// Most rounds at once. Waiting ones are served in turn, so a loud event gets no more than its share.
const ROUNDS: usize = 64;
/// Pauses from here on, in milliseconds, are shortened by up to a quarter, so that a thousand idle events do not ask in step.
const SPREAD_MS: u64 = 50;

/// Lets people in, event by event.
pub struct Pacer {
    store: Store,
    signer: Arc<Signer>,
    random: Arc<dyn Random>,
    lifecycle: Lifecycle,
    rounds: Semaphore,
    outage: Outage,
    /// Keys that we do not hold and have told of.
    foreign: Mutex<HashSet<String>>,
}

impl Pacer {
    /// A pacer that signs with `signer`'s key.
    pub fn new(
        store: Store,
        signer: Arc<Signer>,
        random: Arc<dyn Random>,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            store,
            signer,
            random,
            lifecycle,
            rounds: Semaphore::new(ROUNDS),
            outage: Outage::default(),
            foreign: Mutex::default(),
        }
    }

    /// Runs until stopping is asked for; rounds that have begun are finished.
    pub async fn run(self: Arc<Self>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut publications = interval(PUBLISH);
        let mut standing = self.outage.standing();
        let mut paced = HashSet::new();
        let mut running = JoinSet::new();
        loop {
            let outcome = tokio::select! {
                () = self.lifecycle.stopping() => break,
                Some(ended) = running.join_next() => {
                    paced.remove(&ended?);
                    continue;
                }
                _ = looks.tick() => self.look(&mut paced, &mut running).await,
                _ = publications.tick() => self.store.publish_key(&self.signer.public()).await,
            };
            match outcome {
                Ok(()) => standing.well(),
                Err(error) => {
                    let wait = self.failed(&mut standing, &error.into());
                    self.pause(wait).await;
                }
            }
        }
        while let Some(ended) = running.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Begins a loop for every event that has none.
    async fn look(
        self: &Arc<Self>,
        paced: &mut HashSet<EventId>,
        running: &mut JoinSet<EventId>,
    ) -> Result<(), StoreError> {
        for event in self.store.events().await? {
            if paced.insert(event.clone()) {
                running.spawn(Arc::clone(self).pace(event));
            }
        }
        Ok(())
    }

    /// Round after round, until the event is gone or stopping is asked for.
    async fn pace(self: Arc<Self>, event: EventId) -> EventId {
        let mut standing = self.outage.standing();
        while !self.lifecycle.is_stopping() {
            let wait = match self.round(&event).await {
                Ok(None) => break,
                Ok(Some(next_in_ms)) => {
                    standing.well();
                    self.spread(next_in_ms)
                }
                Err(failure) => self.failed(&mut standing, &failure),
            };
            self.pause(wait).await;
        }
        event
    }

    /// One round: who is next, their tickets, and the tickets of those whom an earlier round let in and never served.
    /// Returns the store's hint for the next round in milliseconds, `None` when there is no such event.
    async fn round(&self, event: &EventId) -> Result<Option<u64>, Failure> {
        // The semaphore is never closed; without a permit the round would be as right.
        let _turn = self.rounds.acquire().await;
        let round = self.store.admit(event, self.signer.kid(), MOST).await?;
        if round.unknown {
            return Ok(None);
        }
        counter!("stanchion_admission_rounds_total").increment(1);
        let admitted = round.admitted.len() as u64;
        for (name, count) in [
            ("stanchion_admission_admitted_total", admitted),
            ("stanchion_admission_no_shows_total", round.no_shows),
        ] {
            if count > 0 {
                counter!(name, "event" => event.to_string()).increment(count);
            }
        }
        let places = [round.admitted, round.unminted].concat();
        let ours = self.signed_by_us(event, places);
        if !ours.is_empty() {
            let minted = mint(&self.signer, event, ours).await?;
            self.store.store_tickets(event, &minted).await?;
        }
        // A full round left people behind who may go at once; the others' rounds come in between.
        let full = admitted >= MOST as u64;
        Ok(Some(if full { 0 } else { round.next_in_ms }))
    }

    /// Leaves out the places whose ticket another replica's key signs; tells of each such key once.
    fn signed_by_us(&self, event: &EventId, mut places: Vec<AdmittedPlace>) -> Vec<AdmittedPlace> {
        places.retain(|place| {
            let ours = place.kid == self.signer.kid();
            if !ours && self.foreign.lock().insert(place.kid.clone()) {
                tracing::warn!(
                    %event,
                    kid = place.kid,
                    "people were let in for a signing key that this process does not hold; the process that holds it mints their tickets",
                );
            }
            ours
        });
        places
    }

    fn failed(&self, standing: &mut Standing, failure: &Failure) -> Duration {
        counter!("stanchion_admission_errors_total").increment(1);
        standing.failed(failure, self.random.as_ref())
    }

    /// The pause that a hint asks for; a long one is a little shorter now and then.
    fn spread(&self, next_in_ms: u64) -> Duration {
        let shorter_ms = if next_in_ms < SPREAD_MS {
            0
        } else {
            let most = u32::try_from(next_in_ms / 4).unwrap_or(u32::MAX);
            u64::from(self.random.below(most))
        };
        Duration::from_millis(next_in_ms - shorter_ms)
    }

    /// Waits, but not longer than until stopping is asked for.
    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.lifecycle.stopping() => {}
            () = sleep(wait) => {}
        }
    }
}
