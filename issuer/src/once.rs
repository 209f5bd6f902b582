//! Calls with an idempotency key, beyond what a script keeps with its effect.

use domain::Refusal;
use domain::once::Once;
use lua::{Answered, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use chassis::Problem;

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kept<T> {
    Done(T),
    Refused(String),
}

/// Makes a call whose effect is kept elsewhere under its key; a refusal that came before is told again, and a new one kept.
pub async fn refused_once<T>(
    store: &Store,
    once: Option<&Once>,
    call: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let Some(once) = once else { return call.await };
    if let Some(Kept::<()>::Refused(refused)) = held(store, once).await? {
        return Err(told(&refused));
    }
    let answer = call.await;
    keep(store, once, answer.as_ref().map(|_| None::<&()>)).await;
    answer
}

/// Makes a call that does no harm when it is made twice; what it was answered before is told again, and a new answer kept.
pub async fn answered_once<T: Serialize + DeserializeOwned>(
    store: &Store,
    once: Option<&Once>,
    call: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let Some(once) = once else { return call.await };
    match held(store, once).await? {
        Some(Kept::Done(answer)) => return Ok(answer),
        Some(Kept::Refused(refused)) => return Err(told(&refused)),
        None => {}
    }
    let answer = call.await;
    keep(store, once, answer.as_ref().map(Some)).await;
    answer
}

/// What is kept under the key, if anything is.
async fn held<T: DeserializeOwned>(store: &Store, once: &Once) -> Result<Option<Kept<T>>, Problem> {
    match store.answered(once).await.map_err(Problem::try_again)? {
        None => Ok(None),
        Some(Answered::Other) => Err(Refusal::IdempotencyMismatch.into()),
        Some(Answered::Same(text)) => {
            let kept = serde_json::from_str(&text).map_err(Problem::try_again)?;
            Ok(Some(kept))
        }
    }
}

/// Keeps an answer that is final. Where it cannot be kept, the call was answered all the same, and is made again when it is asked
/// again.
async fn keep<T: Serialize>(store: &Store, once: &Once, answer: Result<Option<&T>, &Problem>) {
    let kept = match answer {
        Ok(None) => return,
        Ok(Some(done)) => Kept::Done(done),
        Err(problem) => match problem.to_kept() {
            Some(refused) => Kept::Refused(refused),
            None => return,
        },
    };
    let kept = match serde_json::to_string(&kept) {
        Ok(kept) => store.keep_answer(once, &kept).await,
        Err(error) => return tracing::warn!(%error, "an answer cannot be written down"),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "an answer could not be kept under its idempotency key");
    }
}

fn told(refused: &str) -> Problem {
    Problem::from_kept(refused).unwrap_or_else(|| Problem::try_again("a refusal that is none"))
}
