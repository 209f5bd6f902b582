//! The two doors: the public one and the ops one. Every role brings its routes for each; one process merges them.

use axum::Router;

/// What a role brings.
pub struct Role {
    /// Its name: gateway, admission, issuer, persister.
    pub name: &'static str,
    /// Its routes on the public door.
    pub public: Router,
    /// Its routes on the ops door.
    pub ops: Router,
    /// Its part of the API's description.
    pub api: utoipa::openapi::OpenApi,
}
