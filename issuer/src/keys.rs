//! The published keys, read again every few seconds, and at once when a ticket names a key that is not known yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use chassis::Lifecycle;
use domain::ticket::{Claims, InvalidTicket, KeySet, PublicKey};
use lua::{Standing, Store, StoreError};
use tokio::sync::{Notify, watch};

/// How old the keys may be.
const REFRESH: Duration = Duration::from_secs(2);
/// However many tickets name unknown keys, the store is asked no more often than this.
const GAP: Duration = Duration::from_millis(200);
/// How long a ticket with an unknown key waits for the keys to be read again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The keys that tickets may be signed with, as last read from the store.
pub struct Keys {
    published: ArcSwap<Published>,
    /// Wakes the reading task before its time.
    wanted: Notify,
    /// How many readings have begun: one that began before a question was asked does not answer it.
    begun: AtomicU64,
    ended: watch::Sender<Reading>,
}

/// The keys of one reading.
struct Published {
    /// None is published: admission has not come to it yet.
    is_empty: bool,
    set: KeySet,
    jwks: Bytes,
}

/// A reading that has ended.
#[derive(Clone, Copy, Default)]
struct Reading {
    number: u64,
    worked: bool,
}

/// Why a ticket could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is not a ticket of ours.
    #[error(transparent)]
    Invalid(#[from] InvalidTicket),
    /// It names a key that is not known here, and the store could not be asked.
    #[error("the signing keys could not be read")]
    KeysAway,
}

impl Keys {
    /// Reads the keys for the first time. There may be none yet.
    pub async fn load(store: &Store) -> Result<Arc<Self>, StoreError> {
        let published = Published::read(store).await?;
        Ok(Arc::new(Self {
            published: ArcSwap::from_pointee(published),
            wanted: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(Reading::default()),
        }))
    }

    /// Keeps the keys fresh until the last request was answered.
    pub async fn follow(&self, store: &Store, lifecycle: &Lifecycle) {
        tokio::select! {
            () = self.read_again_and_again(store) => {}
            () = lifecycle.drained() => {}
        }
    }

    async fn read_again_and_again(&self, store: &Store) {
        loop {
            // Whichever comes first: its time, or a ticket that cannot wait for it.
            let _ = tokio::time::timeout(REFRESH, self.wanted.notified()).await;
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let read = Published::read_believed(store).await;
            let worked = read.is_ok();
            match read {
                Ok(published) => self.published.store(Arc::new(published)),
                Err(error) => {
                    tracing::warn!(%error, "the signing keys could not be read; those known stay in use");
                }
            }
            self.ended.send_replace(Reading { number, worked });
            tokio::time::sleep(GAP).await;
        }
    }

    /// Reads a ticket. A key that is not known may have been published a moment ago: the keys are read again before the
    /// ticket is refused.
    pub async fn read(&self, ticket: &str) -> Result<Claims, Unread> {
        match self.published.load().set.read(ticket) {
            Err(InvalidTicket::UnknownKey) => {}
            known => return Ok(known?),
        }
        self.read_once_more().await?;
        Ok(self.published.load().set.read(ticket)?)
    }

    /// Waits for a reading that begins after this call.
    async fn read_once_more(&self) -> Result<(), Unread> {
        let mut ended = self.ended.subscribe();
        let next = self.begun.load(Ordering::SeqCst) + 1;
        self.wanted.notify_one();
        let reading = ended.wait_for(|reading| reading.number >= next);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(reading)) if reading.worked => Ok(()),
            _ => Err(Unread::KeysAway),
        }
    }

    /// The JWKS document (RFC 7517).
    pub fn jwks(&self) -> Bytes {
        self.published.load().jwks.clone()
    }
}

impl Published {
    /// Reads the keys, unless the store that answers may have forgotten some: one that is not recognised, or that knows of none.
    async fn read_believed(store: &Store) -> Result<Self, StoreError> {
        let published = Self::read(store).await?;
        // Asked afterwards: what was lost before it was read is noticed.
        if !matches!(store.standing().await?, Standing::Known(_)) {
            let told = "it may have forgotten signing keys".to_owned();
            return Err(StoreError::Unavailable(told));
        }
        if published.is_empty {
            let told = "no signing key is published".to_owned();
            return Err(StoreError::Unavailable(told));
        }
        Ok(published)
    }

