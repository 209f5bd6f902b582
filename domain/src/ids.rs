//! Ids that can only be made by parsing, so that nobody inside has to check them again.

mod place;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::account::AccountId;
pub use place::{PlaceId, PlaceToken};

/// A text that is not the id it was read as; the message says what the id looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub(crate) &'static str);

/// Names an event. One with a line has a plain id: 1–63 characters of `a-z`, `0-9` and `-`, not beginning with `-`. One
/// without (a direct coupon) may have any name of 1–255 characters but NUL, and its case counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it the plain id that an event with a line must have?
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.len() <= 63
            && !self.0.starts_with('-')
            && self
                .0
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }

    /// The id in characters that mean nothing to a URL, to the store's keys or to a list: all but the unreserved ones
    /// percent-encoded (RFC 3986, 2.1). A plain id is itself.
    #[must_use]
    pub fn encoded(&self) -> Cow<'_, str> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if self.0.bytes().all(unreserved) {
            return Cow::Borrowed(&self.0);
        }
        let mut encoded = String::with_capacity(3 * self.0.len());
        for byte in self.0.bytes() {
            if unreserved(byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing to a String does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        Cow::Owned(encoded)
    }

    /// Reads an id that was percent-encoded, by [`Self::encoded`] or by a client in a path.
    pub fn from_encoded(text: &str) -> Result<Self, InvalidId> {
        let wrong = InvalidId("a percent-encoded event id holds %XX for bytes of UTF-8");
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            if *first != b'%' {
                bytes.push(*first);
                continue;
            }
            let (digits, after) = after.split_at_checked(2).ok_or(wrong.clone())?;
            let digits = std::str::from_utf8(digits).map_err(|_| wrong.clone())?;
            // `from_str_radix` takes a sign, a percent-encoding has none.
            let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
            bytes.push(byte.ok_or(wrong.clone())?);
            rest = after;
        }
        String::from_utf8(bytes).map_err(|_| wrong)?.parse()
    }
}

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (1..=255).contains(&text.chars().count()) && !text.contains('\0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId(
                "an event's name is 1 to 255 characters without NUL",
            ))
        }
    }
}

/// Who holds a coupon: the place id, or the user that an entry token or a direct claim names. 1–255 characters, no NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Holder(String);

impl Holder {
    /// The holder as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&PlaceId> for Holder {
    fn from(place: &PlaceId) -> Self {
        Self(place.to_string())
    }
}

/// The coupons of an account are held under its id.
impl From<&AccountId> for Holder {
    fn from(account: &AccountId) -> Self {
        Self(account.as_str().to_owned())
    }
}

impl FromStr for Holder {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (1..=255).contains(&text.chars().count()) && !text.contains('\0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a holder is 1 to 255 characters without NUL"))
        }
    }
}

/// A place's immutable ordinal in its line, given once, from 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// A coupon's ordinal in its event, dense from 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Serial(pub u64);

/// Names one record for ever: `<event>:<epoch>:<ordinal>` with the event's id percent-encoded, the same however often the
/// record is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl RecordId {
    /// The epoch and the ordinal that the id was made of.
    #[must_use]
    pub fn epoch_and_ordinal(&self) -> Option<(u64, u64)> {
        let mut parts = self.0.rsplitn(3, ':');
        let ordinal = parts.next()?.parse().ok()?;
        let epoch = parts.next()?.parse().ok()?;
        parts.next().map(|_| (epoch, ordinal))
    }

    /// The id of the `ordinal`-th record (from 1) of an event's outbox in its `epoch` (from 1).
    #[must_use]
    pub fn new(event: &EventId, epoch: u64, ordinal: u64) -> Self {
        Self(format!("{}:{epoch}:{ordinal}", event.encoded()))
    }
}

/// Gives the id types what every parsed text needs: a display and a checked deserialisation.
macro_rules! parsed_text {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

parsed_text!(EventId, PlaceId, Holder);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_lower_case_and_short_and_any_other_name_is_kept_as_it_is() {
        for plain in ["a", "0", "demo", "spring-2026", &"x".repeat(63)] {
            let id: EventId = plain.parse().unwrap();
            assert!(id.is_plain(), "{plain}");
            assert_eq!(id.encoded(), plain);
        }
        for direct in [
            "-a",
            "Demo",
            "a_b",
            "a b",
            "ä",
            "a/b",
            &"x".repeat(64),
            &"券".repeat(255),
        ] {
            let id: EventId = direct.parse().unwrap();
            assert!(!id.is_plain(), "{direct}");
            assert_eq!(id.as_str(), direct);
        }
        for bad in ["", "a\0", &"x".repeat(256)] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_encoded_id_reads_back_and_holds_nothing_that_a_key_or_a_path_would_take_for_its_own() {
        for (name, encoded) in [
            ("{a}b c", "%7Ba%7Db%20c"),
            ("50% off?", "50%25%20off%3F"),
            ("券", "%E5%88%B8"),
            ("A.b_~-", "A.b_~-"),
        ] {
            let id: EventId = name.parse().unwrap();
            assert_eq!(id.encoded(), encoded);
            assert_eq!(EventId::from_encoded(encoded), Ok(id));
        }
        for bad in ["%", "%4", "%zz", "%+1", "%FF", "%00", ""] {
            assert!(EventId::from_encoded(bad).is_err(), "{bad}");
        }
    }
}
