//! Recovery: brings a Redis that may have forgotten something back to what the ledger knows, and recognises it.
//!
//! All of it happens on one connection that is never made again, so it is one process that is looked at, mended and
//! recognised; and under a lease. What an event held is laid beside its keys, page by page, and takes their place in one
//! step, which looks at the lease: whoever was too slow changes nothing.

mod books;

use domain::coupon::Issue;
use domain::event::{Event, Order};
use domain::place::{AdmittedPlace, GoneReason};
use domain::{EventId, Phase, PlaceId, Seq};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, ToRedisArgs};

use crate::connect::{Settings, StoreError};
use crate::events::with_event;
use crate::installation::{INSTALLATION, Identity, Standing};
use crate::keys::{self, EVENTS, Keys};
use crate::script::{script, tags};

pub use books::{Holdings, RestoredBook};

script!(open RESTORE_BOOK = "restore_book", "records", "book");
script!(open RECOGNISE = "recognise");
script!(open RESTORE_EVENT = "restore_event", "clock", "moves", "records", "pace", "event");

/// How long a recovery that was killed keeps others away.
const LEASE_MS: u64 = 3_000;
/// How long what was laid beside an event's keys outlives a recovery that was killed.
const BESIDE_S: i64 = 3_600;
/// How far above the last ordinal that anybody knows of an event goes on: more than can have been on their way.
const GAP: u64 = 10_000;
/// Most places in one command.
const PIECE: usize = 1_000;

/// A recovery under way. Nothing about any event is decided while it lasts.
pub struct Recovery {
    connection: MultiplexedConnection,
    identity: Identity,
    noted: u64,
    owner: String,
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

/// A line as its records tell of it. Who holds a coupon is in none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Those who wait.
    pub waiting: Vec<(PlaceId, Seq)>,
    /// Those who were let in.
    pub admitted: Vec<AdmittedPlace>,
    /// Those who gave their place up, and why.
    pub gone: Vec<(PlaceId, GoneReason)>,
    /// The last seq given.
    pub last_seq: Seq,
    /// How many were ever let in.
    pub ever_admitted: u64,
    /// How many tickets ended unused.
    pub no_shows: u64,
    /// How many left.
    pub left: u64,
}

