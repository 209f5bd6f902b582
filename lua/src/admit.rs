//! Admission: one script decides who is next; another puts the minted tickets where their holders find them.

use domain::place::AdmittedPlace;
use domain::{EventId, Millis, PlaceId, Seq};

use crate::connect::{Store, StoreError};
use crate::events::given;
use crate::keys::Keys;
use crate::script::{parsed, script, tags};

script!(
    ADMIT = "admit",
    "clock",
    "bulk",
    "moves",
    "records",
    "pace",
    "event",
    "brake",
    "presence"
);
script!(STORE_TICKETS = "store_tickets", "clock", "moves");

/// Most tickets that one call stores, so that no call holds the store up.
const MOST_STORED: usize = 500;

/// One round of admission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmitRound {
    /// Those let in by this round, in order.
    pub admitted: Vec<AdmittedPlace>,
    /// Those let in earlier whose ticket was never stored (a crash between admit and mint): mint theirs too.
    pub unminted: Vec<AdmittedPlace>,
    /// How many were let go in this round: their ticket ended unused, or they were absent for too long.
    pub no_shows: u64,
    /// Ask again after this many milliseconds: soon when the line moves, seldom when nobody waits.
    pub next_in_ms: u64,
    /// Those who came before the opening are to be drawn first ([`Store::draw`]); nobody is let in until then.
    pub drawing: bool,
    /// What the brake divides the rate by; 1 when it is off.
    pub divisor: u64,
    /// As many records wait for the log as may ([`crate::Settings::outbox_max`]): nobody is let in until it has taken some.
    pub outbox_full: bool,
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
    /// min(tokens, capacity − outstanding, stock − outstanding, waiting, `most`) of those at the head who are there, and
    /// passes over the absent before them. `kid` is the key that will sign their tickets. Any number of replicas may call
    /// it at any time.
    pub async fn admit(
        &self,
        event: &EventId,
        kid: &str,
        most: usize,
    ) -> Result<AdmitRound, StoreError> {
        self.admit_braked(event, kid, most, None).await
    }

    /// As [`Self::admit`]. The brake halves the rate when the share `most_failed` of the redeems of ten seconds failed, too;
    /// see [`Store::tell_strain`].
    pub async fn admit_braked(
        &self,
        event: &EventId,
        kid: &str,
        most: usize,
        most_failed: Option<f64>,
    ) -> Result<AdmitRound, StoreError> {
        tags!(Outcome { Round = "round", NoSuchEvent = "no-such-event" });
        let mut reply = ADMIT
            .keys(admit_keys(&Keys::of(event)))
            .arg(kid)
            .arg(most)
            .arg(given(most_failed))
            .arg(self.door.outbox_max())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::NoSuchEvent => Ok(AdmitRound {
                unknown: true,
                ..AdmitRound::default()
            }),
            Outcome::Round => Ok(AdmitRound {
                admitted: admitted_places(&reply.take::<Vec<(String, String)>>()?)?,
                unminted: admitted_places(&reply.take::<Vec<(String, String)>>()?)?,
                no_shows: reply.take()?,
                next_in_ms: reply.take()?,
                drawing: reply.take()?,
                divisor: reply.take()?,
                outbox_full: reply.take()?,
                unknown: false,
            }),
        }
    }

    /// Stores minted tickets of places that are still admitted and tells the gateways.
    pub async fn store_tickets(
        &self,
        event: &EventId,
        minted: &[Minted],
    ) -> Result<(), StoreError> {
        tags!(Outcome { Stored = "stored" });
        let keys = Keys::of(event);
        for piece in minted.chunks(MOST_STORED) {
            let mut call = STORE_TICKETS.keys([
                keys.admitted(),
                keys.tickets(),
                keys.unminted(),
                keys.counts(),
                keys.seq(),
                keys.moves(),
            ]);
            for one in piece {
                call = call
                    .arg(one.place.as_str())
                    .arg(one.seq.0)
                    .arg(one.ticket.as_str());
            }
            match call.run(&self.door).await?.tag()? {
                Outcome::Stored => {}
            }
        }
        Ok(())
    }
}

/// The keys in the order of admit.lua's contract.
fn admit_keys(keys: &Keys<'_>) -> [String; 20] {
    [
        keys.event(),
        keys.counts(),
        keys.stock(),
        keys.places(),
        keys.seq(),
        keys.admitted(),
        keys.tickets(),
        keys.gone(),
        keys.outstanding(),
        keys.unminted(),
        keys.moves(),
        keys.pace(),
        keys.outbox(),
        keys.audit(),
        keys.passed(),
        keys.grace(),
        keys.seen(),
        keys.draw(),
        keys.strain(),
        keys.book(),
    ]
}

/// Reads admitted places as the store keeps them: place and `seq admitted_ms expires_ms kid`.
fn admitted_places(held: &[(String, String)]) -> Result<Vec<AdmittedPlace>, StoreError> {
    held.iter()
        .map(|(place, record)| {
            let mut parts = record.splitn(4, ' ');
            let mut next = || {
                parts.next().ok_or_else(|| {
                    StoreError::Unexpected("an admission with parts missing".to_owned())
                })
            };
            Ok(AdmittedPlace {
                place: parsed(place)?,
                seq: Seq(parsed(next()?)?),
                admitted_at: Millis(parsed(next()?)?),
                expires_at: Millis(parsed(next()?)?),
                kid: next()?.to_owned(),
            })
        })
        .collect()
}
