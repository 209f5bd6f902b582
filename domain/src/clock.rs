//! Time and randomness as arguments. The system's own sources live in `chassis`; tests give their own.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// How every shown time looks: RFC 3339 in UTC with milliseconds.
const SHOWN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A moment, in milliseconds since the Unix epoch. Shown and parsed as RFC 3339 (`2026-11-21T10:00:03.120Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// The text is not an RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-21T10:00:00Z")]
pub struct NotATime(String);

impl Millis {
    /// The moment `later_ms` milliseconds after this one.
    #[must_use]
    pub fn plus(self, later_ms: i64) -> Self {
        Self(self.0.saturating_add(later_ms))
    }

    /// Whole seconds since the Unix epoch, rounded down: the unit of JWT claims (RFC 7519, NumericDate).
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Parses any RFC 3339 time, whatever its offset.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let moment =
            OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATime(text.to_owned()))?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000))
            .map(Self)
            .map_err(|_| NotATime(text.to_owned()))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.to_offset(UtcOffset::UTC).format(SHOWN).ok());
        match shown {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms since 1970", self.0),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the present moment comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Millis;
}

/// Where unguessable bytes come from.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);

    /// A number in `0..bound`, without modulo bias (rejection sampling). `bound` of 0 gives 0.
    fn below(&self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        let zone = u32::MAX - (u32::MAX - bound + 1) % bound;
        loop {
            let mut bytes = [0; 4];
            self.fill(&mut bytes);
            let drawn = u32::from_le_bytes(bytes);
            if drawn <= zone {
                return drawn % bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_with_milliseconds() {
        let moment = Millis::parse("2026-11-21T19:00:03.12+09:00").unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T10:00:03.120Z");
        assert_eq!(Millis::parse(&moment.to_string()).unwrap(), moment);
        assert!(Millis::parse("tomorrow").is_err());
    }

    struct Counting(std::sync::atomic::AtomicU32);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let next = self
                .0
                .fetch_add(0x9E37_79B9, std::sync::atomic::Ordering::Relaxed);
            bytes.copy_from_slice(&next.to_le_bytes());
        }
    }

    #[test]
    fn a_bounded_draw_stays_below_its_bound_and_reaches_every_value() {
        let random = Counting(7.into());
        let mut seen = [false; 31];
        for _ in 0..2_000 {
            seen[random.below(31) as usize] = true;
        }
        assert!(seen.iter().all(|&hit| hit));
        assert_eq!(random.below(0), 0);
    }
}
