//! Secrets that we make, hand out once, and keep only a digest of: refresh tokens, service keys, and what proves a place.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::clock::Random;
use crate::ids::InvalidId;

/// 32 random bytes as 43 characters of base64url. Never logged, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new secret.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The secret itself, for the one reply that hands it over.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored in its place: SHA-256, base64url. With 32 random bytes there is nothing to guess, so a fast digest is
    /// enough.
    #[must_use]
    pub fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        if text.len() == 43 && bytes.len() == 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId(
                "43 characters of base64url, made of 32 random bytes",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_secret_reads_back_and_its_digest_does_not_show_it() {
        let secret = Secret::generate(&Fixed(7));
        assert_eq!(secret.reveal().parse::<Secret>().unwrap(), secret);
        assert!(!secret.digest().contains(secret.reveal()));
        assert_ne!(secret.digest(), Secret::generate(&Fixed(8)).digest());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        for bad in ["", "short", &"A".repeat(42), &"+".repeat(43)] {
            assert!(bad.parse::<Secret>().is_err(), "{bad}");
        }
    }
}
