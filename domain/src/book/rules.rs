//! A book's rules: how often, by whom and until when its coupons are used; and changing them.

use serde::{Deserialize, Serialize};

use super::LONGEST_LOCK_S;
use crate::clock::Millis;
use crate::event::{AckLevel, InvalidField, given};
use crate::ids::EventId;
use crate::pattern::CodePattern;

/// What happens to a coupon that the organiser takes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCancel {
    /// It goes back to the unassigned ones.
    #[default]
    Return,
    /// It is over for good.
    Keep,
}

/// A book and its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its id: the one of an event too, if it is that event's.
    pub book: EventId,
    /// Its rules.
    #[serde(flatten)]
    pub rules: Rules,
}

/// The rules of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// 1–200 characters.
    pub title: String,
    /// When every coupon that is not used up is over.
    pub expires_at: Option<Millis>,
    /// Most coupons that one person may have, 1–1,000,000.
    pub max_per_person: u32,
    /// How often one code may be redeemed, 1–1,000,000.
    pub redemptions_per_code: u32,
    /// How often one person may redeem codes of the book, 1–1,000,000; none is as often as they have codes.
    pub max_redemptions_per_person: Option<u32>,
    /// How long a lock lasts that names no time of its own, in seconds, 1–3,600.
    pub lock_s: u64,
    /// What codes look like that are made for the book.
    #[serde(default)]
    pub code_pattern: CodePattern,
    /// What happens to a coupon that is taken back.
    pub on_cancel: OnCancel,
    /// What calls that make a record of the book wait for; none is what the installation says. Rules without it are written as
    /// they were before there was one, so that putting them again changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<AckLevel>,
}

/// The body of `PUT …/admin/books/{book}`: what is left out keeps what it held, or its default in a new book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookPut {
    /// See [`Rules::title`]; required in a new book.
    pub title: Option<String>,
    /// See [`Rules::expires_at`]; `null` takes the time away.
    #[serde(default, deserialize_with = "given")]
    pub expires_at: Option<Option<Millis>>,
    /// See [`Rules::max_per_person`]; 1.
    pub max_per_person: Option<u32>,
    /// See [`Rules::redemptions_per_code`]; 1.
    pub redemptions_per_code: Option<u32>,
    /// See [`Rules::max_redemptions_per_person`]; `null` takes the limit away.
    #[serde(default, deserialize_with = "given")]
    pub max_redemptions_per_person: Option<Option<u32>>,
    /// See [`Rules::lock_s`]; 300.
    pub lock_s: Option<u64>,
    /// See [`Rules::code_pattern`]; `{}`.
    pub code_pattern: Option<CodePattern>,
    /// See [`Rules::on_cancel`]; `return`.
    pub on_cancel: Option<OnCancel>,
    /// See [`Rules::ack`]; `null` goes back to what the installation says.
    #[serde(default, deserialize_with = "given")]
    pub ack: Option<Option<AckLevel>>,
}

