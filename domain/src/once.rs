//! Calls that take effect once: what a client asks with an idempotency key, as the store compares it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A call with an idempotency key. Two calls are one when caller, path and key are the same; then their bodies must be, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    name: String,
    digest: String,
}

/// The digest of a body that is read piece by piece.
#[derive(Clone, Debug, Default)]
pub struct BodyDigest(Sha256);

impl BodyDigest {
    /// Takes in the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }
}

impl Once {
    /// The call of `caller` on `path` (with its method) under `key`, with this body.
    #[must_use]
    pub fn new(caller: &str, path: &str, key: &str, body: &[u8]) -> Self {
        let mut digest = BodyDigest::default();
        digest.take(body);
        Self::of_digest(caller, path, key, digest)
    }

    /// As [`Self::new`], with the digest of a body that nobody holds whole.
    #[must_use]
    pub fn of_digest(caller: &str, path: &str, key: &str, body: BodyDigest) -> Self {
        let mut name = Sha256::new();
        for part in [caller, path, key] {
            // Lengths keep the parts apart.
            name.update(part.len().to_be_bytes());
            name.update(part.as_bytes());
        }
        Self {
            name: URL_SAFE_NO_PAD.encode(name.finalize()),
            digest: URL_SAFE_NO_PAD.encode(body.0.finalize()),
        }
    }

    /// Names caller, path and key: 43 characters of base64url.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest of the body.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_path_and_key_make_the_name_and_the_body_the_digest() {
        let one = Once::new("acc_a", "POST /x", "k", b"{}");
        assert_eq!(one, Once::new("acc_a", "POST /x", "k", b"{}"));
        for (caller, path, key) in [
            ("acc_b", "POST /x", "k"),
            ("acc_a", "POST /y", "k"),
            ("acc_a", "POST /x", "l"),
            ("acc_a", "POST /", "xk"),
        ] {
            assert_ne!(one.name(), Once::new(caller, path, key, b"{}").name());
        }
        let other = Once::new("acc_a", "POST /x", "k", b"{ }");
        assert_eq!(one.name(), other.name());
        assert_ne!(one.digest(), other.digest());
    }
}
