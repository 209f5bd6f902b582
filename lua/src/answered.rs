//! Answers to calls with an idempotency key that no script keeps with its effect: refusals that were decided before one ran, and
//! calls that may be made twice without harm.

use domain::once::Once;

use crate::connect::{Store, StoreError};
use crate::keys;

/// How long an answer is kept, in seconds.
const KEPT_S: u64 = 24 * 60 * 60;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The same call was answered with this text.
    Same(String),
    /// Another call was answered under the same key.
    Other,
}

impl Store {
    /// What was answered under this key, if anything was.
    pub async fn answered(&self, once: &Once) -> Result<Option<Answered>, StoreError> {
        let held: Option<String> = redis::cmd("GET")
            .arg(keys::answered(once.name()))
            .query_async(&mut self.connection())
            .await?;
        let Some(held) = held else { return Ok(None) };
        let answer = held.strip_prefix(once.digest());
        Ok(Some(answer.map_or(Answered::Other, |answer| {
            Answered::Same(answer.to_owned())
        })))
    }

    /// Keeps an answer under its key, unless one is kept.
    pub async fn keep_answer(&self, once: &Once, answer: &str) -> Result<(), StoreError> {
        let _: Option<String> = redis::cmd("SET")
            .arg(keys::answered(once.name()))
            .arg(format!("{}{answer}", once.digest()))
            .arg("NX")
            .arg("EX")
            .arg(KEPT_S)
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }
}
