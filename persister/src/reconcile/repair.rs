//! Mending what can be mended: a row that is missing or altered, by what Redis and the log hold, and of a book's coupon by what
//! Redis and its history hold. Nothing is invented, no coupon that was issued is taken away, and Redis and the log are never
//! written.

use domain::{EventId, RecordId, Serial};
use ledger::{Issuance, Mended};
use serde::Serialize;

use super::books::CodeDifference;
use super::report::{Cause, Difference, Report, Standing};
use super::{ReconcileError, Stations};

/// What became of a difference that was to be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Whose coupon.
    pub event: EventId,
    /// Which.
    #[serde(flatten)]
    pub coupon: Which,
    /// Mended, or refused and why.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A coupon: one that was issued, or one of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one with this serial.
    Serial(Serial),
    /// The one with this code.
    Code(String),
}

/// Mended, or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "note", rename_all = "kebab-case")]
pub enum Outcome {
    /// What was done.
    Mended(String),
    /// Why nothing was done, and what to do.
    Refused(String),
}

/// What to do about a difference.
enum Cure<'a> {
    /// Add the row.
    Add(&'a Standing),
    /// Write the row over.
    WriteOver(&'a Standing),
    /// Nothing; why, and what to do instead.
    Leave(&'static str),
}

impl Stations<'_> {
    /// Mends every difference of a report that can be mended, and refuses the others by name.
    pub async fn repair(&self, report: &Report) -> Result<Vec<Repaired>, ReconcileError> {
        let mut repaired = Vec::new();
        for compared in &report.events {
            let unexplained = compared
                .differences
                .iter()
                .filter(|difference| difference.cause != Cause::OnItsWay);
            for difference in unexplained {
                let outcome = self.mend(&compared.event, difference).await?;
                tracing::warn!(
                    event.id = %compared.event,
                    serial = difference.serial.0,
                    ?outcome,
                    "a repair"
                );
                repaired.push(Repaired {
                    event: compared.event.clone(),
                    coupon: Which::Serial(difference.serial),
                    outcome,
                });
            }
            for difference in compared.book.iter().flat_map(|book| &book.differences) {
                let outcome = self.mend_code(&compared.event, difference).await?;
                tracing::warn!(
                    event.id = %compared.event,
                    kind = ?difference.kind,
                    ?outcome,
                    "a repair of a book"
                );
                repaired.push(Repaired {
                    event: compared.event.clone(),
                    coupon: Which::Code(difference.code.clone()),
                    outcome,
                });
            }
        }
        Ok(repaired)
    }

    async fn mend(
        &self,
        event: &EventId,
        difference: &Difference,
    ) -> Result<Outcome, ReconcileError> {
        let (standing, altered) = match cure(difference) {
            Cure::Add(standing) => (standing, false),
            Cure::WriteOver(standing) => (standing, true),
            Cure::Leave(why) => return Ok(Outcome::Refused(why.to_owned())),
        };
        let Ok(holder) = standing.holder.parse() else {
            let why = "what Redis and the log hold names no holder that a row can have";
            return Ok(Outcome::Refused(why.to_owned()));
        };
        let issuance = Issuance {
            event: event.clone(),
            serial: difference.serial,
            code: standing.code.clone(),
            holder,
            record_id: RecordId(standing.record_id.clone()),
            issued_at: standing.issued_at,
        };
        Ok(match self.ledger.mend(&issuance, altered).await? {
            Mended::Done if altered => {
                Outcome::Mended("the row says again what Redis and the log hold".to_owned())
            }
            Mended::Done => Outcome::Mended("the missing row was added".to_owned()),
            Mended::InTheWay(row) => Outcome::Refused(format!(
                "the row with serial {} has its code, its holder or its record: look at that one first",
                row.serial.0
            )),
        })
    }

    async fn mend_code(
        &self,
        book: &EventId,
        difference: &CodeDifference,
    ) -> Result<Outcome, ReconcileError> {
        let standing = match (difference.cause, &difference.redis) {
            (Cause::RowDeleted | Cause::RowAltered, Some(redis)) => redis.clone(),
            (cause, _) => return Ok(Outcome::Refused(why_left(cause).to_owned())),
        };
        let coupon = standing.row(&difference.code);
        let written = self
            .ledger
            .mend_coupon(book, &coupon, difference.as_of)
            .await?;
        Ok(match (written, difference.cause) {
            (false, _) => Outcome::Refused("it has made a step since: compare again".to_owned()),
            (true, Cause::RowDeleted) => Outcome::Mended("the missing row was added".to_owned()),
            (true, _) => Outcome::Mended(
                "the row says again what Redis holds and its steps led to".to_owned(),
            ),
        })
    }
}

fn cure(difference: &Difference) -> Cure<'_> {
    match difference.cause {
        Cause::RowDeleted | Cause::LostOnItsWay => match (&difference.log, &difference.redis) {
            (Some(log), Some(redis)) if log != redis => {
                Cure::Leave("Redis and the log do not agree on it: nothing tells who is right")
            }
            _ if !difference.beside.is_empty() => {
                Cure::Leave("it is told in two ways: nothing tells which is right")
            }
            (Some(one), _) | (None, Some(one)) => Cure::Add(one),
            (None, None) => Cure::Leave("nothing but its serial is known"),
        },
        Cause::RowAltered => match (&difference.log, &difference.redis) {
            (Some(log), Some(redis)) if log == redis => Cure::WriteOver(log),
            _ => Cure::Leave("Redis and the log do not agree on it: nothing tells who is right"),
        },
        cause => Cure::Leave(why_left(cause)),
    }
}

/// Why a difference of this cause is left as it is, and what to do instead.
fn why_left(cause: Cause) -> &'static str {
    match cause {
        Cause::RowDeleted | Cause::LostOnItsWay | Cause::RowAltered | Cause::OnItsWay => {
            "it is on its way, or nobody knows what it must be"
        }
        Cause::Anomaly => {
            "its record contradicts another row (table `anomalies`): decide which of the two coupons counts"
        }
        Cause::DeadLetter => {
            "its record is among the dead letters: mend what it says there and send it again"
        }
        Cause::ForeignRow => {
            "neither Redis nor the log knows the row, and no row is ever deleted: take it out by hand if it is not yours"
        }
        Cause::DuplicateRow => {
            "two rows have its serial, and no row is ever deleted: take the one `beside` out by hand and put the unique keys back"
        }
        Cause::LostInRedis | Cause::AlteredInRedis => {
            "Redis is not written: recovering the event rebuilds it from ledger and log"
        }
        Cause::LostInLog | Cause::ForgedInLog => {
            "the log is not written: the coupon is safe in Redis and ledger"
        }
        Cause::Unknown => "two stations contradict each other and no third tells who is right",
    }
}
