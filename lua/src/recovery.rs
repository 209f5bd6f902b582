//! Recovery: brings a Redis that may have forgotten something back to what the ledger knows, and recognises it.
//!
//! All of it happens on one connection that is never made again, so it is one process that is looked at, mended and
//! recognised; and under a lease. What an event held is laid beside its keys, page by page, and takes their place in one
//! step, which raises the event's epoch: whoever was too slow, and so has an earlier one, changes nothing.
//!
//! Of a Redis Cluster one primary is recovered at a time, with the events that it serves. The one with the list of events comes first,
//! since what it lost of the list is found at the others.

mod begin;
mod books;
mod draw;
mod lay;
mod resume;

use std::time::{Duration, Instant};

use domain::EventId;
use domain::event::Event;
use redis::Cmd;
use redis::aio::MultiplexedConnection;

use crate::connect::{Settings, StoreError};
use crate::events::with_event;
use crate::installation::Identity;
use crate::keys::{self, EVENTS, Keys};
use crate::script::{script, tags};
pub use draw::LaidDraw;
pub use lay::Line;
use lay::PIECE;

pub use books::{Holdings, RestoredBook};

script!(open RESTORE_BOOK = "restore_book", "records", "book");
script!(open RECOGNISE = "recognise");
script!(open RESUME_EVENT = "resume_event", "clock", "moves");
script!(open RESTORE_EVENT = "restore_event", "clock", "moves", "records", "pace", "event");

/// How long a recovery that was killed keeps others away.
const LEASE_MS: u64 = 3_000;
/// How long a recovery that looks at one event after the other goes on before it renews its lease.
const RENEWED: Duration = Duration::from_secs(1);
/// How far above the last ordinal that anybody knows of an event goes on: more than can have been on their way.
const GAP: u64 = 10_000;

/// A recovery under way. Nothing about any event is decided while it lasts.
pub struct Recovery {
    connection: MultiplexedConnection,
    /// To the primary with the list of events; the same one where it stands alone.
    home: MultiplexedConnection,
    identity: Identity,
    noted: u64,
    /// Whose the lease is, and what is laid beside an event's keys: no other connection is called so, of whatever process.
    pub(crate) owner: String,
    /// When the lease was renewed last, or a moment before.
    held_at: Instant,
}

/// An event as the ledger knows it.
#[derive(Clone, Copy, Debug)]
pub struct Restored<'a> {
    /// The event.
    pub event: &'a Event,
    /// The epoch of the records that it writes from now on.
    pub epoch: u64,
    /// The highest ordinal among its records.
    pub seen: u64,
    /// The last serial issued.
    pub serial: u64,
    /// Its line.
    pub line: &'a Line,
}

impl Recovery {
    /// Recognises every Redis in whose place nothing else is known: that of a test, or of a tool without a ledger.
    pub async fn of_nothing(settings: &Settings) -> Result<(), StoreError> {
        while let Some(recovery) = Self::begin(settings).await? {
            let next = recovery.noted + 1;
            recovery.finish(next).await?;
        }
        Ok(())
    }

    /// Does the Redis that is recovered serve this event or book?
    #[must_use]
    pub fn serves(&self, event: &EventId) -> bool {
        self.identity.slots.hold(&Keys::of(event).event())
    }

    /// The incarnation that this Redis last knew of; 0 when it knows of none.
    #[must_use]
    pub fn noted(&self) -> u64 {
        self.noted
    }

    /// Keeps the lease: at least once a second.
    pub async fn hold(&mut self) -> Result<(), StoreError> {
        let asked = self.holding();
        let asked_at = Instant::now();
        let held: Option<String> = asked.query_async(&mut self.connection).await?;
        self.is_ours(held.as_ref(), asked_at)
    }

    fn is_ours(&mut self, held: Option<&String>, asked_at: Instant) -> Result<(), StoreError> {
        if held == Some(&self.owner) {
            self.held_at = asked_at;
            Ok(())
        } else {
            Err(not_ours())
        }
    }

