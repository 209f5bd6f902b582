//! Which key signs: the newest that has been published for long enough, by the store's clock, so that all replicas agree and
//! whoever checks tickets has heard of it. A key that signs no more stays published until its last ticket has ended.

use std::path::Path;
use std::sync::Arc;

use domain::place::AdmittedPlace;
use domain::ticket::PublicKey;
use domain::{EventId, Millis, Random};
use lua::{KeyTimes, Standing, Store, StoreError};
use parking_lot::RwLock;

use crate::keys::{Folder, Held, KeyError};

/// How long a key is published before it signs: the fifteen seconds for which JWKS may be kept, and what its way takes.
const SHOWN_MS: i64 = 20_000;
/// How long after its end a replica may still sign with a key, because it has not looked at the time yet.
const LATE_MS: i64 = 10_000;

/// Signs tickets in the name of one public URL.
#[derive(Debug)]
pub struct Signer {
    folder: Folder,
    issuer: String,
    ring: RwLock<Arc<Ring>>,
}

/// The keys as they stood when they were last looked at.
#[derive(Debug)]
struct Ring {
    /// Oldest first, never empty.
    keys: Vec<Held>,
    /// Which of them signs.
    active: usize,
    times: KeyTimes,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is published and will sign.
    Next,
    /// It signs.
    Active,
    /// It signs no more; its tickets are still out.
    Old,
}

/// A key that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id, as in a ticket's header.
    pub kid: String,
    /// What it does.
    pub state: KeyState,
    /// Since when it signs, or from when it will.
    pub since: Millis,
    /// When its last ticket ends, as soon as it is known.
    pub until: Option<Millis>,
}

/// Why the keys could not be looked after; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Their files.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A ticket could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("a ticket could not be signed: {0}")]
pub struct CannotSign(pub String);

impl Signer {
    /// Reads the keys in `folder`; makes folder and first key when there is none.
    pub fn open(folder: &Path, issuer: &str, random: &dyn Random) -> Result<Self, KeyError> {
        let folder = Folder::open(folder, random)?;
        let ring = Ring::new(folder.keys()?, KeyTimes::default());
        Ok(Self {
            folder,
            issuer: issuer.to_owned(),
            ring: RwLock::new(Arc::new(ring)),
        })
    }

    /// The id of the key that signs.
    pub fn kid(&self) -> String {
        let ring = self.ring();
        ring.keys[ring.active].key.kid().to_owned()
    }

    /// Do we hold this key?
    pub fn holds(&self, kid: &str) -> bool {
        self.ring().named(kid).is_some()
    }

    /// The ticket of an admitted place by the key that was named when it was admitted; the same place gives the same ticket.
    pub fn ticket(&self, event: &EventId, admitted: &AdmittedPlace) -> Result<String, CannotSign> {
        let ring = self.ring();
        let held = ring
            .named(&admitted.kid)
            .ok_or_else(|| CannotSign(format!("there is no key `{}`", admitted.kid)))?;
        held.key
            .mint(&self.issuer, event, admitted)
            .map_err(|error| CannotSign(error.to_string()))
    }

    /// The public half of every key held.
    pub fn publics(&self) -> Vec<PublicKey> {
        let public = |held: &Held| held.key.public(&self.issuer);
        self.ring().keys.iter().map(public).collect()
    }

    /// The keys that are published, oldest first.
    pub fn list(&self) -> Vec<Listed> {
        let ring = self.ring();
        let listed = |nth| ring.listed(nth);
        (0..ring.keys.len()).map(listed).collect()
    }

    /// Publishes every key under the present URL, and looks after them once.
    pub async fn publish(&self, store: &Store) -> Result<(), KeepError> {
        for key in self.publics() {
            store.publish_key(&key).await?;
        }
        self.keep(store).await
    }

    /// Looks after the keys: reads the folder again, publishes what another replica made and what the store has lost, sees
    /// whose time has come, and lets go of those whose last ticket has ended.
    pub async fn keep(&self, store: &Store) -> Result<(), KeepError> {
        self.look(store).await?;
        let ring = self.ring();
        let mut retired = false;
        for nth in 0..ring.active {
            let held = &ring.keys[nth];
            let Some(end) = ring.end(nth, store).await? else {
                continue;
            };
            let public = self.published(store, held).await?;
            if store.retire_key(held.key.kid(), end).await? {
                self.folder.retire(held.generation, &public, end)?;
                retired = true;
                tracing::info!(
                    kid = held.key.kid(),
                    "a signing key is retired: its last ticket has ended"
                );
            }
        }
        if retired {
            self.look(store).await?;
        }
        Ok(())
    }

    /// The public half of a key, with every URL under which it was published.
    async fn published(&self, store: &Store, held: &Held) -> Result<PublicKey, StoreError> {
        let published = store.public_keys().await?;
        let ours = held.key.public(&self.issuer);
        Ok(published
            .into_iter()
            .find(|key| key.kid == ours.kid)
            .unwrap_or(ours))
    }

