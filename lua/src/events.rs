//! Events: made, defined, read.

use domain::entry::EntrySecrets;
use domain::event::{Admission, Event, OnSoldOut, Ramp};
use domain::place::GoneReason;
use domain::{EventId, Millis};
use serde::Serialize;

use crate::connect::{Store, StoreError};
use crate::keys::{EVENTS, Keys};
use crate::script::{Call, Reply, parsed, script, tags};
use crate::strain::{Brake, brake};

script!(
    EVENT = "event",
    "clock",
    "moves",
    "records",
    "pace",
    "event"
);
script!(
    PUT_EVENT = "put_event",
    "clock",
    "moves",
    "records",
    "pace",
    "event"
);

/// Who makes a change, for the audit.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The actor's name, such as `admin` or `schedule`.
    pub by: &'a str,
}

/// An event as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveEvent {
    /// What is set.
    pub event: Event,
    /// Raised by every change; a put names the version it was made from.
    pub version: u64,
    /// Which life of the event's keys this is; part of every record id.
    pub epoch: u64,
    /// Why everyone in the line was let go, if they were.
    pub ended: Option<GoneReason>,
    /// Coupons not yet issued.
    pub remaining: u64,
    /// The store's time when this was read.
    pub at: Millis,
    /// Visitors let in per second at that time, when people are let in: a ramp or the brake may keep it from the rate that was
    /// set.
    pub rate_in_force_per_s: f64,
    /// The brake, while it is on.
    pub brake: Option<Brake>,
}

/// What became of a put.
#[derive(Clone, Debug, PartialEq)]
pub enum PutOutcome {
    /// The event is new.
    Created(LiveEvent),
    /// The event was there and is now as put (changed or not).
    Held(LiveEvent),
    /// Somebody else changed the event since `version` was read: read again and merge again.
    Conflict,
}

impl Store {
    /// Makes or changes an event. `version` is the one that `event` was merged from, 0 for a new one. Keeps phase,
    /// and past draft stock, of an event that is there. Appends an `event.changed` record and an audit entry when anything differs.
    pub async fn put_event(
        &self,
        event: &Event,
        version: u64,
        change: Change<'_>,
    ) -> Result<PutOutcome, StoreError> {
        self.put_event_with_secrets(event, version, change, None)
            .await
    }

    /// As [`Self::put_event`]; replaces the secrets of the event's entry keys too, if there are any given.
    pub async fn put_event_with_secrets(
        &self,
        event: &Event,
        version: u64,
        change: Change<'_>,
        secrets: Option<&EntrySecrets>,
    ) -> Result<PutOutcome, StoreError> {
        tags!(Outcome { Created = "created", Held = "held", Conflict = "conflict" });
        if version == 0 {
            // Before the event itself, so that no event is ever without its entry in the list; readers skip an entry without an event.
            let _: u64 = redis::cmd("SADD")
                .arg(EVENTS)
                .arg(event.event.as_str())
                .query_async(&mut self.connection())
                .await?;
        }
        let keys = Keys::of(&event.event);
        let mut touched = every_change_keys(&keys).to_vec();
        touched.extend([keys.secrets(), keys.book(), keys.free()]);
        let call = PUT_EVENT.keys(touched).arg(change.by).arg(version);
        let mut reply = with_event(call, event)?
            .arg(given(secrets.map(json).transpose()?))
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Created => PutOutcome::Created(live_event(&event.event, reply)?),
            Outcome::Held => PutOutcome::Held(live_event(&event.event, reply)?),
            Outcome::Conflict => PutOutcome::Conflict,
        })
    }

    /// The secrets of an event's entry keys.
    pub async fn entry_secrets(&self, event: &EventId) -> Result<EntrySecrets, StoreError> {
        let held: Option<String> = redis::cmd("GET")
            .arg(Keys::of(event).secrets())
            .query_async(&mut self.connection())
            .await?;
        // Not even a part of what is held may get into a message.
        held.map_or(Ok(EntrySecrets::default()), |held| {
            serde_json::from_str(&held)
                .map_err(|_| StoreError::Unexpected("secrets that are no JSON".to_owned()))
        })
    }

    /// The event, if there is one.
    pub async fn event(&self, event: &EventId) -> Result<Option<LiveEvent>, StoreError> {
        tags!(Outcome { Event = "event", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let mut reply = EVENT
            .keys([keys.event(), keys.stock()])
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Event => live_event(event, reply).map(Some),
            Outcome::NoSuchEvent => Ok(None),
        }
    }

    /// How many ids [`Self::events`] gives.
    pub async fn count_events(&self) -> Result<usize, StoreError> {
        Ok(redis::cmd("SCARD")
            .arg(EVENTS)
            .query_async(&mut self.connection())
            .await?)
    }

    /// The ids of all events, in order of id. One whose making broke off may be among them: [`Self::event`] then gives `None`.
    pub async fn events(&self) -> Result<Vec<EventId>, StoreError> {
        let held: Vec<String> = redis::cmd("SMEMBERS")
            .arg(EVENTS)
            .query_async(&mut self.connection())
            .await?;
        let mut ids = held
            .iter()
            .map(|id| parsed(id))
            .collect::<Result<Vec<EventId>, _>>()?;
        ids.sort_unstable();
        Ok(ids)
    }
}

