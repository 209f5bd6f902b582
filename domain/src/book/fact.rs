//! What records tell of books: that rules changed, codes came, a coupon made a step.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Book, CouponState};
use crate::clock::Millis;
use crate::ids::{EventId, Holder};

/// What a record tells of a book.
#[derive(Clone, Debug, PartialEq)]
pub enum BookFact {
    /// `book.changed`: the book was made or its rules changed; holds them as they are now.
    Changed(Book),
    /// `book.codes-added`: these codes are in the book now.
    CodesAdded(Vec<String>),
    /// `coupon.assigned` and the other steps: a coupon went from one state to another.
    Stepped(Stepped),
}

/// What kind of step a coupon made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Somebody got it.
    Assigned,
    /// Its holder locked it.
    Locked,
    /// Its holder ended the lock.
    Unlocked,
    /// Its holder used it.
    Redeemed,
    /// The organiser took it back.
    Cancelled,
}

/// A step that a coupon made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stepped {
    /// The coupon.
    pub code: String,
    /// Whose it is, or was until now.
    pub holder: Holder,
    /// What kind of step.
    pub step: StepKind,
    /// Where it stood.
    pub from: CouponState,
    /// Where it stands now.
    pub to: CouponState,
    /// Who did it: an account, a service key, or staff.
    pub by: String,
    /// How often it has been redeemed by now.
    pub redemptions: u32,
    /// When its lock ends.
    pub locked_until: Option<Millis>,
    /// What the caller gave with it.
    pub metadata: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct CodesData {
    book: EventId,
    codes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SteppedData {
    book: EventId,
    #[serde(flatten)]
    stepped: Stepped,
}

impl BookFact {
    /// The CloudEvents `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Changed(_) => "book.changed",
            Self::CodesAdded(_) => "book.codes-added",
            Self::Stepped(stepped) => match stepped.step {
                StepKind::Assigned => "coupon.assigned",
                StepKind::Locked => "coupon.locked",
                StepKind::Unlocked => "coupon.unlocked",
                StepKind::Redeemed => "coupon.redeemed",
                StepKind::Cancelled => "coupon.cancelled",
            },
        }
    }

    /// The CloudEvents `subject` and `data` of a record that tells this of `book`.
    pub(crate) fn told(self, book: EventId) -> Result<(String, Value), serde_json::Error> {
        Ok(match self {
            Self::Changed(changed) => (book.to_string(), serde_json::to_value(changed)?),
            Self::CodesAdded(codes) => {
                let subject = book.to_string();
                (subject, serde_json::to_value(CodesData { book, codes })?)
            }
            Self::Stepped(stepped) => {
                let subject = stepped.code.clone();
                let data = SteppedData { book, stepped };
                (subject, serde_json::to_value(data)?)
            }
        })
    }

    /// Reads the `data` of a record of this CloudEvents `type`; `None` for one that does not tell of books.
    pub(crate) fn read(kind: &str, data: Value) -> Option<Result<Self, serde_json::Error>> {
        match kind {
            "book.changed" => Some(serde_json::from_value(data).map(Self::Changed)),
            "book.codes-added" => {
                let data = serde_json::from_value(data);
                Some(data.map(|data: CodesData| Self::CodesAdded(data.codes)))
            }
            "coupon.assigned" | "coupon.locked" | "coupon.unlocked" | "coupon.redeemed"
            | "coupon.cancelled" => {
                let data = serde_json::from_value(data);
                Some(data.map(|data: SteppedData| Self::Stepped(data.stepped)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::RecordId;
    use crate::book::BookPut;
    use crate::record::{Fact, Record};

    #[test]
    fn what_is_told_of_a_book_reads_back() {
        let book: EventId = "spring".parse().unwrap();
        let put = BookPut {
            title: Some("Spring".into()),
            ..BookPut::default()
        };
        let stepped = Stepped {
            code: "ABC".into(),
            holder: "me".parse().unwrap(),
            step: StepKind::Redeemed,
            from: CouponState::Locked,
            to: CouponState::Redeemed,
            by: "key_1".into(),
            redemptions: 1,
            locked_until: None,
            metadata: Some(json!({"till": 7})),
        };
        let facts = [
            BookFact::Changed(Book::create(book.clone(), put).unwrap()),
            BookFact::CodesAdded(vec!["A".into(), "B".into()]),
            BookFact::Stepped(stepped),
        ];
        for fact in facts {
            let record = Record {
                id: RecordId::new(&book, 1, 4),
                event: book.clone(),
                ordinal: 4,
                time: Millis(1_700_000_000_123),
                fact: Fact::Book(Box::new(fact)),
            };
            let read = Record::from_json(&record.to_json().unwrap()).unwrap();
            assert_eq!(read, record);
        }
    }
}
