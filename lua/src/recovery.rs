//! Recovery: brings a Redis that may have forgotten something back to what the ledger knows, and recognises it.
//!
//! All of it happens on one connection that is never made again, so it is one process that is looked at, mended and
//! recognised; and under a lease. What an event held is laid beside its keys, page by page, and takes their place in one
//! step, which looks at the lease: whoever was too slow changes nothing.

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
use crate::installation::{INSTALLATION, Identity, Standing};
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
    identity: Identity,
    noted: u64,
    /// Whose the lease is, and what is laid beside an event's keys: no other connection is called so, of whatever process.
    owner: String,
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
    /// Begins, unless this Redis is the one that was last recognised or somebody else recovers it. From here on no script
    /// of an event runs.
    pub async fn begin(settings: &Settings) -> Result<Option<Self>, StoreError> {
        let mut connection = settings.single_connection().await?;
        let (standing, identity) = Standing::with_identity(&mut connection).await?;
        if let Standing::Known(_) = standing {
            return Ok(None);
        }
        let number: u64 = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut connection)
            .await?;
        // A process that is started again on the same files counts its connections from the beginning.
        let owner = format!("connection-{number}-of-{}", identity.run_id);
        let held_at = Instant::now();
        let taken: bool = redis::cmd("SET")
            .arg(keys::lease("recovery"))
            .arg(&owner)
            .arg(&["NX", "PX"])
            .arg(LEASE_MS)
            .query_async(&mut connection)
            .await?;
        if !taken {
            return Ok(None);
        }
        // Looked at again under the lease: somebody may have recognised it and given the lease back in between.
        let noted = match Standing::read(&mut connection).await? {
            Standing::Known(_) => {
                let lease = keys::lease("recovery");
                redis::cmd("DEL")
                    .arg(lease)
                    .exec_async(&mut connection)
                    .await?;
                return Ok(None);
            }
            Standing::Changed(noted) => noted,
            Standing::Blank => 0,
        };
        redis::cmd("SCRIPT")
            .arg(&["FLUSH", "ASYNC"])
            .exec_async(&mut connection)
            .await?;
        Ok(Some(Self {
            connection,
            identity,
            noted,
            owner,
            held_at,
        }))
    }

    /// Recognises a Redis in whose place nothing else is known: that of a test, or of a tool without a ledger.
    pub async fn of_nothing(settings: &Settings) -> Result<(), StoreError> {
        let Some(recovery) = Self::begin(settings).await? else {
            return Ok(());
        };
        let next = recovery.noted + 1;
        recovery.finish(next).await
    }

    /// The incarnation that this Redis last knew of; 0 when it knows of none.
    #[must_use]
    pub fn noted(&self) -> u64 {
        self.noted
    }

    /// Keeps the lease: at least once a second.
    pub async fn hold(&mut self) -> Result<(), StoreError> {
        let asked_at = Instant::now();
        let held: Option<String> = hold().query_async(&mut self.connection).await?;
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
            let lease = keys::lease("recovery");
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
        self.lay_line(&restored.event.event, restored.line).await?;
        let event = restored.event;
        let keys = Keys::of(&event.event);
        self.lay_draw(event, restored.line.draw.as_ref()).await?;
        let mut touched = vec![keys::lease("recovery"), EVENTS.to_owned()];
        touched.extend(crate::events::every_change_keys(&keys));
        touched.push(keys.acked());
        for key in replaced(&keys) {
            touched.extend([self.beside(&key), key]);
        }
        let (event_id, line) = (event.event.as_str(), restored.line);
        let call = RESTORE_EVENT
            .keys(touched)
            .arg(self.owner.as_str())
            .arg(event_id)
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

    /// Recognises this Redis: service goes on, in this incarnation.
    pub async fn finish(mut self, incarnation: u64) -> Result<(), StoreError> {
        tags!(Outcome { Recognised = "recognised", NotOurs = "not-ours" });
        let mut reply = RECOGNISE
            .keys([INSTALLATION.to_owned(), keys::lease("recovery")])
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

/// Reads whose the lease is, and prolongs it.
fn hold() -> Cmd {
    let mut command = redis::cmd("GETEX");
    command.arg(keys::lease("recovery")).arg("PX").arg(LEASE_MS);
    command
}

fn not_ours() -> StoreError {
    StoreError::Unavailable("somebody else recovers it".to_owned())
}