/// The keys in the order of the contracts of `put_event.lua` and `move_phase.lua`.
pub(crate) fn every_change_keys(keys: &Keys<'_>) -> [String; 13] {
    [
        keys.event(),
        keys.counts(),
        keys.stock(),
        keys.places(),
        keys.seq(),
        keys.moves(),
        keys.pace(),
        keys.outbox(),
        keys.audit(),
        keys.passed(),
        keys.grace(),
        keys.seen(),
        keys.draw(),
    ]
}

/// Adds an event to a call as `given_event` in part "event" of the scripts reads it.
pub(crate) fn with_event<'a>(call: Call<'a>, event: &Event) -> Result<Call<'a>, StoreError> {
    let held = &event.definition;
    Ok(call
        .arg(json(held)?)
        .arg(on_sold_out(held.on_sold_out))
        .arg(time(held.lobby_at))
        .arg(time(held.opens_at))
        .arg(time(held.closes_at))
        .arg(event.phase.as_str())
        .arg(event.stock)
        .arg(rate(event.admission))
        .arg(event.admission.capacity)
        .arg(event.admission.ticket_ttl_s)
        .arg(u8::from(held.line))
        .arg(if held.given_codes { "1" } else { "" }))
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unexpected(error.to_string()))
}

fn on_sold_out(what: OnSoldOut) -> &'static str {
    match what {
        OnSoldOut::Close => "close",
        OnSoldOut::Keep => "keep",
    }
}

/// A value as the scripts want it: its text, or nothing. Rates are written with all their digits, never with an exponent.
pub(crate) fn given(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A rate as the scripts want it: behind it the ramp to it, while one runs.
fn rate(admission: Admission) -> String {
    let Some(ramp) = admission.ramp else {
        return admission.rate_per_s.to_string();
    };
    let Ramp {
        from_per_s,
        since_ms,
        until_ms,
    } = ramp;
    format!(
        "{} {from_per_s} {since_ms} {until_ms}",
        admission.rate_per_s
    )
}

/// Reads a ramp as the scripts keep it: `from since_ms until_ms`, or nothing.
fn ramp(held: &str) -> Result<Option<Ramp>, StoreError> {
    let parts: Vec<&str> = held.split_whitespace().collect();
    match parts[..] {
        [] => Ok(None),
        [from, since, until] => Ok(Some(Ramp {
            from_per_s: parsed(from)?,
            since_ms: parsed(since)?,
            until_ms: parsed(until)?,
        })),
        _ => Err(StoreError::Unexpected(format!("the ramp `{held}`"))),
    }
}

/// A time as the scripts want it: milliseconds, or nothing.
fn time(at: Option<Millis>) -> String {
    given(at.map(|at| at.0))
}

/// Reads an event in the order of `shown` in part "event" of the scripts.
pub(crate) fn live_event(event: &EventId, mut reply: Reply) -> Result<LiveEvent, StoreError> {
    let definition: String = reply.take()?;
    let definition = serde_json::from_str(&definition)
        .map_err(|error| StoreError::Unexpected(error.to_string()))?;
    let phase = reply.parse()?;
    let ended: String = reply.take()?;
    Ok(LiveEvent {
        ended: (!ended.is_empty()).then(|| parsed(&ended)).transpose()?,
        event: Event {
            event: event.clone(),
            definition,
            phase,
            stock: reply.take()?,
            admission: Admission {
                rate_per_s: reply.parse()?,
                ramp: ramp(&reply.take::<String>()?)?,
                capacity: reply.take()?,
                ticket_ttl_s: reply.take()?,
            },
        },
        version: reply.take()?,
        epoch: reply.take()?,
        remaining: reply.take()?,
        at: Millis(reply.take()?),
        rate_in_force_per_s: reply.parse()?,
        brake: brake(&reply.take::<String>()?)?,
    })
}
