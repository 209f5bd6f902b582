//! The public halves of the signing keys: admission publishes them, issuers and JWKS read them.

use domain::ticket::PublicKey;

use crate::connect::{Store, StoreError};

impl Store {
    /// Publishes a key; the public URL under which it signs is added to those it has signed under before.
    pub async fn publish_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        let _ = key;
        unimplemented!()
    }

    /// All published keys.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        unimplemented!()
    }
}
