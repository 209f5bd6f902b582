//! Bodies of the lettered paths, read as leniently as their clients are used to: names of fields in any case, unknown fields
//! ignored, the last of several counting, null as nothing.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use domain::event::MOST_AMOUNT;
use http_body_util::BodyExt as _;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::time::timeout;

use super::refused::{Refused, Wrong};

/// The largest body, in bytes.
const MOST_BODY: usize = 1024 * 1024;
/// How long a client may take to send it.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads a whole body. One that is too large is read to its end all the same, and thrown away, so that its client hears the
/// answer instead of a broken connection.
pub async fn read(body: Body) -> Result<Bytes, Refused> {
    timeout(DEADLINE, collect(body))
        .await
        .unwrap_or(Err(Refused::InvalidBody))
}

async fn collect(mut body: Body) -> Result<Bytes, Refused> {
    let (mut held, mut too_large) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::InvalidBody)?;
        let Some(piece) = frame.data_ref() else {
            continue;
        };
        too_large |= held.len() + piece.len() > MOST_BODY;
        if too_large {
            held = Vec::new();
        } else {
            held.extend_from_slice(piece);
        }
    }
    if too_large {
        Err(Refused::TooLarge)
    } else {
        Ok(held.into())
    }
}

/// The fields of a JSON object, in their order.
pub struct Fields(Vec<(String, Piece)>);

/// The value of a field, as far as it is of use.
enum Piece {
    Null,
    Text(String),
    Whole(i64),
    /// Anything else.
    Other,
}

impl Fields {
    /// Reads a body that says that it is JSON.
    pub fn of(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let said = headers.get(CONTENT_TYPE);
        let essence = said
            .and_then(|kind| kind.to_str().ok()?.split(';').next())
            .unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            return Err(Refused::InvalidBody);
        }
        serde_json::from_slice(body).map_err(|_| Refused::InvalidBody)
    }

    /// The values given under this name.
    fn named(&self, name: &str) -> impl Iterator<Item = &Piece> {
        let fields = self.0.iter();
        fields.filter_map(move |(key, piece)| key.eq_ignore_ascii_case(name).then_some(piece))
    }

    /// A text; empty when it was not given. A null leaves it as it was.
    pub fn text(&self, name: &str) -> Result<&str, Refused> {
        let mut held = "";
        for piece in self.named(name) {
            match piece {
                Piece::Text(text) => held = text,
                Piece::Null => {}
                Piece::Whole(_) | Piece::Other => return Err(Refused::InvalidBody),
            }
        }
        Ok(held)
    }

    /// A whole number, if it was given. A null takes it away.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, Refused> {
        let mut held = None;
        for piece in self.named(name) {
            held = match piece {
                Piece::Whole(number) => Some(*number),
                Piece::Null => None,
                Piece::Text(_) | Piece::Other => return Err(Refused::InvalidBody),
            };
        }
        Ok(held)
    }
}

/// A name or a user: 1 to 255 characters, not all of them white space, and no NUL.
pub fn named<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, Refused> {
    let wrong = if text.is_empty() {
        Wrong::Missing
    } else if text.trim().is_empty() {
        Wrong::Blank
    } else if text.chars().nth(255).is_some() {
        Wrong::TooLong
    } else {
        // What is left to be wrong with a name.
        return text.parse().map_err(|_| Refused::Field(field, Wrong::Nul));
    };
    Err(Refused::Field(field, wrong))
}

/// How many coupons.
pub fn amount(given: Option<i64>) -> Result<u64, Refused> {
    let wrong = |wrong| Refused::Field("amount", wrong);
    let given = given.ok_or(wrong(Wrong::Missing))?;
    match u64::try_from(given) {
        Ok(1..=MOST_AMOUNT) => Ok(given.unsigned_abs()),
        Ok(0) | Err(_) => Err(wrong(Wrong::TooSmall)),
        Ok(_) => Err(wrong(Wrong::TooLarge)),
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnObject)
    }
}

struct AnObject;

impl<'de> Visitor<'de> for AnObject {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Fields, E> {
        Ok(Fields(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Piece;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Piece, E> {
        Ok(Piece::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Piece, E> {
        Ok(Piece::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Piece, E> {
        Ok(Piece::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Piece, E> {
        Ok(i64::try_from(number).map_or(Piece::Other, Piece::Whole))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Piece, E> {
        Ok(Piece::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Piece, E> {
        Ok(Piece::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Piece, E> {
        Ok(Piece::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Piece, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Piece::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Piece, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Piece::Other)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use domain::Holder;

    use super::*;

    fn fields(body: &str) -> Result<Fields, Refused> {
        let json = HeaderValue::from_static("Application/JSON; charset=utf-8");
        Fields::of(
            &HeaderMap::from_iter([(CONTENT_TYPE, json)]),
            body.as_bytes(),
        )
    }

    #[test]
    fn names_count_in_any_case_the_last_one_wins_and_null_is_nothing() {
        let read = fields(
            r#"{"NAME":"a","x":{"name":[1e3]},"name":"b","Name":null,"amount":1,"AMOUNT":null}"#,
        );
        let read = read.unwrap();
        assert_eq!(read.text("name"), Ok("b"));
        assert_eq!(read.whole("amount"), Ok(None));
        assert_eq!(fields("null").unwrap().text("name"), Ok(""));
    }

    #[test]
    fn what_is_no_body() {
        for bad in [
            "",
            "{",
            "[]",
            "7",
            "\"x\"",
            "{} {}",
            "{},",
            "{\"name\":\"\u{1}\"}",
        ] {
            assert_eq!(fields(bad).err(), Some(Refused::InvalidBody), "{bad}");
        }
        for bad in [
            "1.0",
            "1e0",
            "\"1\"",
            "9223372036854775808",
            "true",
            "[]",
            "{}",
        ] {
            let read = fields(&format!(r#"{{"amount":{bad}}}"#)).unwrap();
            assert_eq!(read.whole("amount"), Err(Refused::InvalidBody), "{bad}");
        }
        let none = Fields::of(&HeaderMap::new(), b"{}");
        assert_eq!(none.err(), Some(Refused::InvalidBody));
    }

    #[test]
    fn the_first_thing_wrong_with_a_field_is_told() {
        let table = [
            ("", Wrong::Missing),
            (" \u{3000}\t", Wrong::Blank),
            (&"x".repeat(256), Wrong::TooLong),
            ("a\0", Wrong::Nul),
        ];
        for (text, wrong) in table {
            let read: Result<Holder, Refused> = named("user_id", text);
            assert_eq!(read, Err(Refused::Field("user_id", wrong)), "{text:?}");
        }
        assert!(named::<Holder>("user_id", &"券".repeat(255)).is_ok());
        for (given, wrong) in [
            (None, Wrong::Missing),
            (Some(0), Wrong::TooSmall),
            (Some(-1), Wrong::TooSmall),
            (Some(2_147_483_648), Wrong::TooLarge),
        ] {
            assert_eq!(amount(given), Err(Refused::Field("amount", wrong)));
        }
        assert_eq!(amount(Some(2_147_483_647)), Ok(2_147_483_647));
    }
}
