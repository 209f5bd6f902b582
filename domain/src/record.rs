//! The record: one immutable fact in the log, as CloudEvents 1.0 JSON (github.com/cloudevents/spec, `spec.md` 1.0.2).

mod fences;
mod told;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::book::BookFact;
use crate::clock::Millis;
use crate::coupon::{Coupon, Issue};
use crate::draw::DrawFact;
use crate::event::Event;
use crate::ids::{EventId, Holder, PlaceId, RecordId, Seq};
use crate::place::GoneReason;
pub use fences::{Fence, Fences};

/// One record. Its `id` is made of event, epoch and ordinal, so that sending it twice is harmless.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// Whose outbox it came from: the partition key.
    pub event: EventId,
    /// Its ordinal in the event's outbox: dense from 1 in an epoch; 0 for a fence, which never was in one.
    pub ordinal: u64,
    /// When the fact came true, by the store's clock.
    pub time: Millis,
    /// The fact.
    pub fact: Fact,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// `coupon.issued`: a holder got a coupon.
    Issued {
        /// What.
        coupon: Coupon,
        /// Who.
        holder: Holder,
    },
    /// `event.changed`: the event was made, or its definition, phase, stock or pace changed; holds it as it is now.
    Changed(Box<Event>),
    /// `line.entered`: places came into the line, with seqs dense from `first`.
    Entered {
        /// The seq of the first of them.
        first: Seq,
        /// The places, in order of seq.
        places: Vec<PlaceId>,
    },
    /// `line.admitted`: places were let in; a ticket is made of nothing else.
    Admitted {
        /// When their tickets end.
        expires_at: Millis,
        /// The key that signs them.
        kid: String,
        /// The places with their seqs.
        places: Vec<(PlaceId, Seq)>,
    },
    /// `line.gone`: places left the line.
    Gone {
        /// Why.
        reason: GoneReason,
        /// The places; none is everyone who waited.
        places: Vec<PlaceId>,
    },
    /// Something about the draw of the lobby.
    Draw(DrawFact),
    /// Something about a book.
    Book(Box<BookFact>),
    /// `log.fenced`: Redis may have forgotten something, and the epoch of this record's id begins; see [`Fence`].
    Fenced {
        /// The last ordinal that Redis still had.
        kept: u64,
    },
}

impl Fact {
    /// The CloudEvents `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "coupon.issued",
            Self::Changed(_) => "event.changed",
            Self::Entered { .. } => "line.entered",
            Self::Admitted { .. } => "line.admitted",
            Self::Gone { .. } => "line.gone",
            Self::Draw(fact) => fact.kind(),
            Self::Book(fact) => fact.kind(),
            Self::Fenced { .. } => "log.fenced",
        }
    }
}

/// A message that is no record of ours: it goes to the dead letters.
#[derive(Debug, thiserror::Error)]
#[error("not a record: {0}")]
pub struct NotARecord(String);

/// The envelope as it stands in the log.
#[derive(Serialize, Deserialize)]
struct Envelope {
    specversion: String,
    id: RecordId,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: Millis,
    datacontenttype: String,
    /// CloudEvents extension `sequence`: the ordinal in the outbox, as text (extensions/sequence.md).
    sequence: String,
    data: Value,
}

impl Record {
    /// The record that tells of `issue`.
    #[must_use]
    pub fn issued(event: &EventId, issue: &Issue) -> Self {
        Self {
            id: issue.record_id.clone(),
            event: event.clone(),
            ordinal: issue.ordinal,
            time: issue.issued_at,
            fact: Fact::Issued {
                coupon: issue.coupon.clone(),
                holder: issue.holder.clone(),
            },
        }
    }

    /// The record as CloudEvents JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (subject, data) = self.fact.told(&self.event, self.time)?;
        serde_json::to_vec(&Envelope {
            specversion: "1.0".to_owned(),
            id: self.id.clone(),
            source: format!("/events/{}", self.event.encoded()),
            kind: self.fact.kind().to_owned(),
            subject,
            time: self.time,
            datacontenttype: "application/json".to_owned(),
            sequence: self.ordinal.to_string(),
            data,
        })
    }

    /// Reads a record from CloudEvents JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, NotARecord> {
        let no = |error: serde_json::Error| NotARecord(error.to_string());
        let envelope: Envelope = serde_json::from_slice(json).map_err(no)?;
        if envelope.specversion != "1.0" {
            return Err(NotARecord("specversion is not 1.0".to_owned()));
        }
        let event = event_of(&envelope.source)
            .ok_or_else(|| NotARecord("source names no event".to_owned()))?;
        let ordinal = envelope
            .sequence
            .parse()
            .map_err(|_| NotARecord("sequence is not a number".to_owned()))?;
        let fact = Fact::read(&envelope.kind, envelope.data)?;
        Ok(Self {
            id: envelope.id,
            event,
            ordinal,
            time: envelope.time,
            fact,
        })
    }
}

