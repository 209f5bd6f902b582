//! Accounts: signing up, signing in and out, one's own account; and, at the ops door, everybody's, with the service keys.

mod admin;
mod coupons_of_mine;
mod me;
mod passwords;
mod pools;
mod post_account;
mod service_keys;
mod session_key;
mod sessions;
mod shown;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::routing::{delete, get, patch, post};
use chassis::admin::{OpsGuard, Staff};
use chassis::visitor::{VisitorRules, bearer};
use chassis::{Action, Lifecycle, Problem, Throttle};
use domain::account::Email;
use domain::secret::Secret;
use domain::session::{Access, SessionId};
use domain::ticket::InvalidKey;
use domain::{Millis, Random, Refusal};
use ledger::{Act, Ledger, LedgerError, ServiceKey};
use lua::Store;
use utoipa::OpenApi;

use passwords::Passwords;
pub use service_keys::PREFIX as SERVICE_KEY_PREFIX;
use service_keys::ServiceKeys;
use session_key::SessionKey;

/// What the handlers of accounts work with.
pub struct Accounts {
    ledger: Ledger,
    store: Store,
    random: Arc<dyn Random>,
    throttle: Arc<Throttle>,
    visitors: VisitorRules,
    passwords: Passwords,
    key: SessionKey,
    service_keys: ServiceKeys,
    /// Turns addresses of accounts into numbers that mean nothing outside this process.
    hasher: RandomState,
}

/// Whoever signed in: an extractor for `Authorization: Bearer <access token>`; `unauthorized` without a good one.
pub struct SignedIn(pub Access);

impl Accounts {
    /// Accounts kept in `ledger`, with a session key of this process's own.
    pub fn new(
        ledger: &Ledger,
        store: &Store,
        random: &Arc<dyn Random>,
        throttle: &Arc<Throttle>,
        visitors: VisitorRules,
    ) -> Result<Arc<Self>, InvalidKey> {
        Ok(Arc::new(Self {
            ledger: ledger.clone(),
            store: store.clone(),
            random: random.clone(),
            throttle: throttle.clone(),
            visitors,
            passwords: Passwords::new(random.as_ref()),
            key: SessionKey::generate(random.as_ref())?,
            service_keys: ServiceKeys::default(),
            hasher: RandomState::new(),
        }))
    }

    /// Keeps the session key known until the last request was answered.
    pub async fn follow(&self, lifecycle: &Lifecycle) {
        tokio::select! {
            () = self.key.publish_again_and_again(&self.ledger, &self.store) => {}
            () = lifecycle.drained() => {}
        }
    }

    /// The public door's routes.
    pub fn public(self: &Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/api/v1/accounts", post(post_account::handler))
            .route(
                "/api/v1/accounts/me",
                get(me::get_handler).patch(me::patch_handler),
            )
            .route("/api/v1/accounts/me/coupons", get(coupons_of_mine::handler));
        self.throttle
            .limit(Action::Request, routes)
            .with_state(self.clone())
            .merge(self.sessions())
    }

    /// Signing in and out, at both doors: a page may call its own door alone, and the console stands at the ops door.
    fn sessions(self: &Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/api/v1/sessions", post(sessions::begin::handler))
            .route("/api/v1/sessions/refresh", post(sessions::refresh::handler))
            .route("/api/v1/sessions/me", delete(sessions::end::handler));
        self.throttle
            .limit(Action::Request, routes)
            .with_state(self.clone())
    }

    /// The ops door's routes: for admins alone, but for the pools and for signing in.
    pub fn ops(self: &Arc<Self>, guard: &OpsGuard) -> Router {
        let routes = Router::new()
            .route(
                "/api/v1/admin/accounts",
                get(admin::list::handler).post(admin::post::handler),
            )
            .route(
                "/api/v1/admin/accounts/{account_id}",
                patch(admin::patch::handler).delete(admin::delete::handler),
            )
            .route(
                "/api/v1/admin/service-keys",
                get(service_keys::list::handler).post(service_keys::post::handler),
            )
            .route(
                "/api/v1/admin/service-keys/{id}",
                delete(service_keys::delete::handler),
            )
            .route("/api/v1/admin/audit", get(admin::audit::handler));
        guard
            .admins(routes)
            .with_state(self.clone())
            .merge(pools::ops(self, guard))
            .merge(self.sessions())
    }

    /// The time of the store, which every process shares.
    async fn now(&self) -> Result<Millis, Problem> {
        self.store.now().await.map_err(Problem::try_again)
    }

    /// Counts one guess of a password.
    fn count_guess(&self, address: IpAddr, account: &Email) -> Result<(), Problem> {
        self.throttle
            .password(address, self.hasher.hash_one(account))
    }

    /// What an access token proves.
    pub async fn access(&self, token: &str) -> Result<Access, Problem> {
        match self.store.access(token).await {
            Ok(Ok(access)) => Ok(access),
            Ok(Err(_)) => Err(Refusal::Unauthorized.into()),
            Err(failure) => Err(Problem::try_again(failure)),
        }
    }

    /// The service key with this secret, if there is one.
    pub async fn service_key(&self, secret: &Secret) -> Result<Option<Arc<ServiceKey>>, Problem> {
        self.service_keys.known(&self.ledger, secret).await
    }

    /// Ends the access tokens of sessions that the ledger has ended. A store that is away hears of it from the key's keeper, as
    /// soon as it is back.
    async fn end_access(&self, sessions: &[SessionId]) {
        if let Err(failure) = self.store.end_sessions(sessions).await {
            let sessions = sessions.len();
            tracing::warn!(%failure, sessions, "ended sessions could not be told to the store yet");
            self.key.publish_soon();
        }
    }
}

impl FromRequestParts<Arc<Accounts>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        accounts: &Arc<Accounts>,
    ) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthorized)?;
        accounts.access(token).await.map(Self)
    }
}

/// A failed call to the ledger as an answer.
fn ledger_failed(failure: LedgerError) -> Problem {
    Problem::try_again(failure)
}

/// What staff does, and when.
fn act(staff: &Staff, at: Millis) -> Act<'_> {
    Act {
        by: staff.name(),
        at,
    }
}

/// What is described here.
#[derive(OpenApi)]
#[openapi(
    paths(
        post_account::handler,
        me::get_handler,
        me::patch_handler,
        coupons_of_mine::handler,
        sessions::begin::handler,
        sessions::refresh::handler,
        sessions::end::handler,
        admin::list::handler,
        admin::post::handler,
        admin::patch::handler,
        admin::delete::handler,
        admin::audit::handler,
        service_keys::list::handler,
        service_keys::post::handler,
        service_keys::delete::handler,
    ),
    tags(
        (name = "accounts", description = "Signing up, signing in and out, one's own account"),
        (name = "staff", description = "Accounts and service keys. On the ops door, for admins")
    )
)]
struct Own;

/// The part of the API's description.
pub fn api() -> utoipa::openapi::OpenApi {
    let mut api = Own::openapi();
    api.merge(pools::Api::openapi());
    api
}
