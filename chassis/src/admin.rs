//! The admin token: the credential of the ops door.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Random, Refusal};
use subtle::ConstantTimeEq as _;

use crate::problem::Problem;
use crate::visitor::bearer;

/// The token, compared in constant time; never logged.
#[derive(Clone)]
pub struct AdminToken {
    token: Arc<str>,
}

impl AdminToken {
    /// Wraps the secret.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self {
            token: token.into(),
        }
    }

    /// Makes a new one: 32 random bytes as 43 characters of base64url.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self::new(&URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The secret itself, for the file it is kept in and the one time it is shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.token
    }

    /// Is this the token? An empty token is nobody's.
    #[must_use]
    pub fn matches(&self, offered: &str) -> bool {
        !self.token.is_empty() && bool::from(self.token.as_bytes().ct_eq(offered.as_bytes()))
    }

    /// Puts the check of `Authorization: Bearer <token>` in front of every route of `routes`; without it `unauthorized`.
    pub fn guard<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        routes.route_layer(middleware::from_fn_with_state(self.clone(), check))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

async fn check(
    State(token): State<AdminToken>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match bearer(request.headers()) {
        Some(offered) if token.matches(offered) => Ok(next.run(request).await),
        _ => Err(Refusal::Unauthorized.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::system::SystemRandom;

    #[test]
    fn only_the_whole_token_matches() {
        let token = AdminToken::new("correct horse");
        assert!(token.matches("correct horse"));
        for offered in [
            "",
            "correct",
            "correct horse ",
            "correct hors",
            "Correct horse",
        ] {
            assert!(!token.matches(offered), "{offered:?}");
        }
        assert!(!AdminToken::new("").matches(""));
        let made = AdminToken::generate(&SystemRandom);
        assert_eq!(made.reveal().len(), 43);
        assert!(!format!("{made:?}").contains(made.reveal()));
    }

    #[tokio::test]
    async fn a_guarded_route_opens_for_the_token_alone() {
        let token = AdminToken::new("s3cret");
        let routes: Router = token.guard(Router::new().route("/", get(|| async { "in" })));
        let table = [
            (None, 401),
            (Some("Bearer s3cret"), 200),
            (Some("bearer  s3cret"), 200),
            (Some("Bearer wrong"), 401),
            (Some("Bearer"), 401),
            (Some("Basic s3cret"), 401),
            (Some("s3cret"), 401),
        ];
        for (header, status) in table {
            let mut request = Request::builder().uri("/");
            if let Some(header) = header {
                request = request.header(AUTHORIZATION, header);
            }
            let request = request.body(Body::empty()).unwrap();
            let reply = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(reply.status(), status, "{header:?}");
            assert_eq!(
                reply.headers().contains_key(WWW_AUTHENTICATE),
                status == 401
            );
        }
    }
}
