//! The record: one immutable fact in the log, as CloudEvents 1.0 JSON (github.com/cloudevents/spec, `spec.md` 1.0.2).

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::coupon::{Coupon, Issue};
use crate::event::Event;
use crate::ids::{EventId, Holder, RecordId, Serial};

/// One record. Its `id` is made of event, epoch and ordinal, so that sending it twice is harmless.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// Whose outbox it came from: the partition key.
    pub event: EventId,
    /// Its ordinal in the event's outbox, dense from 1.
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
}

impl Fact {
    /// The CloudEvents `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "coupon.issued",
            Self::Changed(_) => "event.changed",
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
    data: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct IssuedData {
    event: EventId,
    serial: Serial,
    code: String,
    holder: Holder,
    issued_at: Millis,
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
        let (subject, data) = match &self.fact {
            Fact::Issued { coupon, holder } => (
                coupon.serial.0.to_string(),
                serde_json::to_value(IssuedData {
                    event: self.event.clone(),
                    serial: coupon.serial,
                    code: coupon.code.clone(),
                    holder: holder.clone(),
                    issued_at: self.time,
                })?,
            ),
            Fact::Changed(event) => (self.event.to_string(), serde_json::to_value(event)?),
        };
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
        let event = envelope
            .source
            .strip_prefix("/events/")
            .and_then(|event| EventId::from_encoded(event).ok())
            .ok_or_else(|| NotARecord("source names no event".to_owned()))?;
        let ordinal = envelope
            .sequence
            .parse()
            .map_err(|_| NotARecord("sequence is not a number".to_owned()))?;
        let fact = match envelope.kind.as_str() {
            "coupon.issued" => {
                let data: IssuedData = serde_json::from_value(envelope.data).map_err(no)?;
                let coupon = Coupon {
                    code: data.code,
                    serial: data.serial,
                };
                Fact::Issued {
                    coupon,
                    holder: data.holder,
                }
            }
            "event.changed" => {
                Fact::Changed(Box::new(serde_json::from_value(envelope.data).map_err(no)?))
            }
            other => return Err(NotARecord(format!("type `{other}` is unknown"))),
        };
        Ok(Self {
            id: envelope.id,
            event,
            ordinal,
            time: envelope.time,
            fact,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AckLevel, EventPut};

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
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
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
    fn anything_else_is_no_record() {
        for bad in ["", "{}", "[]", r#"{"specversion":"1.0"}"#] {
            assert!(Record::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
