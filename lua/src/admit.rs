//! Admission: one script decides who is next; another puts the minted tickets where their holders find them.

use domain::place::AdmittedPlace;
use domain::{EventId, PlaceId, Seq};

use crate::connect::{Store, StoreError};

/// One round of admission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmitRound {
    /// Those let in by this round, in order.
    pub admitted: Vec<AdmittedPlace>,
    /// Those let in earlier whose ticket was never stored (a crash between admit and mint): mint theirs too.
    pub unminted: Vec<AdmittedPlace>,
    /// How many tickets ended unused and were swept in this round.
    pub no_shows: u64,
    /// Ask again after this many milliseconds: soon when the line moves, seldom when nobody waits.
    pub next_in_ms: u64,
    /// There is no such event (any more).
    pub unknown: bool,
}

/// A minted ticket on its way into the store.
#[derive(Clone, Debug)]
pub struct Minted {
    /// Whose.
    pub place: PlaceId,
    /// Its ordinal.
    pub seq: Seq,
    /// The ticket.
    pub ticket: String,
}

impl Store {
    /// Runs one round: sweeps tickets that ended, carries out a phase move that is due, refills the bucket, lets in
    /// min(tokens, capacity − outstanding, stock − outstanding, waiting, `most`) from the head. `kid` is the key that
    /// will sign their tickets. Any number of replicas may call it at any time.
    pub async fn admit(
        &self,
        event: &EventId,
        kid: &str,
        most: usize,
    ) -> Result<AdmitRound, StoreError> {
        let _ = (event, kid, most);
        unimplemented!()
    }

    /// Stores minted tickets of places that are still admitted and tells the gateways.
    pub async fn store_tickets(
        &self,
        event: &EventId,
        minted: &[Minted],
    ) -> Result<(), StoreError> {
        let _ = (event, minted);
        unimplemented!()
    }
}
