//! What a coupon's code looks like: fixed text and random parts, such as `SUMMER-{}` or `{4}-{4}`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Random;
use crate::event::InvalidField;

/// Characters of a random part: capital letters and digits without the look-alikes 0 O 1 I L.
pub const ALPHABET: &[u8; LETTERS as usize] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// How many characters there are.
const LETTERS: u32 = 31;

/// Length of a part written `{}`.
const PLAIN_LENGTH: u8 = 12;

/// How many times more codes a pattern must offer than there are coupons, so that guessing is hopeless and a
/// second draw is almost never needed.
const SPARSENESS: f64 = 1_000.0;

/// A code pattern. At most 40 characters of `A-Z a-z 0-9 - _` and random parts `{}` (12 characters) or `{n}`, n from 1 to 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Random { length: u8, plain: bool },
}

impl Default for CodePattern {
    fn default() -> Self {
        Self {
            parts: vec![Part::Random {
                length: PLAIN_LENGTH,
                plain: true,
            }],
        }
    }
}

impl CodePattern {
    /// Draws a code.
    pub fn draw(&self, random: &dyn Random) -> String {
        let mut code = String::with_capacity(24);
        for part in &self.parts {
            match part {
                Part::Text(text) => code.push_str(text),
                Part::Random { length, .. } => {
                    for _ in 0..*length {
                        let index = random.below(LETTERS);
                        code.push(char::from(ALPHABET[index as usize]));
                    }
                }
            }
        }
        code
    }

    /// Refuses a pattern that offers too few codes for `stock` coupons.
    pub fn room_for(&self, stock: u64) -> Result<(), InvalidField> {
        let drawn: u32 = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(_) => 0,
                Part::Random { length, .. } => u32::from(*length),
            })
            .sum();
        // Ten million times a thousand is far below 2^53: the float is exact where it decides.
        #[expect(clippy::cast_precision_loss, reason = "stock is at most ten million")]
        let needed = stock as f64 * SPARSENESS;
        if f64::from(LETTERS).powf(f64::from(drawn)) < needed {
            return Err(InvalidField::new(
                "code_pattern",
                format!(
                    "has too few random characters for {stock} coupons; make a `{{n}}` part longer"
                ),
            ));
        }
        Ok(())
    }
}

/// A text that is no code pattern; the message says what one is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a code pattern is at most 40 characters of letters, digits, - and _, with at least one random part `{{}}` or `{{n}}`, n from 1 to 32"
)]
pub struct InvalidPattern;

impl FromStr for CodePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if text.is_empty() || text.len() > 40 {
            return Err(InvalidPattern);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('{') {
                let (length, after) = inside.split_once('}').ok_or(InvalidPattern)?;
                let plain = length.is_empty();
                let length = if plain {
                    PLAIN_LENGTH
                } else {
                    length.parse().map_err(|_| InvalidPattern)?
                };
                if !(1..=32).contains(&length) {
                    return Err(InvalidPattern);
                }
                parts.push(Part::Random { length, plain });
                rest = after;
            } else {
                let end = rest.find('{').unwrap_or(rest.len());
                let (fixed, after) = rest.split_at(end);
                if !fixed
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                {
                    return Err(InvalidPattern);
                }
                parts.push(Part::Text(fixed.to_owned()));
                rest = after;
            }
        }
        let drawn = parts.iter().any(|part| matches!(part, Part::Random { .. }));
        if drawn {
            Ok(Self { parts })
        } else {
            Err(InvalidPattern)
        }
    }
}

impl fmt::Display for CodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Random { plain: true, .. } => f.write_str("{}")?,
                Part::Random {
                    length,
                    plain: false,
                } => write!(f, "{{{length}}}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for CodePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CodePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sequence(std::sync::atomic::AtomicU32);
    impl Random for Sequence {
        fn fill(&self, bytes: &mut [u8]) {
            let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            bytes.copy_from_slice(&next.to_le_bytes());
        }
    }

    #[test]
    fn patterns_read_back_and_shape_the_code() {
        let random = Sequence(0.into());
        for (text, length) in [
            ("{}", 12),
            ("SUMMER-{}", 19),
            ("{4}-{4}", 9),
            ("a_{1}", 3),
            ("{32}", 32),
        ] {
            let pattern: CodePattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            assert_eq!(pattern.draw(&random).len(), length, "{text}");
        }
        assert!(
            "SUMMER-{8}"
                .parse::<CodePattern>()
                .unwrap()
                .draw(&random)
                .starts_with("SUMMER-")
        );
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in [
            "",
            "PLAIN",
            "{0}",
            "{33}",
            "{x}",
            "{",
            "a}b{}",
            "a b{}",
            "ä{}",
            &"x".repeat(41),
        ] {
            assert_eq!(bad.parse::<CodePattern>(), Err(InvalidPattern), "{bad}");
        }
    }

    #[test]
    fn a_pattern_must_offer_far_more_codes_than_coupons() {
        let short: CodePattern = "{2}".parse().unwrap();
        assert!(short.room_for(1_000).is_err());
        assert!(CodePattern::default().room_for(10_000_000).is_ok());
    }
}
