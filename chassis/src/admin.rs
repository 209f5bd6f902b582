//! The admin token: the credential of the ops door.

use std::sync::Arc;

use axum::Router;

/// The token, compared in constant time; never logged.
#[derive(Clone)]
pub struct AdminToken {
    _token: Arc<str>,
}

impl AdminToken {
    /// Wraps the secret.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self {
            _token: token.into(),
        }
    }

    /// Is this the token?
    #[must_use]
    pub fn matches(&self, offered: &str) -> bool {
        let _ = offered;
        unimplemented!()
    }

    /// Puts the check of `Authorization: Bearer <token>` in front of every route of `routes`; without it `unauthorized`.
    pub fn guard<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        routes
    }
}
