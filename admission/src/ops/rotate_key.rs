//! `POST /api/v1/admin/keys`: makes the next key that signs tickets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::Problem;
use domain::Random;
use lua::Store;

use super::keys::ShownKey;
use crate::signer::Signer;

/// Makes the next key that signs tickets.
///
/// It is published at once and signs from `since` on, when everybody who keeps a copy of the published keys has seen it. The
/// key before it stays published until its last ticket has ended. While a next key waits for its time no other is made.
#[utoipa::path(
    post, path = "/api/v1/admin/keys", operation_id = "rotate_signing_key", tag = "ops",
    responses(
        (status = 201, description = "The next key", body = ShownKey),
        (status = 200, description = "There was a next key already: that one", body = ShownKey),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn rotate_key(
    State(store): State<Store>,
    State(signer): State<Arc<Signer>>,
    State(random): State<Arc<dyn Random>>,
) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    let rotated = signer.rotate(&store, random.as_ref()).await;
    let (next, new) = rotated.map_err(Problem::try_again)?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(next.into())))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use domain::ticket::KeySet;
    use serde_json::{Value, json};

    use crate::stage::{Replica, Stage, until};

    async fn rotate(replica: &Replica) -> (u16, Value) {
        let reply = replica.call(Method::POST, "/api/v1/admin/keys", None).await;
        (reply.status, reply.body)
    }

    #[tokio::test]
    async fn the_next_key_is_published_at_once_and_signs_later_in_every_replica() {
        let stage = Stage::set().await;
        let (one, two) = (stage.replica().await, stage.replica().await);
        let first = one.get("/api/v1/admin/keys").await.body["items"][0].clone();
        let asked = stage.store.now().await.unwrap();
        let (status, next) = rotate(&one).await;
        assert_eq!((status, &next["state"]), (201, &json!("next")), "{next}");
        let published = stage.store.public_keys().await.unwrap();
        assert!(published.iter().any(|key| next["kid"] == key.kid));
        let since = domain::Millis::parse(next["since"].as_str().unwrap()).unwrap();
        assert!(since.0 - asked.0 >= 15_000, "longer than JWKS may be kept");

        assert_eq!(rotate(&two).await, (200, next.clone()), "one at a time");
        let listed = two.get("/api/v1/admin/keys").await.body;
        assert_eq!(listed["items"], json!([first, next]));

        let open = json!({ "stock": 50, "phase": "open", "admission": { "rate_per_s": 100 } });
        one.make("demo", open).await;
        let places = stage.enter("demo", 5).await;
        stage.ticketed("demo", &places, 5).await;
        let signs = published.into_iter().filter(|key| first["kid"] == key.kid);
        let signs = KeySet::new(&signs.collect::<Vec<_>>());
        for held in stage.held("demo", &places).await {
            signs.read(&held.unwrap()).unwrap();
        }
    }

    #[tokio::test]
    async fn two_who_rotate_at_once_make_one_key() {
        let stage = Stage::set().await;
        let (one, two) = (stage.replica().await, stage.replica().await);
        let (one, two) = tokio::join!(rotate(&one), rotate(&two));
        assert_eq!(one.1, two.1);
        let listed = until("both keys", async || {
            let published = stage.store.public_keys().await.unwrap();
            (published.len() == 2).then_some(published)
        })
        .await;
        assert_eq!(listed.len(), 2);
    }
}
