//! The key that signs access tokens: made at the start, held in this process's memory alone, known to the others by its public
//! half in the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chassis::Problem;
use domain::session::Access;
use domain::ticket::{InvalidKey, SigningKey};
use domain::{Millis, Random};
use ledger::Ledger;
use lua::{SESSIONS_REMEMBERED_MS, Store};
use tokio::sync::Notify;

/// How often the public half is published again, with the sessions that were ended: how long a store that forgot them stays
/// without them.
const EVERY: Duration = Duration::from_secs(5);
/// How soon it is tried again when a store did not answer.
const GAP: Duration = Duration::from_millis(200);

/// The session key of this process.
pub struct SessionKey {
    key: SigningKey,
    /// Was it published? A token that nobody can check is not handed out.
    known: AtomicBool,
    wanted: Notify,
}

impl SessionKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Result<Self, InvalidKey> {
        Ok(Self {
            key: SigningKey::generate(random)?,
            known: AtomicBool::new(false),
            wanted: Notify::new(),
        })
    }

    /// The access token that proves `access` from `now` on.
    pub async fn sign(
        &self,
        access: &Access,
        now: Millis,
        (ledger, store): (&Ledger, &Store),
    ) -> Result<String, Problem> {
        if !self.known.load(Ordering::Acquire) {
            self.publish(ledger, store)
                .await
                .map_err(Problem::try_again)?;
        }
        access.sign(&self.key, now).map_err(Problem::try_again)
    }

    /// Publishes the key once more, before its time.
    pub fn publish_soon(&self) {
        self.wanted.notify_one();
    }

    /// Publishes the key every few seconds, and sooner when a store did not answer.
    pub async fn publish_again_and_again(&self, ledger: &Ledger, store: &Store) {
        let mut is_away = false;
        loop {
            match self.publish(ledger, store).await {
                Ok(()) => {
                    is_away = false;
                    let _ = tokio::time::timeout(EVERY, self.wanted.notified()).await;
                }
                Err(failure) => {
                    if !is_away {
                        tracing::warn!(
                            failure,
                            "the session key could not be published; it is tried until it is"
                        );
                    }
                    is_away = true;
                    tokio::time::sleep(GAP).await;
                }
            }
        }
    }

    async fn publish(&self, ledger: &Ledger, store: &Store) -> Result<(), String> {
        let now = store.now().await.map_err(|failure| failure.to_string())?;
        let ended = ledger
            .ended_sessions(now.plus(-SESSIONS_REMEMBERED_MS))
            .await
            .map_err(|failure| failure.to_string())?;
        // A session key signs for no public URL: it is known here and nowhere else.
        store
            .publish_session_key(&self.key.public(""), &ended)
            .await
            .map_err(|failure| failure.to_string())?;
        self.known.store(true, Ordering::Release);
        Ok(())
    }
}
