//! `POST /api/v1/admin/service-keys`: makes a service key, and shows it this once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::Problem;
use chassis::admin::Staff;
use domain::EventId;
use domain::account::{Name, ServiceKeyId};
use domain::secret::Secret;
use ledger::ServiceKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PREFIX, ShownKey};
use crate::accounts::{Accounts, act, ledger_failed};

/// Most books of one key.
const MOST_BOOKS: usize = 100;

/// The key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewServiceKey)]
pub struct Body {
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Name,
    /// The books that it may use, 1–100.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 100)]
    books: Vec<EventId>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
#[schema(as = NewServiceKeyShown)]
pub struct Shown {
    #[serde(flatten)]
    shown: ShownKey,
    /// The key itself: `Authorization: Bearer <key>`. It is not kept and cannot be shown again.
    key: String,
}

/// Makes a service key. The answer is the only place that ever shows it.
#[utoipa::path(
    post, operation_id = "make_service_key", path = "/api/v1/admin/service-keys", tag = "staff",
    request_body = Body,
    responses(
        (status = 201, description = "The new key", body = Shown),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    let Body { name, mut books } = body;
    if books.is_empty() || books.len() > MOST_BOOKS {
        let detail = format!("`books` must name 1 to {MOST_BOOKS} books.");
        return Err(Problem::field("books", detail));
    }
    books.sort();
    books.dedup();
    let secret = Secret::generate(accounts.random.as_ref());
    let act = act(&staff, accounts.now().await?);
    let key = ServiceKey {
        id: ServiceKeyId::generate(accounts.random.as_ref()),
        name,
        books,
        created_at: act.at,
    };
    let digest = secret.digest();
    let made = accounts.ledger.create_service_key(&key, &digest, act).await;
    made.map_err(ledger_failed)?;
    let shown = Shown {
        shown: key.into(),
        key: format!("{PREFIX}{}", secret.reveal()),
    };
    Ok((StatusCode::CREATED, Json(shown)))
}