    /// Reads the keys that sign or have tickets out, which are shown, and those that were retired, which are not.
    async fn read(store: &Store) -> Result<Self, StoreError> {
        let (keys, retired) = tokio::try_join!(store.public_keys(), store.retired_keys())?;
        let jwks: Vec<_> = keys.iter().map(PublicKey::jwk).collect();
        Ok(Self {
            is_empty: keys.is_empty(),
            set: KeySet::new(&keys).with_retired(&retired),
            jwks: serde_json::json!({ "keys": jwks }).to_string().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use chassis::system::SystemRandom;
    use domain::ticket::SigningKey;

    use super::*;
    use crate::tests::rig::{ISSUER, Rig, Visitor, eventually, open};

    #[tokio::test]
    async fn a_key_published_a_moment_ago_is_found() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let new = SigningKey::generate(&SystemRandom).unwrap();
        let signed_anew = Visitor {
            ticket: new.mint(ISSUER, &demo, &visitor.place).unwrap(),
            ..visitor
        };
        let reply = rig.redeem(&demo, &signed_anew).await;
        reply.refused(401, "ticket-invalid");
        rig.store.publish_key(&new.public(ISSUER)).await.unwrap();
        rig.redeem(&demo, &signed_anew).await.passed(false);
    }

    #[tokio::test]
    async fn many_unknown_keys_at_once_share_one_reading() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let stranger = SigningKey::generate(&SystemRandom).unwrap();
        let ticket = stranger.mint(ISSUER, &demo, &visitor.place).unwrap();
        let keys = Keys::load(&rig.store).await.unwrap();
        let (follower, store) = (keys.clone(), rig.store.clone());
        let lifecycle = rig.lifecycle.clone();
        tokio::spawn(async move { follower.follow(&store, &lifecycle).await });
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (keys, ticket) = (keys.clone(), ticket.clone());
            reading.spawn(async move { keys.read(&ticket).await });
        }
        for read in reading.join_all().await {
            assert_eq!(read, Err(Unread::Invalid(InvalidTicket::UnknownKey)));
        }
        assert!(keys.begun.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn known_keys_work_on_without_the_store_and_unknown_ones_are_not_called_invalid() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let keys = Keys::load(&rig.store).await.unwrap();
        let stranger = SigningKey::generate(&SystemRandom).unwrap();
        let strange = stranger.mint(ISSUER, &demo, &visitor.place).unwrap();
        rig.redis.stop().await.unwrap();
        let (follower, store) = (keys.clone(), rig.store.clone());
        let lifecycle = rig.lifecycle.clone();
        tokio::spawn(async move { follower.follow(&store, &lifecycle).await });
        assert_eq!(keys.read(&strange).await, Err(Unread::KeysAway));
        assert!(keys.read(&visitor.ticket).await.is_ok());
    }

    #[tokio::test]
    async fn a_redis_that_forgot_the_keys_is_not_believed() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(5, "redis")).await;
        let visitor = rig.visitor(&demo).await;
        let stranger = SigningKey::generate(&SystemRandom).unwrap();
        let strange = stranger.mint(ISSUER, &demo, &visitor.place).unwrap();
        let keys = Keys::load(&rig.store).await.unwrap();
        let (follower, store) = (keys.clone(), rig.store.clone());
        let lifecycle = rig.lifecycle.clone();
        tokio::spawn(async move { follower.follow(&store, &lifecycle).await });
        let flushed = std::process::Command::new("redis-cli")
            .arg("-s")
            .arg(rig.redis.socket())
            .arg("FLUSHALL")
            .output();
        assert!(flushed.unwrap().status.success());
        assert_eq!(keys.read(&strange).await, Err(Unread::KeysAway));
        assert!(keys.read(&visitor.ticket).await.is_ok(), "known before");
        // Recognised, but admission has published nothing yet.
        lua::Recovery::of_nothing(&rig.redis.settings())
            .await
            .unwrap();
        assert_eq!(keys.read(&strange).await, Err(Unread::KeysAway));
        assert!(keys.read(&visitor.ticket).await.is_ok());
        rig.store
            .publish_key(&stranger.public(ISSUER))
            .await
            .unwrap();
        assert!(keys.read(&strange).await.is_ok());
    }

    #[tokio::test]
    async fn the_keys_stay_fresh_by_themselves() {
        let rig = Rig::start().await;
        let keys = Keys::load(&rig.store).await.unwrap();
        let (follower, store) = (keys.clone(), rig.store.clone());
        let lifecycle = rig.lifecycle.clone();
        tokio::spawn(async move { follower.follow(&store, &lifecycle).await });
        let new = SigningKey::generate(&SystemRandom).unwrap();
        rig.store.publish_key(&new.public(ISSUER)).await.unwrap();
        eventually("the new key", async || {
            let jwks = String::from_utf8(keys.jwks().to_vec()).unwrap();
            jwks.contains(new.kid()).then_some(())
        })
        .await;
    }
}
