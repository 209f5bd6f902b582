//! Service keys: programs that act for their users, each on the books it names.

pub mod delete;
pub mod list;
pub mod post;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::Problem;
use domain::account::{Name, ServiceKeyId};
use domain::secret::Secret;
use domain::{EventId, Millis};
use ledger::{Ledger, ServiceKey};
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

/// What every service key begins with, so that nobody takes it for another credential.
pub const PREFIX: &str = "sk_";

/// How long a service key is believed without asking the ledger again: how long one that was deleted at another replica may
/// still open here.
const BELIEVED: Duration = Duration::from_secs(1);
/// Most keys that are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// A service key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceKey)]
pub struct ShownKey {
    /// Its id.
    #[schema(value_type = String, example = "key_bGV0cyBub3QgZ3Vlc3MgaQ")]
    id: ServiceKeyId,
    /// What it is called.
    #[schema(value_type = String)]
    name: Name,
    /// The books that it may use.
    #[schema(value_type = Vec<String>)]
    books: Vec<EventId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Millis,
}

impl From<ServiceKey> for ShownKey {
    fn from(key: ServiceKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            books: key.books,
            created_at: key.created_at,
        }
    }
}

/// The service keys that were seen a moment ago.
#[derive(Default)]
pub struct ServiceKeys {
    seen: Mutex<HashMap<String, (Instant, Arc<ServiceKey>)>>,
}

impl ServiceKeys {
    /// The key with this secret, if there is one.
    pub async fn known(
        &self,
        ledger: &Ledger,
        secret: &Secret,
    ) -> Result<Option<Arc<ServiceKey>>, Problem> {
        let digest = secret.digest();
        if let Some((since, key)) = self.seen.lock().get(&digest)
            && since.elapsed() < BELIEVED
        {
            return Ok(Some(key.clone()));
        }
        // The time before the question: an answer may be as old as that.
        let asked = Instant::now();
        let key = ledger.service_key(&digest).await;
        let key = key.map_err(Problem::try_again)?.map(Arc::new);
        let mut seen = self.seen.lock();
        match &key {
            Some(key) => {
                if seen.len() >= MOST_REMEMBERED {
                    seen.clear();
                }
                seen.insert(digest, (asked, key.clone()));
            }
            None => drop(seen.remove(&digest)),
        }
        Ok(key)
    }

    /// Forgets a key that was deleted here.
    pub fn forget(&self, id: &ServiceKeyId) {
        self.seen.lock().retain(|_, (_, key)| key.id != *id);
    }
}
