//! The public halves of the signing keys: admission publishes and retires them, issuers and JWKS read them.

use std::collections::BTreeMap;

use domain::Millis;
use domain::ticket::PublicKey;

use crate::connect::{Store, StoreError, millis};
use crate::keys::{KEY_ENDS, KEYS_SHOWN, Keys, PUBLIC_KEYS, RETIRED_KEYS};
use crate::script::{script, tags};

script!(open PUBLISH_KEY = "publish_key", "clock");
script!(open RETIRE_KEY = "retire_key", "clock");

/// Events that are asked at once for their last ticket.
const AT_ONCE: usize = 500;

/// What time says of the signing keys, by kid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTimes {
    /// The present moment by the store's clock.
    pub now: Millis,
    /// When each key was first published.
    pub shown: BTreeMap<String, Millis>,
    /// When the last ticket of a key ends that signs no more.
    pub ends: BTreeMap<String, Millis>,
}

impl Store {
    /// Publishes a key; the public URL under which it signs is added to those it has signed under before. A retired key
    /// stays retired.
    pub async fn publish_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        tags!(Outcome { Published = "published", Retired = "retired" });
        let mut reply = PUBLISH_KEY
            .keys([PUBLIC_KEYS, KEYS_SHOWN, RETIRED_KEYS].map(str::to_owned))
            .arg(key.kid.as_str())
            .arg(key.x.as_str())
            .arg(key.issuers.as_slice())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Published | Outcome::Retired => Ok(()),
        }
    }

    /// Sets when the last ticket of a key ends that signs no more (the first time given stays), and takes it out of the
    /// published ones when that has come; true when it is out.
    pub async fn retire_key(&self, kid: &str, end: Millis) -> Result<bool, StoreError> {
        tags!(Outcome { Kept = "kept", Retired = "retired" });
        let mut reply = RETIRE_KEY
            .keys([PUBLIC_KEYS, KEY_ENDS, RETIRED_KEYS].map(str::to_owned))
            .arg(kid)
            .arg(end.0)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Kept => false,
            Outcome::Retired => true,
        })
    }

    /// Tells a store that forgot it of a retired key, and when its last ticket ended: it is shown to nobody in between.
    pub async fn publish_retired_key(
        &self,
        key: &PublicKey,
        end: Millis,
    ) -> Result<(), StoreError> {
        let value = format!("{} {}", key.x, key.issuers.join(" "));
        Ok(redis::pipe()
            .atomic()
            .hset_nx(KEY_ENDS, &key.kid, end.0)
            .hset(RETIRED_KEYS, &key.kid, value)
            .exec_async(&mut self.connection())
            .await?)
    }

    /// What time says of the signing keys.
    pub async fn key_times(&self) -> Result<KeyTimes, StoreError> {
        type Held = (BTreeMap<String, i64>, BTreeMap<String, i64>, (i64, i64));
        // The clock by which they were shown.
        let (shown, ends, now): Held = redis::pipe()
            .atomic()
            .hgetall(KEYS_SHOWN)
            .hgetall(KEY_ENDS)
            .cmd("TIME")
            .query_async(&mut self.connection())
            .await?;
        let times = |held: BTreeMap<String, i64>| {
            let read = |(kid, at)| (kid, Millis(at));
            held.into_iter().map(read).collect()
        };
        Ok(KeyTimes {
            now: millis(now),
            shown: times(shown),
            ends: times(ends),
        })
    }

    /// When the last ticket ends that is out now, in whatever event; `None` when none is out.
    pub async fn last_ticket_end(&self) -> Result<Option<Millis>, StoreError> {
        let mut last = None;
        for some in self.events().await?.chunks(AT_ONCE) {
            let mut pipe = redis::pipe();
            for event in some {
                pipe.cmd("ZREVRANGE")
                    .arg(Keys::of(event).outstanding())
                    .arg(&[0, 0])
                    .arg("WITHSCORES");
            }
            let ends: Vec<Vec<(String, i64)>> = pipe.query_async(&mut self.connection()).await?;
            let end = ends.iter().flatten().map(|&(_, end)| Millis(end)).max();
            last = last.max(end);
        }
        Ok(last)
    }

    /// All published keys, in order of kid.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        self.keys_in(PUBLIC_KEYS).await
    }

    /// The keys whose last ticket has ended, each with when that was. What they signed until then can still be checked,
    /// so that whoever redeemed in time hears the same answer for ever.
    pub async fn retired_keys(&self) -> Result<Vec<(PublicKey, Millis)>, StoreError> {
        let keys = self.keys_in(RETIRED_KEYS).await?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ends = self.key_times().await?.ends;
        let ended = |key: PublicKey| ends.get(&key.kid).map(|&end| (key, end));
        Ok(keys.into_iter().filter_map(ended).collect())
    }

    async fn keys_in(&self, hash: &str) -> Result<Vec<PublicKey>, StoreError> {
        let held: BTreeMap<String, String> = redis::cmd("HGETALL")
            .arg(hash)
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
