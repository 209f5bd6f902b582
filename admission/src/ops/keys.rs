//! `GET /api/v1/admin/keys`: the keys that sign tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chassis::list::List;
use domain::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::Signer;

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownKey {
    /// Its id, as in a ticket's header.
    kid: String,
    /// `active`: it signs.
    state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    since: Millis,
    /// Until when it signs; null while no end is set.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    until: Option<Millis>,
}

/// The keys that sign tickets.
#[utoipa::path(
    get, path = "/api/v1/admin/keys", operation_id = "signing_keys", tag = "ops",
    responses(
        (status = 200, description = "The list", body = List<ShownKey>),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
    ),
    security(("admin_token" = [])),
)]
pub async fn keys(State(signer): State<Arc<Signer>>) -> Json<List<ShownKey>> {
    let active = ShownKey {
        kid: signer.kid().to_owned(),
        state: "active",
        since: signer.since(),
        until: None,
    };
    Json(List {
        items: vec![active],
        next: None,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
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
        let rotate = replica.call(Method::POST, "/api/v1/admin/keys", None).await;
        assert_eq!(rotate.headers["allow"], "GET,HEAD");
        rotate.refused(405, "method-not-allowed");
    }
}
