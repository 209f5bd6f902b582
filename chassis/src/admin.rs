//! The credentials of the ops door: the admin token, and the access tokens of staff by their role.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::account::Role;
use domain::session::Access;
use domain::{Random, Refusal};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
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
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// Who came through the ops door. An extractor behind an [`OpsGuard`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Staff {
    /// Whoever holds the admin token.
    Token,
    /// Somebody with an account.
    Account(Access),
}

impl Staff {
    /// What stands in the audit: `admin`, or the account's id.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Token => "admin",
            Self::Account(access) => access.account.as_str(),
        }
    }

    /// What they may do.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Token => Role::Admin,
            Self::Account(access) => access.role,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let staff = parts.extensions.get().cloned();
        staff.ok_or_else(|| Refusal::Unauthorized.into())
    }
}

/// Asks the store what an access token proves; `None` when it opens nothing, an error when the store does not answer.
type Prove = dyn Fn(String) -> BoxFuture<'static, Result<Option<Access>, String>> + Send + Sync;

/// Who is let through the ops door: the admin token, and access tokens by role. The store is asked at every call, so that an
/// account that was deleted or demoted is out at once.
#[derive(Clone)]
pub struct OpsGuard {
    token: Option<AdminToken>,
    prove: Arc<Prove>,
}

/// Which roles a route opens to.
#[derive(Clone, Copy)]
enum Opens {
    /// Operators read, admins change.
    Staff,
    /// Operators change it too.
    Operators,
    /// Admins alone.
    Admins,
}

impl Opens {
    fn to(self, role: Role, method: &Method) -> bool {
        match (role, self) {
            (Role::User, _) | (Role::Operator, Self::Admins) => false,
            (Role::Admin, _) | (Role::Operator, Self::Operators) => true,
            (Role::Operator, Self::Staff) => matches!(*method, Method::GET | Method::HEAD),
        }
    }
}

impl OpsGuard {
    /// Opens to `token`, where the process has one, and to whom `prove` knows.
    pub fn new<F>(
        token: Option<AdminToken>,
        prove: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<Access>, String>> + Send + 'static,
    {
        Self {
            token,
            prove: Arc::new(move |offered| prove(offered).boxed()),
        }
    }

    /// Opens to `token` alone.
    #[must_use]
    pub fn of_token(token: AdminToken) -> Self {
        Self::new(Some(token), |_| std::future::ready(Ok(None)))
    }

    /// Routes that operators may read and admins change.
    pub fn staff<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        self.put_before(Opens::Staff, routes)
    }

    /// Routes that operators may use as admins do.
    pub fn operators<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        self.put_before(Opens::Operators, routes)
    }

    /// Routes for admins alone.
    pub fn admins<S: Clone + Send + Sync + 'static>(&self, routes: Router<S>) -> Router<S> {
        self.put_before(Opens::Admins, routes)
    }

    fn put_before<S: Clone + Send + Sync + 'static>(
        &self,
        opens: Opens,
        routes: Router<S>,
    ) -> Router<S> {
        let guarded = (self.clone(), opens);
        routes.route_layer(middleware::from_fn_with_state(guarded, check))
    }

    /// Who shows this credential, if they may read here: `unauthorized` without one that is known, `forbidden` for an account
    /// that is nobody's staff, `try-again` when the store cannot be asked.
    pub async fn reader(&self, offered: &str) -> Result<Staff, Problem> {
        let staff = self.known(offered).await?;
        allowed(&staff, Opens::Staff, &Method::GET)?;
        Ok(staff)
    }

    async fn known(&self, offered: &str) -> Result<Staff, Problem> {
        if self
            .token
            .as_ref()
            .is_some_and(|token| token.matches(offered))
        {
            return Ok(Staff::Token);
        }
        match (self.prove)(offered.to_owned()).await {
            Ok(Some(access)) => Ok(Staff::Account(access)),
            Ok(None) => Err(Refusal::Unauthorized.into()),
            Err(failure) => Err(Problem::try_again(failure)),
        }
    }
}

impl fmt::Debug for OpsGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpsGuard")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn allowed(staff: &Staff, opens: Opens, method: &Method) -> Result<(), Problem> {
    if opens.to(staff.role(), method) {
        Ok(())
    } else {
        Err(Refusal::Forbidden.into())
    }
}

async fn check(
    State((guard, opens)): State<(OpsGuard, Opens)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let offered = bearer(request.headers()).ok_or(Refusal::Unauthorized)?;
    let staff = guard.known(offered).await?;
    allowed(&staff, opens, request.method())?;
    request.extensions_mut().insert(staff);
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
    use axum::routing::get;
    use domain::account::AccountId;
    use domain::session::SessionId;
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

    /// A guard that knows the admin token and one account of each role, by the role's name.
    fn guard() -> OpsGuard {
        OpsGuard::new(Some(AdminToken::new("s3cret")), |offered: String| {
            let access = offered.parse().ok().map(|role| Access {
                account: AccountId::generate(&SystemRandom),
                session: SessionId::generate(&SystemRandom),
                role,
            });
            let away = offered == "away";
            std::future::ready(if away {
                Err("away".to_owned())
            } else {
                Ok(access)
            })
        })
    }

    fn routes() -> Router {
        let guard = guard();
        let both = || get(|_: Staff| async { "in" }).post(|_: Staff| async { "in" });
        guard
            .staff(Router::new().route("/staff", both()))
            .merge(guard.operators(Router::new().route("/operators", both())))
            .merge(guard.admins(Router::new().route("/admins", both())))
    }

    async fn answer(method: Method, path: &str, header: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let request = request.body(Body::empty()).unwrap();
        routes().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_guarded_route_opens_for_a_known_credential_alone() {
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
            let reply = answer(Method::GET, "/staff", header).await;
            assert_eq!(reply.status(), status, "{header:?}");
            assert_eq!(
                reply.headers().contains_key(WWW_AUTHENTICATE),
                status == 401
            );
        }
        let away = answer(Method::GET, "/staff", Some("Bearer away")).await;
        assert_eq!(away.status(), 503);
        assert!(away.headers().contains_key(RETRY_AFTER));
    }

    #[tokio::test]
    async fn each_role_opens_what_it_is_for_and_nothing_else() {
        for (role, [staff_get, staff_post, operators, admins]) in [
            ("user", [403, 403, 403, 403]),
            ("operator", [200, 403, 200, 403]),
            ("admin", [200, 200, 200, 200]),
            ("s3cret", [200, 200, 200, 200]),
        ] {
            let header = format!("Bearer {role}");
            for (method, path, status) in [
                (Method::GET, "/staff", staff_get),
                (Method::POST, "/staff", staff_post),
                (Method::POST, "/operators", operators),
                (Method::GET, "/admins", admins),
            ] {
                let reply = answer(method.clone(), path, Some(&header)).await;
                assert_eq!(reply.status(), status, "{role} {method} {path}");
            }
            assert_eq!(guard().reader(role).await.is_ok(), staff_get == 200);
        }
    }

    #[tokio::test]
    async fn without_an_admin_token_no_text_is_taken_for_it() {
        let guard = OpsGuard::new(None, |_| std::future::ready(Ok(None)));
        for offered in ["", "s3cret"] {
            assert!(guard.reader(offered).await.is_err());
        }
    }
}