/// What a message says it is, read as far as it can be: what is known of one that is no record, or that the ledger refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Its id.
    pub id: Option<RecordId>,
    /// Whose outbox it came from.
    pub event: Option<EventId>,
    /// Its ordinal there.
    pub ordinal: Option<u64>,
}

impl Claimed {
    /// Reads what there is to read.
    #[must_use]
    pub fn of(json: &[u8]) -> Self {
        let message: Value = serde_json::from_slice(json).unwrap_or_default();
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        Self {
            id: text("id").map(|id| RecordId(id.to_owned())),
            event: text("source").and_then(event_of),
            ordinal: text("sequence").and_then(|ordinal| ordinal.parse().ok()),
        }
    }
}

/// The event that a `source` names.
fn event_of(source: &str) -> Option<EventId> {
    EventId::from_encoded(source.strip_prefix("/events/")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AckLevel, EventPut};
    use crate::ids::Serial;

    fn demo() -> EventId {
        "demo".parse().unwrap()
    }

    #[test]
    fn an_issue_reads_back_and_has_the_documented_fields() {
        let issue = Issue {
            coupon: Coupon {
                code: "ABC".into(),
                serial: Serial(17),
            },
            holder: "me".parse().unwrap(),
            issued_at: Millis(1_700_000_000_123),
            record_id: RecordId::new(&demo(), 1, 18),
            ordinal: 18,
            jti: "x".into(),
        };
        let record = Record::issued(&demo(), &issue);
        let json = record.to_json().unwrap();
        assert_eq!(Record::from_json(&json).unwrap(), record);
        let value: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["type"], "coupon.issued");
        assert_eq!(value["id"], "demo:1:18");
        assert_eq!(value["data"]["serial"], 17);
        assert_eq!(value["data"]["issued_at"], "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_change_reads_back() {
        let put = EventPut {
            title: Some("Demo".into()),
            stock: Some(5),
            ..EventPut::default()
        };
        let event = Event::create(demo(), put, AckLevel::Ledger).unwrap();
        let record = Record {
            id: RecordId::new(&demo(), 1, 1),
            event: demo(),
            ordinal: 1,
            time: Millis(0),
            fact: Fact::Changed(Box::new(event)),
        };
        assert_eq!(
            Record::from_json(&record.to_json().unwrap()).unwrap(),
            record
        );
    }

    #[test]
    fn what_happens_in_the_line_reads_back() {
        let places: Vec<PlaceId> = ["A", "Q"]
            .map(|last| format!("{:021}{last}", 7).parse().unwrap())
            .into();
        let facts = [
            Fact::Entered {
                first: Seq(41),
                places: places.clone(),
            },
            Fact::Admitted {
                expires_at: Millis(120_000),
                kid: "key".into(),
                places: places.iter().cloned().zip([Seq(41), Seq(42)]).collect(),
            },
            Fact::Gone {
                reason: GoneReason::NoShow,
                places,
            },
            Fact::Draw(DrawFact::Begun {
                after: Seq(41),
                people: 40,
            }),
            Fact::Draw(DrawFact::Seeded {
                seed: "5a".repeat(32).parse().unwrap(),
                origin: "random".into(),
            }),
            Fact::Draw(DrawFact::Ended {
                digest: "00".repeat(32),
            }),
        ];
        for fact in facts {
            let record = Record {
                id: RecordId::new(&demo(), 1, 9),
                event: demo(),
                ordinal: 9,
                time: Millis(1_000),
                fact,
            };
            assert_eq!(
                Record::from_json(&record.to_json().unwrap()).unwrap(),
                record
            );
        }
    }

    #[test]
    fn what_is_no_record_still_says_what_it_is_as_far_as_it_can_be_read() {
        let whole = br#"{"id":"demo:1:7","source":"/events/demo","sequence":"7","data":null}"#;
        let claimed = Claimed {
            id: Some(RecordId::new(&demo(), 1, 7)),
            event: Some(demo()),
            ordinal: Some(7),
        };
        assert_eq!(Claimed::of(whole), claimed);
        for nothing in [&b"{"[..], b"[]", b"{\"id\":7,\"sequence\":\"x\"}"] {
            assert_eq!(Claimed::of(nothing), Claimed::default());
        }
    }

    #[test]
    fn anything_else_is_no_record() {
        for bad in ["", "{}", "[]", r#"{"specversion":"1.0"}"#] {
            assert!(Record::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