impl Recovery {
    /// Begins, unless this Redis is the one that was last recognised or somebody else recovers it. From here on no script
    /// of an event runs.
    pub async fn begin(settings: &Settings) -> Result<Option<Self>, StoreError> {
        let mut connection = settings.single_connection().await?;
        if let Standing::Known(_) = Standing::read(&mut connection).await? {
            return Ok(None);
        }
        let number: u64 = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut connection)
            .await?;
        let owner = format!("connection-{number}");
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
        let (standing, identity) = Standing::with_identity(&mut connection).await?;
        let noted = match standing {
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
        let held: Option<String> = redis::cmd("GETEX")
            .arg(keys::lease("recovery"))
            .arg("PX")
            .arg(LEASE_MS)
            .query_async(&mut self.connection)
            .await?;
        if held.as_ref() == Some(&self.owner) {
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

    /// How many records of an event this Redis has counted.
    pub async fn records(&mut self, event: &EventId) -> Result<u64, StoreError> {
        let held: Option<u64> = redis::cmd("HGET")
            .arg(Keys::of(event).counts())
            .arg("records")
            .query_async(&mut self.connection)
            .await?;
        Ok(held.unwrap_or(0))
    }

    /// Lays issued coupons beside the event's keys, in order of serial.
    pub async fn lay_issues(&mut self, event: &Event, issues: &[Issue]) -> Result<(), StoreError> {
        if issues.is_empty() {
            return self.hold().await;
        }
        let keys = Keys::of(&event.event);
        let mut pipe = redis::pipe();
        for issue in issues {
            let (epoch, ordinal) = issue.record_id.epoch_and_ordinal().unwrap_or_default();
            let (serial, at, code) = (issue.coupon.serial.0, issue.issued_at.0, &issue.coupon.code);
            let stored = format!("{serial} {at} {ordinal} {epoch} {} {code}", issue.jti);
            let holder = issue.holder.as_str();
            pipe.hset(self.beside(&keys.issued()), holder, stored)
                .ignore();
            pipe.sadd(self.beside(&keys.participants()), holder)
                .ignore();
            pipe.hset(self.beside(&keys.coupons()), code, holder)
                .ignore();
            if !event.definition.line {
                pipe.rpush(self.beside(&keys.claims()), holder).ignore();
            }
        }
        let laid = [
            keys.issued(),
            keys.participants(),
            keys.coupons(),
            keys.claims(),
        ];
        self.lay(pipe, laid.as_slice()).await
    }

    /// Puts an event back as the ledger knows it; its issues were laid beside it before.
    pub async fn restore(&mut self, restored: Restored<'_>) -> Result<(), StoreError> {
        tags!(Outcome { Restored = "restored", NotOurs = "not-ours" });
        self.lay_line(&restored.event.event, restored.line).await?;
        let event = restored.event;
        let keys = Keys::of(&event.event);
        let drawn = event.definition.order == Order::Draw
            && !matches!(event.phase, Phase::Draft | Phase::Lobby);
        if drawn {
            let mut pipe = redis::pipe();
            pipe.hset(self.beside(&keys.draw()), "state", "done")
                .ignore();
            self.lay(pipe, &[keys.draw()]).await?;
        }
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

    async fn lay_line(&mut self, event: &EventId, line: &Line) -> Result<(), StoreError> {
        let keys = Keys::of(event);
        for piece in line.waiting.chunks(PIECE) {
            let members: Vec<(u64, &str)> = piece
                .iter()
                .map(|(place, seq)| (seq.0, place.as_str()))
                .collect();
            self.lay_pairs("ZADD", &keys.places(), members).await?;
        }
        for piece in line.admitted.chunks(PIECE) {
            let record = |one: &AdmittedPlace| {
                let (seq, from, to) = (one.seq.0, one.admitted_at.0, one.expires_at.0);
                format!("{seq} {from} {to} {}", one.kid)
            };
            let records: Vec<(&str, String)> = piece
                .iter()
                .map(|one| (one.place.as_str(), record(one)))
                .collect();
            let ends: Vec<(i64, &str)> = piece
                .iter()
                .map(|one| (one.expires_at.0, one.place.as_str()))
                .collect();
            // Handed to a minter long ago: their tickets, which are the same again, are minted at once.
            let handed: Vec<(i64, &str)> =
                piece.iter().map(|one| (0, one.place.as_str())).collect();
            self.lay_pairs("HSET", &keys.admitted(), records).await?;
            self.lay_pairs("ZADD", &keys.outstanding(), ends).await?;
            self.lay_pairs("ZADD", &keys.unminted(), handed).await?;
        }
        for piece in line.gone.chunks(PIECE) {
            let reasons: Vec<(&str, &str)> = piece
                .iter()
                .map(|(place, why)| (place.as_str(), why.as_str()))
                .collect();
            self.lay_pairs("HSET", &keys.gone(), reasons).await?;
        }
        Ok(())
    }

    /// One command `command key pair…` beside the key.
    async fn lay_pairs(
        &mut self,
        command: &str,
        key: &str,
        pairs: Vec<(impl ToRedisArgs, impl ToRedisArgs)>,
    ) -> Result<(), StoreError> {
        let mut pipe = redis::pipe();
        pipe.cmd(command).arg(self.beside(key));
        for (one, other) in pairs {
            pipe.arg(one).arg(other);
        }
        pipe.ignore();
        self.lay(pipe, &[key.to_owned()]).await
    }

    /// Runs a pipeline that lays something beside `keys`, and keeps the lease.
    async fn lay(&mut self, mut pipe: Pipeline, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            pipe.expire(self.beside(key), BESIDE_S).ignore();
        }
        pipe.exec_async(&mut self.connection).await?;
        self.hold().await
    }

    /// Where this recovery lays what is to take the place of a key.
    fn beside(&self, key: &str) -> String {
        format!("{key}:{}", self.owner)
    }
}

/// The keys that are put back whole. Tickets are minted again; who was seen or passed over is found out anew.
fn replaced(keys: &Keys<'_>) -> [String; 16] {
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