    /// Makes the next key and publishes it; it signs after a while. When there is one already, that one stays: then the
    /// answer's second half is false.
    pub async fn rotate(
        &self,
        store: &Store,
        random: &dyn Random,
    ) -> Result<(Listed, bool), KeepError> {
        self.look(store).await?;
        let before = self.ring();
        let newest = before.keys.len() - 1;
        if newest > before.active {
            return Ok((before.listed(newest), false));
        }
        self.folder
            .make(before.keys[newest].generation + 1, random)?;
        self.look(store).await?;
        let ring = self.ring();
        let next = ring.listed(ring.keys.len() - 1);
        tracing::info!(kid = next.kid, from = %next.since, "the next signing key is published");
        Ok((next, true))
    }

    /// Reads folder and times again; publishes the keys of which the store knows nothing, the retired ones as such.
    async fn look(&self, store: &Store) -> Result<(), KeepError> {
        let (folder, mut times) = (self.folder.clone(), store.key_times().await?);
        let ends = times.ends.clone();
        let read = tokio::task::spawn_blocking(move || {
            let retired = folder.retired(|kid| ends.contains_key(kid))?;
            Ok::<_, KeyError>((folder.keys()?, retired))
        });
        let read = read.await;
        let (keys, retired) = read.map_err(|error| StoreError::Unexpected(error.to_string()))??;
        for (key, end) in &retired {
            store.publish_retired_key(key, *end).await?;
        }
        let unknown = |held: &&Held| !times.shown.contains_key(held.key.kid());
        let unknown: Vec<&Held> = keys.iter().filter(unknown).collect();
        for held in &unknown {
            store.publish_key(&held.key.public(&self.issuer)).await?;
        }
        if !unknown.is_empty() {
            times = store.key_times().await?;
        }
        if !keys.is_empty() {
            *self.ring.write() = Arc::new(Ring::new(keys, times));
        }
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().clone()
    }
}

impl Ring {
    fn new(keys: Vec<Held>, times: KeyTimes) -> Self {
        let mut ring = Self {
            keys,
            active: 0,
            times,
        };
        let newest_first = (1..ring.keys.len()).rev();
        let begun = |&nth: &usize| ring.begins(nth) <= ring.times.now;
        ring.active = newest_first.into_iter().find(begun).unwrap_or(0);
        ring
    }

    fn named(&self, kid: &str) -> Option<&Held> {
        self.keys.iter().find(|held| held.key.kid() == kid)
    }

    /// When a key begins to sign: the first one at once, the others when they were published for long enough.
    fn begins(&self, nth: usize) -> Millis {
        let held = &self.keys[nth];
        let Some(&shown) = self.times.shown.get(held.key.kid()) else {
            return Millis(i64::MAX);
        };
        if held.generation == 1 {
            shown
        } else {
            shown.plus(SHOWN_MS)
        }
    }

    /// When the last ticket ends of a key before the active one; `None` while it may still sign or that cannot be told.
    async fn end(&self, nth: usize, store: &Store) -> Result<Option<Millis>, StoreError> {
        let ended = self.begins(nth + 1).plus(LATE_MS);
        if self.times.now < ended {
            return Ok(None);
        }
        if let Some(&end) = self.times.ends.get(self.keys[nth].key.kid()) {
            return Ok(Some(end));
        }
        // Whatever is out now, in any event, was signed before; later tickets are the next key's.
        let last = store.last_ticket_end().await?;
        // Asked afterwards: a store that has forgotten its tickets tells of none.
        let is_known = matches!(store.standing().await?, Standing::Known(_));
        Ok(is_known.then(|| last.unwrap_or(ended).max(ended)))
    }

