//! Pools: named sets of users that coupons are dealt to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::InvalidId;

/// Names a pool: 1–63 characters of `a-z`, `0-9` and `-`, not beginning with `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PoolId(String);

impl PoolId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PoolId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits =
            (1..=63).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(plain);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId(
                "a pool id is 1 to 63 characters of a-z, 0-9 and -, and begins with a letter or a digit",
            ))
        }
    }
}

impl<'de> Deserialize<'de> for PoolId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
