//! Who a visitor is, in an event that knows them by entry tokens: the user, whose one place any of their place tokens opens.

use std::collections::HashMap;
use std::sync::Arc;

use chassis::Problem;
use domain::entry::{EntryKey, EntryKeys};
use domain::{EventId, Holder, PlaceId, PlaceToken, Refusal};
use parking_lot::Mutex;

use crate::Gateway;
use crate::mirror::line::Line;

/// The entry keys of the events met so far, each as of a version of its event.
#[derive(Default)]
pub struct KnownKeys(Mutex<HashMap<EventId, (u64, Arc<EntryKeys>)>>);

/// The user who enters: whom the entry token names or, without one, whose the place token is already. `None` where places are
/// known by their tokens alone.
pub async fn user(
    gateway: &Gateway,
    line: &Line,
    token: &PlaceToken,
    entry_token: Option<&str>,
) -> Result<Option<Holder>, Problem> {
    let document = line.document();
    match (document.entry(), entry_token) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Problem::field(
            "entry_token",
            "`entry_token` means nothing here: the event knows its visitors by their place tokens. Leave it out.",
        )),
        (Some(_), None) => owner(gateway, &line.event, token).await?.map_or_else(
            || {
                Err(Problem::new(
                    Refusal::Unauthorized,
                    "This line is for users of the organiser's site: send `entry_token`, which that site gives.",
                ))
            },
            |user| Ok(Some(user)),
        ),
        (Some((version, keys)), Some(entry_token)) => {
            let keys = ready(gateway, &line.event, version, keys).await?;
            let read = keys.user(entry_token, &line.event, gateway.clock.now());
            read.map(Some).map_err(|flaw| {
                Problem::new(
                    Refusal::Unauthorized,
                    format!("This entry token is not accepted: {flaw}. Get a new one from the organiser's site."),
                )
            })
        }
    }
}

/// The place that a place token opens; `no-place` for one that no user came with, where users are known by entry tokens.
pub async fn place(gateway: &Gateway, line: &Line, token: &PlaceToken) -> Result<PlaceId, Problem> {
    place_by(line, token, || owner(gateway, &line.event, token)).await
}

/// The same for a connection, which may be one of a crowd that comes back.
pub async fn place_to_watch(
    gateway: &Gateway,
    line: &Line,
    token: &PlaceToken,
) -> Result<PlaceId, Problem> {
    place_by(line, token, async || {
        let user = gateway.store.whose_to_watch(&line.event, token.place_id());
        user.await.map_err(Problem::try_again)
    })
    .await
}

async fn place_by(
    line: &Line,
    token: &PlaceToken,
    owner: impl AsyncFnOnce() -> Result<Option<Holder>, Problem>,
) -> Result<PlaceId, Problem> {
    if line.document().entry().is_none() {
        return Ok(token.place_id());
    }
    let user = owner().await?.ok_or(Refusal::NoPlace)?;
    Ok(PlaceId::of_user(&line.event, &user))
}

/// The user who came with the place token.
async fn owner(
    gateway: &Gateway,
    event: &EventId,
    token: &PlaceToken,
) -> Result<Option<Holder>, Problem> {
    let user = gateway.store.whose(event, token.place_id()).await;
    user.map_err(Problem::try_again)
}

/// The keys of this version of the event with their secrets, which are read once for each version.
async fn ready(
    gateway: &Gateway,
    event: &EventId,
    version: u64,
    keys: &[EntryKey],
) -> Result<Arc<EntryKeys>, Problem> {
    if let Some((known, ready)) = gateway.entry_keys.0.lock().get(event)
        && *known == version
    {
        return Ok(ready.clone());
    }
    let secrets = gateway.store.entry_secrets(event).await;
    let ready = Arc::new(EntryKeys::new(keys, &secrets.map_err(Problem::try_again)?));
    let mut known = gateway.entry_keys.0.lock();
    known.insert(event.clone(), (version, ready.clone()));
    Ok(ready)
}
