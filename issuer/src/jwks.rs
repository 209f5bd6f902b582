//! `GET /.well-known/jwks.json`: the public keys with which anybody can check a ticket.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

use crate::Desk;

/// Also how long a new key is shown before it signs.
const CACHED: &str = "public, max-age=15";

/// The public keys (RFC 7517, RFC 8037).
#[utoipa::path(
    get,
    operation_id = "jwks",
    path = "/.well-known/jwks.json",
    tag = "redeem",
    responses((status = 200, description = "`{keys: […]}`, Ed25519 keys only", content_type = "application/json"))
)]
pub async fn handler(State(desk): State<Arc<Desk>>) -> impl IntoResponse {
    (
        [(CACHE_CONTROL, CACHED), (CONTENT_TYPE, "application/json")],
        desk.keys.jwks(),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;
    use crate::tests::rig::{Rig, send};

    #[tokio::test]
    async fn the_published_keys_are_shown() {
        let rig = Rig::start().await;
        let request = Request::get("/.well-known/jwks.json").body(Body::empty());
        let reply = send(&rig.router, request.unwrap()).await;
        assert_eq!(reply.headers[CACHE_CONTROL], "public, max-age=15");
        assert_eq!(reply.headers[CONTENT_TYPE], "application/json");
        let expected = serde_json::json!({ "keys": [rig.key.public("").jwk()] });
        assert_eq!(reply.body, expected);
    }
}