impl Rules {
    /// Is everything over at `now`?
    #[must_use]
    pub fn are_over(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Book {
    /// A new book from `put`; refuses values out of range, naming the field.
    pub fn create(book: EventId, put: BookPut) -> Result<Self, InvalidField> {
        if !book.is_plain() {
            return Err(InvalidField::new(
                "book",
                "in the path must be 1 to 63 characters of a-z, 0-9 and -, and begin with a letter or a digit",
            ));
        }
        let Some(title) = put.title.clone() else {
            return Err(InvalidField::new(
                "title",
                "is required: 1 to 200 characters",
            ));
        };
        let rules = Rules {
            title,
            expires_at: None,
            max_per_person: 1,
            redemptions_per_code: 1,
            max_redemptions_per_person: None,
            lock_s: 300,
            code_pattern: CodePattern::default(),
            on_cancel: OnCancel::Return,
            ack: None,
        };
        Self { book, rules }.changed(put)
    }

    /// This book with `put` laid over it; refuses values out of range, naming the field.
    pub fn changed(mut self, put: BookPut) -> Result<Self, InvalidField> {
        let held = self.rules;
        self.rules = Rules {
            title: put.title.unwrap_or(held.title),
            expires_at: put.expires_at.unwrap_or(held.expires_at),
            max_per_person: put.max_per_person.unwrap_or(held.max_per_person),
            redemptions_per_code: put
                .redemptions_per_code
                .unwrap_or(held.redemptions_per_code),
            max_redemptions_per_person: put
                .max_redemptions_per_person
                .unwrap_or(held.max_redemptions_per_person),
            lock_s: put.lock_s.unwrap_or(held.lock_s),
            code_pattern: put.code_pattern.unwrap_or(held.code_pattern),
            on_cancel: put.on_cancel.unwrap_or(held.on_cancel),
            ack: put.ack.unwrap_or(held.ack),
        };
        self.checked()
    }

    fn checked(self) -> Result<Self, InvalidField> {
        let rules = &self.rules;
        let title = &rules.title;
        if title.trim().is_empty() || title.chars().count() > 200 || title.contains('\0') {
            return Err(InvalidField::new(
                "title",
                "must be 1 to 200 characters without NUL",
            ));
        }
        let counts = [
            ("max_per_person", Some(rules.max_per_person)),
            ("redemptions_per_code", Some(rules.redemptions_per_code)),
            (
                "max_redemptions_per_person",
                rules.max_redemptions_per_person,
            ),
        ];
        for (field, count) in counts {
            if count.is_some_and(|count| !(1..=1_000_000).contains(&count)) {
                return Err(InvalidField::new(
                    field,
                    "must be a whole number from 1 to 1000000",
                ));
            }
        }
        if !(1..=LONGEST_LOCK_S).contains(&rules.lock_s) {
            return Err(InvalidField::new(
                "lock_s",
                "must be a whole number from 1 to 3600",
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(json: &str) -> BookPut {
        serde_json::from_str(json).unwrap()
    }

    fn create(json: &str) -> Result<Book, InvalidField> {
        Book::create("book".parse().unwrap(), put(json))
    }

    #[test]
    fn what_is_left_out_keeps_what_it_held() {
        let book = create(r#"{"title":"x","expires_at":"2026-01-01T00:00:00Z"}"#).unwrap();
        assert_eq!((book.rules.max_per_person, book.rules.lock_s), (1, 300));
        let more = book.changed(put(r#"{"max_per_person":3}"#)).unwrap();
        assert!(more.rules.expires_at.is_some());
        let open = more.changed(put(r#"{"expires_at":null}"#)).unwrap();
        assert_eq!(
            (open.rules.expires_at, open.rules.max_per_person),
            (None, 3)
        );
    }

    #[test]
    fn a_level_of_its_own_stays_until_it_is_put_back_and_is_written_only_where_there_is_one() {
        let plain = create(r#"{"title":"x"}"#).unwrap();
        let written = serde_json::to_value(&plain.rules).unwrap();
        assert!(
            written.get("ack").is_none(),
            "as rules were before: {written}"
        );
        for level in AckLevel::ALL {
            let name = level.as_str();
            let own = plain
                .clone()
                .changed(put(&format!(r#"{{"ack":"{name}"}}"#)));
            let own = own.unwrap().changed(put("{}")).unwrap();
            assert_eq!((own.rules.ack, name.parse()), (Some(level), Ok(level)));
            let written = serde_json::to_string(&own.rules).unwrap();
            assert_eq!(serde_json::from_str::<Rules>(&written).unwrap(), own.rules);
            assert_eq!(own.changed(put(r#"{"ack":null}"#)).unwrap(), plain);
        }
        assert!("kafka".parse::<AckLevel>().is_err());
    }

    #[test]
    fn a_rule_out_of_range_is_named() {
        for (json, field) in [
            ("{}", "title"),
            (r#"{"title":" "}"#, "title"),
            (r#"{"title":"x","max_per_person":0}"#, "max_per_person"),
            (
                r#"{"title":"x","redemptions_per_code":0}"#,
                "redemptions_per_code",
            ),
            (
                r#"{"title":"x","max_redemptions_per_person":0}"#,
                "max_redemptions_per_person",
            ),
            (r#"{"title":"x","lock_s":3601}"#, "lock_s"),
        ] {
            assert_eq!(create(json).unwrap_err().field, field, "{json}");
        }
        let odd = Book::create("Not plain".parse().unwrap(), put(r#"{"title":"x"}"#));
        assert_eq!(odd.unwrap_err().field, "book");
    }
}
