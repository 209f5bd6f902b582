//! A place's public id, and the secret that proves it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{EventId, Holder, InvalidId};
use crate::clock::Random;
use crate::secret::Secret;

/// The public id of a place: base64url of the first 16 bytes of SHA-256 of its token, 22 characters. Held as they are, without
/// memory of its own: a line may have millions of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId([u8; PlaceId::LENGTH]);

impl PlaceId {
    /// How many characters an id has.
    pub const LENGTH: usize = 22;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Characters of base64url, whoever made it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The one place of a user in the line of an event that knows its visitors by entry tokens.
    #[must_use]
    pub fn of_user(event: &EventId, user: &Holder) -> Self {
        // Neither text holds NUL, so no two pairs read alike.
        let digest = Sha256::digest(format!("{}\0{}", event.as_str(), user.as_str()));
        Self::of(&digest[..16])
    }

    /// The id of these 16 bytes.
    fn of(bytes: &[u8]) -> Self {
        let mut text = [b'A'; Self::LENGTH];
        // 16 bytes are 22 characters.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        Self(text)
    }
}

impl FromStr for PlaceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = InvalidId("a place id is 22 characters of base64url");
        let held = text.as_bytes().try_into().map_err(|_| wrong.clone())?;
        // Room for what 22 characters may be at most, by the decoder's reckoning.
        let mut bytes = [0; 18];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(held)),
            _ => Err(wrong),
        }
    }
}

impl fmt::Debug for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlaceId").field(&self.as_str()).finish()
    }
}

impl Serialize for PlaceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The secret that proves a place: 32 random bytes as 43 characters of base64url. Never logged, never in a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaceToken(Secret);

impl PlaceToken {
    /// Makes a new token.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Secret::generate(random))
    }

    /// The public id of the place that this token proves.
    #[must_use]
    pub fn place_id(&self) -> PlaceId {
        PlaceId::of(&Sha256::digest(self.reveal().as_bytes())[..16])
    }

    /// The secret itself, for the one reply that hands it over.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Debug for PlaceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceToken(…)")
    }
}

impl FromStr for PlaceToken {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self).map_err(|_| {
            InvalidId("a place token is 43 characters of base64url, made of 32 random bytes")
        })
    }
}

impl<'de> Deserialize<'de> for PlaceToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_proves_one_place_and_hides_itself() {
        let token: PlaceToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            .parse()
            .unwrap();
        assert_eq!(token.place_id(), token.clone().place_id());
        assert_eq!(token.place_id().as_str().len(), 22);
        assert!(token.place_id().as_str().parse::<PlaceId>().is_ok());
        assert_eq!(format!("{token:?}"), "PlaceToken(…)");
        for bad in [
            "",
            "short",
            &"A".repeat(42),
            &"A".repeat(44),
            &"+".repeat(43),
        ] {
            assert!(bad.parse::<PlaceToken>().is_err(), "{bad}");
        }
    }
}
