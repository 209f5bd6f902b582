//! `GET /api/v1/admin/keys`: the keys that sign tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::List;
use domain::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::signer::{KeyState, Listed, Signer};

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct ShownKey {
    /// Its id, as in a ticket's header.
    kid: String,
    /// `next`: it is published and will sign; `active`: it signs; `old`: it signs no more, its tickets are still out.
    #[schema(example = "active")]
    state: &'static str,
    /// Since when it signs, or from when it will.
    #[schema(value_type = String, format = DateTime)]
    since: Millis,
    /// When its last ticket ends and it is published no more; null while that is not known.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    until: Option<Millis>,
}

impl From<Listed> for ShownKey {
    fn from(listed: Listed) -> Self {
        Self {
            kid: listed.kid,
            state: match listed.state {
                KeyState::Next => "next",
                KeyState::Active => "active",
                KeyState::Old => "old",
            },
            since: listed.since,
            until: listed.until,
        }
    }
}

/// The keys that sign tickets, oldest first: all that JWKS shows.
#[utoipa::path(
    get, path = "/api/v1/admin/keys", operation_id = "signing_keys", tag = "ops",
    responses(
        (status = 200, description = "The list", body = List<ShownKey>),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn keys(State(signer): State<Arc<Signer>>) -> Json<List<ShownKey>> {
    Json(List {
        items: signer.list().into_iter().map(ShownKey::from).collect(),
        next: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::stage::Stage;

    #[tokio::test]
    async fn the_key_that_signs_is_listed_and_published() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let listed = replica.get("/api/v1/admin/keys").await;
        assert_eq!((listed.status, &listed.body["next"]), (200, &Value::Null));
        let key = &listed.body["items"][0];
        let published = stage.store.public_keys().await.unwrap();
        assert_eq!(published.len(), 1);
        assert_eq!(key["kid"], published[0].kid);
        assert_eq!(
            (&key["state"], &key["until"]),
            (&Value::from("active"), &Value::Null)
        );
        assert!(
            key["since"]
                .as_str()
                .is_some_and(|since| since.starts_with("20"))
        );

        let restarted = stage.replica().await;
        assert_eq!(restarted.get("/api/v1/admin/keys").await.body, listed.body);
    }
}
