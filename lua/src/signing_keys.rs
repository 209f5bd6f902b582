//! The public halves of the signing keys: admission publishes them, issuers and JWKS read them.

use std::collections::BTreeMap;

use domain::ticket::PublicKey;

use crate::connect::{Store, StoreError};
use crate::keys::PUBLIC_KEYS;
use crate::script::{script, tags};

script!(open PUBLISH_KEY = "publish_key");

impl Store {
    /// Publishes a key; the public URL under which it signs is added to those it has signed under before.
    pub async fn publish_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        tags!(Outcome { Published = "published" });
        let mut reply = PUBLISH_KEY
            .keys([PUBLIC_KEYS.to_owned()])
            .arg(key.kid.as_str())
            .arg(key.x.as_str())
            .arg(key.issuers.as_slice())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Published => Ok(()),
        }
    }

    /// All published keys, in order of kid.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        let held: BTreeMap<String, String> = redis::cmd("HGETALL")
            .arg(PUBLIC_KEYS)
            .query_async(&mut self.connection())
            .await?;
        Ok(held
            .into_iter()
            .map(|(kid, value)| {
                let mut parts = value.split(' ').map(str::to_owned);
                PublicKey {
                    kid,
                    x: parts.next().unwrap_or_default(),
                    issuers: parts.collect(),
                }
            })
            .collect())
    }
}