    fn listed(&self, nth: usize) -> Listed {
        let kid = self.keys[nth].key.kid();
        Listed {
            kid: kid.to_owned(),
            state: match nth.cmp(&self.active) {
                std::cmp::Ordering::Less => KeyState::Old,
                std::cmp::Ordering::Equal => KeyState::Active,
                std::cmp::Ordering::Greater => KeyState::Next,
            },
            since: self.begins(nth),
            until: self.times.ends.get(kid).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::system::SystemRandom;
    use serde_json::json;

    use super::*;
    use crate::stage::{ISSUER, Stage, id, until};

    /// A ring of `generations`, published at these times.
    fn ring(generations: &[u32], shown: &[i64], now: i64) -> Ring {
        let key = || domain::ticket::SigningKey::generate(&SystemRandom).unwrap();
        let held = |&generation: &u32| Held {
            generation,
            key: key(),
        };
        let keys: Vec<Held> = generations.iter().map(held).collect();
        let kids = keys.iter().map(|held| held.key.kid().to_owned());
        let times = KeyTimes {
            now: Millis(now),
            shown: kids.zip(shown.iter().copied().map(Millis)).collect(),
            ..KeyTimes::default()
        };
        Ring::new(keys, times)
    }

    #[test]
    fn the_newest_key_that_was_shown_for_long_enough_signs() {
        let table: [(&[u32], &[i64], i64, usize); 6] = [
            (&[1], &[], 0, 0),
            (&[1, 2], &[0, 1_000], 20_999, 0),
            (&[1, 2], &[0, 1_000], 21_000, 1),
            (&[1, 2, 3], &[0, 1_000, 30_000], 40_000, 1),
            (&[1, 2, 3], &[0, 1_000, 30_000], 50_000, 2),
            // The store forgot when it was shown: an earlier one signs until it was shown again.
            (&[4, 5], &[], 50_000, 0),
        ];
        for (generations, shown, now, active) in table {
            let ring = ring(generations, shown, now);
            assert_eq!(ring.active, active, "{generations:?} {shown:?} {now}");
        }
    }

    #[test]
    fn keys_are_listed_with_what_they_do() {
        let ring = ring(&[1, 2, 3], &[5, 1_000, 30_000], 40_000);
        let listed: Vec<(KeyState, Millis)> = (0..3)
            .map(|nth| ring.listed(nth))
            .map(|listed| (listed.state, listed.since))
            .collect();
        let expected = [
            (KeyState::Old, Millis(5)),
            (KeyState::Active, Millis(21_000)),
            (KeyState::Next, Millis(50_000)),
        ];
        assert_eq!(listed, expected);
    }

    /// A signer whose second key has just begun to sign.
    async fn rotated(stage: &Stage) -> (Signer, [String; 2]) {
        let signer = Signer::open(&stage.folder.path().join("keys"), ISSUER, &SystemRandom);
        let signer = signer.unwrap();
        signer.publish(&stage.store).await.unwrap();
        let first = signer.kid();
        let (next, is_new) = signer.rotate(&stage.store, &SystemRandom).await.unwrap();
        assert!(is_new && next.state == KeyState::Next);
        (signer, [first, next.kid])
    }

    /// As if a key had been shown for as long as the store counts.
    fn long_shown(stage: &Stage, kid: &str) {
        stage.tell_redis(&["HSET", "{keys}:shown", kid, "0"]);
    }

    async fn published(stage: &Stage) -> Vec<String> {
        let keys = stage.store.public_keys().await.unwrap();
        keys.into_iter().map(|key| key.kid).collect()
    }

    #[tokio::test]
    async fn a_store_that_forgot_a_retired_key_is_told_of_it_again() {
        let stage = Stage::set().await;
        let (signer, [first, second]) = rotated(&stage).await;
        long_shown(&stage, &second);
        signer.keep(&stage.store).await.unwrap();
        assert_eq!(published(&stage).await, [second.as_str()]);
        let retired = stage.store.retired_keys().await.unwrap();
        assert_eq!((retired.len(), &retired[0].0.kid), (1, &first));

        stage.tell_redis(&["FLUSHALL"]);
        stage.recover().await;
        signer.keep(&stage.store).await.unwrap();
        assert_eq!(stage.store.retired_keys().await.unwrap(), retired);
        assert_eq!(
            published(&stage).await,
            [second.as_str()],
            "JWKS does not show it"
        );
        let restarted = Signer::open(&stage.folder.path().join("keys"), ISSUER, &SystemRandom);
        assert!(!restarted.unwrap().holds(&first), "it never signs again");
    }

    #[tokio::test]
    async fn a_store_that_forgot_its_tickets_retires_no_key() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        replica
            .make("demo", json!({ "stock": 5, "phase": "open" }))
            .await;
        replica.stop().await;
        let (signer, [first, second]) = rotated(&stage).await;
        stage.enter("demo", 1).await;
        until("somebody is let in", async || {
            let round = stage.store.admit(&id("demo"), &first, 1).await.unwrap();
            (!round.admitted.is_empty()).then_some(())
        })
        .await;
        let last = stage.store.last_ticket_end().await.unwrap();
        long_shown(&stage, &second);
        signer.keep(&stage.store).await.unwrap();
        assert_eq!(signer.kid(), second);
        assert_eq!(signer.list()[0].until, None, "it is looked up once");
        signer.keep(&stage.store).await.unwrap();
        assert_eq!(signer.list()[0].until, last);

        // Emptied, and not put back yet: it knows of no ticket that is out.
        stage.tell_redis(&["FLUSHALL"]);
        for _ in 0..2 {
            signer.keep(&stage.store).await.unwrap();
            long_shown(&stage, &second);
        }
        signer.keep(&stage.store).await.unwrap();
        assert_eq!((signer.kid(), signer.holds(&first)), (second, true));
        assert!(published(&stage).await.contains(&first));
    }
}
