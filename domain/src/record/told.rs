//! What each kind of fact is as the `type`, `subject` and `data` of a record in the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fact, NotARecord};
use crate::book::BookFact;
use crate::clock::Millis;
use crate::coupon::Coupon;
use crate::draw::{DrawFact, Seed};
use crate::ids::{EventId, Holder, PlaceId, Seq, Serial};
use crate::place::GoneReason;

#[derive(Serialize, Deserialize)]
struct IssuedData {
    event: EventId,
    serial: Serial,
    code: String,
    holder: Holder,
    issued_at: Millis,
}

#[derive(Serialize, Deserialize)]
struct EnteredData {
    event: EventId,
    first_seq: Seq,
    places: Vec<PlaceId>,
}

#[derive(Serialize, Deserialize)]
struct AdmittedData {
    event: EventId,
    expires_at: Millis,
    kid: String,
    places: Vec<(PlaceId, Seq)>,
}

#[derive(Serialize, Deserialize)]
struct GoneData {
    event: EventId,
    reason: GoneReason,
    places: Vec<PlaceId>,
}

#[derive(Serialize, Deserialize)]
struct BegunData {
    event: EventId,
    after_seq: Seq,
    people: u64,
}

#[derive(Serialize, Deserialize)]
struct SeededData {
    event: EventId,
    seed: Seed,
    origin: String,
}

#[derive(Serialize, Deserialize)]
struct EndedData {
    event: EventId,
    digest: String,
}

impl DrawFact {
    /// The CloudEvents `type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "draw.begun",
            Self::Seeded { .. } => "draw.seeded",
            Self::Ended { .. } => "draw.ended",
        }
    }

    fn told(self, event: EventId) -> Result<Value, serde_json::Error> {
        match self {
            Self::Begun { after, people } => serde_json::to_value(BegunData {
                event,
                after_seq: after,
                people,
            }),
            Self::Seeded { seed, origin } => serde_json::to_value(SeededData {
                event,
                seed,
                origin,
            }),
            Self::Ended { digest } => serde_json::to_value(EndedData { event, digest }),
        }
    }

    /// Reads the `data` of a record of this type; `None` when it is not about a draw.
    fn read(kind: &str, data: &Value) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            "draw.begun" => BegunData::deserialize(data).map(|data| Self::Begun {
                after: data.after_seq,
                people: data.people,
            }),
            "draw.seeded" => SeededData::deserialize(data).map(|data| Self::Seeded {
                seed: data.seed,
                origin: data.origin,
            }),
            "draw.ended" => EndedData::deserialize(data).map(|data| Self::Ended {
                digest: data.digest,
            }),
            _ => return None,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct FencedData {
    event: EventId,
    kept: u64,
}

impl Fact {
    /// The CloudEvents `subject` and `data` of a record that tells this of `event` at `time`.
    pub(super) fn told(
        &self,
        event: &EventId,
        time: Millis,
    ) -> Result<(String, Value), serde_json::Error> {
        let event = event.clone();
        let subject = match self {
            Self::Issued { coupon, .. } => coupon.serial.0.to_string(),
            _ => event.to_string(),
        };
        let data = match self.clone() {
            Self::Issued { coupon, holder } => serde_json::to_value(IssuedData {
                event,
                serial: coupon.serial,
                code: coupon.code,
                holder,
                issued_at: time,
            }),
            Self::Changed(event) => serde_json::to_value(event),
            Self::Draw(fact) => fact.told(event),
            Self::Book(fact) => return fact.told(event),
            Self::Fenced { kept } => serde_json::to_value(FencedData { event, kept }),
            Self::Entered { first, places } => serde_json::to_value(EnteredData {
                event,
                first_seq: first,
                places,
            }),
            Self::Admitted {
                expires_at,
                kid,
                places,
            } => serde_json::to_value(AdmittedData {
                event,
                expires_at,
                kid,
                places,
            }),
            Self::Gone { reason, places } => serde_json::to_value(GoneData {
                event,
                reason,
                places,
            }),
        };
        Ok((subject, data?))
    }

    /// Reads the `data` of a record of this CloudEvents `type`.
    pub(super) fn read(kind: &str, data: Value) -> Result<Self, NotARecord> {
        let no = |error: serde_json::Error| NotARecord(error.to_string());
        Ok(match kind {
            "coupon.issued" => {
                let data: IssuedData = serde_json::from_value(data).map_err(no)?;
                let coupon = Coupon {
                    code: data.code,
                    serial: data.serial,
                };
                Self::Issued {
                    coupon,
                    holder: data.holder,
                }
            }
            "event.changed" => Self::Changed(Box::new(serde_json::from_value(data).map_err(no)?)),
            "line.entered" => {
                let data: EnteredData = serde_json::from_value(data).map_err(no)?;
                Self::Entered {
                    first: data.first_seq,
                    places: data.places,
                }
            }
            "line.admitted" => {
                let data: AdmittedData = serde_json::from_value(data).map_err(no)?;
                Self::Admitted {
                    expires_at: data.expires_at,
                    kid: data.kid,
                    places: data.places,
                }
            }
            "line.gone" => {
                let data: GoneData = serde_json::from_value(data).map_err(no)?;
                Self::Gone {
                    reason: data.reason,
                    places: data.places,
                }
            }
            "log.fenced" => {
                let data: FencedData = serde_json::from_value(data).map_err(no)?;
                Self::Fenced { kept: data.kept }
            }
            other => match DrawFact::read(other, &data) {
                Some(read) => Self::Draw(read.map_err(no)?),
                None => match BookFact::read(other, data) {
                    Some(read) => Self::Book(Box::new(read.map_err(no)?)),
                    None => return Err(NotARecord(format!("type `{other}` is unknown"))),
                },
            },
        })
    }
}
