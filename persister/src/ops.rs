//! The persister's part of the ops door: the dead letters, one file per endpoint. Operators read them, admins decide.

mod discard;
mod get_letter;
mod list_letters;
mod redrive;
mod shown;
#[cfg(test)]
mod stage;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use chassis::Problem;
use chassis::admin::OpsGuard;
use domain::Refusal;
use ledger::{Ledger, LedgerError, StoredDeadLetter};
use lua::Store;
use utoipa::OpenApi;

/// What the handlers need; each asks for its part.
#[derive(Clone, FromRef)]
struct Desk {
    store: Store,
    ledger: Ledger,
}

/// The routes of the ops door.
pub(crate) fn routes(store: Store, ledger: Ledger, guard: &OpsGuard) -> Router {
    let letters = Router::new()
        .route(
            "/api/v1/admin/dead-letters",
            get(list_letters::list_letters),
        )
        .route(
            "/api/v1/admin/dead-letters/{id}",
            get(get_letter::get_letter),
        )
        .route(
            "/api/v1/admin/dead-letters/{id}/redrive",
            post(redrive::redrive),
        )
        .route(
            "/api/v1/admin/dead-letters/{id}/discard",
            post(discard::discard),
        );
    guard.staff(letters).with_state(Desk { store, ledger })
}

/// The persister's part of the API's description.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(paths(
        list_letters::list_letters,
        get_letter::get_letter,
        redrive::redrive,
        discard::discard,
    ))]
    struct Api;
    Api::openapi()
}

/// The letter with this number, whatever became of it.
async fn letter(ledger: &Ledger, id: i64) -> Result<StoredDeadLetter, Problem> {
    let held = ledger.dead_letter(id).await.map_err(ledger_failed)?;
    held.ok_or_else(|| {
        Problem::new(
            Refusal::NotFound,
            format!("There is no dead letter {id}; the list shows those there are."),
        )
    })
}

/// A failed call to the ledger as an answer. Every call here may be sent again without harm.
fn ledger_failed(error: LedgerError) -> Problem {
    Problem::try_again(error)
}

/// Those who wait for a record are told what became of it. The decision stands whether they are or not: the persister tells
/// again whenever it starts.
async fn tell(store: &Store, ledger: &Ledger, letter: &StoredDeadLetter) {
    let claimed = &letter.letter.claimed;
    let (Some(event), Some(ordinal)) = (&claimed.event, claimed.ordinal) else {
        return;
    };
    let told = async {
        let buried = ledger
            .buried(event)
            .await
            .map_err(|error| error.to_string())?;
        if buried.contains(&ordinal) {
            return Ok(());
        }
        let unburied = store.unbury(event, &[ordinal]).await;
        unburied.map_err(|error| error.to_string())
    };
    if let Err(error) = told.await {
        tracing::warn!(
            error,
            dead_letter.id = letter.id,
            "a decision was made, and those who wait are told later"
        );
    }
}
