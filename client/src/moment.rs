//! Times as the API shows them: RFC 3339, UTC, milliseconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const SHOWN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A moment by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(OffsetDateTime);

impl Moment {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        let ms = self.0.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(ms).unwrap_or(i64::MAX)
    }
}

/// A text that is no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time looks like 2026-11-21T10:00:00Z")]
pub struct NotATime;

impl FromStr for Moment {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(|moment| Self(moment.to_offset(UtcOffset::UTC)))
            .map_err(|_| NotATime)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(SHOWN).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_any_offset_and_shows_utc_milliseconds() {
        let moment: Moment = "2026-11-21T19:00:03.12+09:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T10:00:03.120Z");
        assert_eq!(moment.unix_ms(), 1_795_255_203_120);
        assert_eq!("now".parse::<Moment>(), Err(NotATime));
    }
}