    /// Gives up: another attempt may begin at once.
    pub async fn give_up(mut self) {
        if self.hold().await.is_ok() {
            // What cannot be given back ends by itself.
            let lease = keys::recovery(&self.identity.tag);
            let _ = redis::cmd("DEL")
                .arg(lease)
                .exec_async(&mut self.connection)
                .await;
        }
    }

    /// How many records of an event this Redis has counted. It is asked of every event in turn, so it keeps the lease.
    pub async fn records(&mut self, event: &EventId) -> Result<u64, StoreError> {
        if self.held_at.elapsed() > RENEWED {
            self.hold().await?;
        }
        let held: Option<u64> = redis::cmd("HGET")
            .arg(Keys::of(event).counts())
            .arg("records")
            .query_async(&mut self.connection)
            .await?;
        Ok(held.unwrap_or(0))
    }

    /// Puts an event back as the ledger knows it; its issues were laid beside it before.
    pub async fn restore(&mut self, restored: Restored<'_>) -> Result<(), StoreError> {
        tags!(Outcome { Restored = "restored", NotOurs = "not-ours" });
        let event = restored.event;
        self.lay_line(&event.event, restored.line).await?;
        self.lay_draw(event, restored.line.draw.as_ref()).await?;
        self.list(&event.event).await?;
        let keys = Keys::of(&event.event);
        let mut touched = crate::events::every_change_keys(&keys).to_vec();
        touched.push(keys.acked());
        for key in replaced(&keys) {
            touched.extend([self.beside(&key), key]);
        }
        let line = restored.line;
        let call = RESTORE_EVENT
            .keys(touched)
            .arg(&[restored.epoch, restored.seen, GAP, restored.serial])
            .arg(&[
                line.last_seq.0,
                line.ever_admitted,
                line.no_shows,
                line.left,
            ]);
        let mut reply = with_event(call, event)?
            .run_on(&mut self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Restored => Ok(()),
            Outcome::NotOurs => Err(not_ours()),
        }
    }

    /// Names an event in the list, before it is put back: readers skip an entry without an event. Whoever lost the lease stops here.
    async fn list(&mut self, event: &EventId) -> Result<(), StoreError> {
        self.hold().await?;
        Ok(redis::cmd("SADD")
            .arg(EVENTS)
            .arg(event.as_str())
            .exec_async(&mut self.home)
            .await?)
    }

    /// Reads whose the lease is, and prolongs it.
    fn holding(&self) -> Cmd {
        let mut command = redis::cmd("GETEX");
        let lease = keys::recovery(&self.identity.tag);
        command.arg(lease).arg("PX").arg(LEASE_MS);
        command
    }

    /// Recognises this Redis: service goes on, in this incarnation.
    pub async fn finish(mut self, incarnation: u64) -> Result<(), StoreError> {
        tags!(Outcome { Recognised = "recognised", NotOurs = "not-ours" });
        let mut reply = RECOGNISE
            .keys([
                keys::installation(&self.identity.tag),
                keys::recovery(&self.identity.tag),
            ])
            .arg(self.owner.as_str())
            .arg(self.identity.run_id.as_str())
            .arg(self.identity.lineage.as_str())
            .arg(incarnation)
            .run_on(&mut self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Recognised => Ok(()),
            Outcome::NotOurs => Err(not_ours()),
        }
    }
}

/// The keys that are put back whole. Tickets are minted again; who was seen or passed over is found out anew.
fn replaced(keys: &Keys<'_>) -> [String; 17] {
    [
        keys.places(),
        keys.admitted(),
        keys.outstanding(),
        keys.unminted(),
        keys.tickets(),
        keys.gone(),
        keys.passed(),
        keys.grace(),
        keys.seen(),
        keys.draw(),
        keys.draw_list(),
        keys.withdrawn(),
        keys.drawn(),
        keys.participants(),
        keys.issued(),
        keys.coupons(),
        keys.claims(),
    ]
}

fn not_ours() -> StoreError {
    StoreError::Unavailable("somebody else recovers it".to_owned())
}
