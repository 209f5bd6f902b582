//! The outbox: records in the order in which the scripts wrote them. Entries have dense ids (`<ordinal>-0`) and are removed
//! only below what the next station acknowledged, never by length.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use domain::coupon::Coupon;
use domain::draw::DrawFact;
use domain::event::Event;
use domain::record::{Fact, Record};
use domain::{EventId, Millis, RecordId, Seq, Serial};

use crate::book_records;
use crate::connect::{Settings, Store, StoreError};
use crate::follow::{Entry, Follower};
use crate::keys::Keys;
use crate::script::{parsed, tag, tags};

/// The next records of one event, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxBatch {
    /// Whose.
    pub event: EventId,
    /// Its records, ordinals dense and ascending.
    pub records: Vec<Record>,
}

/// Reads the outboxes of many events on a connection of its own (reading blocks it).
pub struct OutboxReader {
    follower: Follower,
}

impl Store {
    /// Removes the records up to and including `ordinal`, which the next station acknowledged.
    pub async fn trim_outbox(&self, event: &EventId, ordinal: u64) -> Result<(), StoreError> {
        Ok(redis::cmd("XTRIM")
            .arg(Keys::of(event).outbox())
            .arg("MINID")
            .arg(format!("{}-0", ordinal.saturating_add(1)))
            .exec_async(&mut self.connection())
            .await?)
    }

    /// How many records wait in an event's outbox.
    pub async fn outbox_length(&self, event: &EventId) -> Result<u64, StoreError> {
        Ok(redis::cmd("XLEN")
            .arg(Keys::of(event).outbox())
            .query_async(&mut self.connection())
            .await?)
    }
}

impl OutboxReader {
    /// Opens a reader.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self {
            follower: Follower::connect(settings).await?,
        })
    }

    /// The next records of these events, each after the ordinal named with it (0 for the beginning of what is there),
    /// at most `most` per event; waits at most `patience` for the first.
    pub async fn next(
        &mut self,
        followed: &[(EventId, u64)],
        most: usize,
        patience: Duration,
    ) -> Result<Vec<OutboxBatch>, StoreError> {
        let streams: Vec<(String, u64)> = followed
            .iter()
            .map(|(event, after)| (Keys::of(event).outbox(), *after))
            .collect();
        let mut read = self.follower.read(&streams, most, patience).await?;
        followed
            .iter()
            .zip(&streams)
            .filter_map(|((event, _), (key, _))| read.remove(key).map(|entries| (event, entries)))
            .map(|(event, entries)| {
                let records: Result<_, _> =
                    entries.iter().map(|entry| record(event, entry)).collect();
                Ok(OutboxBatch {
                    event: event.clone(),
                    records: records?,
                })
            })
            .collect()
    }
}

/// Reads an entry as the scripts write it.
fn record(event: &EventId, entry: &Entry) -> Result<Record, StoreError> {
    tags!(Kind {
        Book = "book",
        Codes = "codes",
        Step = "step",
        Issued = "issued",
        Changed = "changed",
        Entered = "entered",
        Admitted = "admitted",
        Gone = "gone",
        Draw = "draw",
    });
    let fact = match tag(&entry.text("fact")?)? {
        Kind::Issued => Fact::Issued {
            coupon: Coupon {
                code: entry.text("code")?,
                serial: Serial(entry.parse("serial")?),
            },
            holder: entry.parse("holder")?,
        },
        Kind::Book => Fact::Book(Box::new(book_records::changed(event, entry)?)),
        Kind::Codes => Fact::Book(Box::new(book_records::codes_added(entry)?)),
        Kind::Step => Fact::Book(Box::new(book_records::stepped(entry)?)),
        Kind::Changed => Fact::Changed(Box::new(changed(event, &entry.text("event")?)?)),
        Kind::Entered => Fact::Entered {
            first: Seq(entry.parse("first")?),
            places: list(&entry.text("places")?)?,
        },
        Kind::Admitted => Fact::Admitted {
            expires_at: Millis(entry.parse("expires")?),
            kid: entry.text("kid")?,
            places: list(&entry.text("places")?)?
                .into_iter()
                .zip(list(&entry.text("seqs")?)?.into_iter().map(Seq))
                .collect(),
        },
        Kind::Gone => Fact::Gone {
            reason: entry.parse("reason")?,
            places: list(&entry.text("places")?)?,
        },
        Kind::Draw => Fact::Draw(drawn(entry)?),
    };
    Ok(Record {
        id: RecordId::new(event, entry.parse("epoch")?, entry.n),
        event: event.clone(),
        ordinal: entry.n,
        time: Millis(entry.parse("at")?),
        fact,
    })
}

/// Reads what an entry tells of a draw.
fn drawn(entry: &Entry) -> Result<DrawFact, StoreError> {
    tags!(Step { Begun = "begun", Seeded = "seeded", Ended = "ended" });
    Ok(match tag(&entry.text("step")?)? {
        Step::Begun => DrawFact::Begun {
            after: Seq(entry.parse("after")?),
            people: entry.parse("people")?,
        },
        Step::Seeded => DrawFact::Seeded {
            seed: entry.parse("seed")?,
            origin: entry.text("origin")?,
        },
        Step::Ended => DrawFact::Ended {
            digest: entry.text("digest")?,
        },
    })
}

/// Reads "one,two,three"; nothing is an empty list.
fn list<T: FromStr<Err: Display>>(text: &str) -> Result<Vec<T>, StoreError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts.map(parsed).collect()
}

/// Reads an event as `event_json` in the scripts writes it: whole but its id.
fn changed(event: &EventId, json: &str) -> Result<Event, StoreError> {
    let read = || {
        let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)?;
        fields.insert("event".to_owned(), event.as_str().into());
        serde_json::from_value(fields.into())
    };
    read().map_err(|error: serde_json::Error| StoreError::Unexpected(error.to_string()))
}
