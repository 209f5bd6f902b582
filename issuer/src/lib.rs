//! The issuer: redeems tickets, waits for the ack level, and relays the outbox to the log.

mod accounts;
mod ack;
mod answer;
mod books;
mod caller;
mod direct;
mod jobs;
mod jwks;
mod keys;
mod once;
mod owner;
mod redeem;
mod redeem_by_form;
mod redemptions_me;
mod relay;
mod strain;
mod terms;
#[cfg(test)]
mod tests;
mod ticket;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use chassis::admin::OpsGuard;
use chassis::config::DirectApi;
use chassis::visitor::VisitorRules;
use chassis::{Action, Lifecycle, Role, Throttle};
use domain::Random;
use domain::event::AckLevel;
use domain::ticket::InvalidKey;
use ledger::Ledger;
use lua::{Store, StoreError};
use tokio::sync::Notify;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use accounts::Accounts;
use ack::Acks;
use keys::Keys;
use relay::Relay;
use strain::Strains;
use terms::KnownTerms;

/// What the issuer is built from.
pub struct Parts {
    /// The door to Redis.
    pub store: Store,
    /// How to open further connections to it.
    pub redis: lua::Settings,
    /// The ledger, its tables made: accounts and books are kept in it.
    pub ledger: Ledger,
    /// Who is let through the ops door.
    pub guard: OpsGuard,
    /// When to stop.
    pub lifecycle: Lifecycle,
    /// The limits per client address.
    pub throttle: Arc<Throttle>,
    /// Where codes come from.
    pub random: Arc<dyn Random>,
    /// The URL under which browsers reach the public door.
    pub public_url: Option<String>,
    /// How much of the direct API is open.
    pub direct_api: DirectApi,
    /// How long a redeem may take, in milliseconds, before admission is told that it is late; none for as long as it wants.
    pub brake_latency_ms: Option<u64>,
    /// What a claim of a coupon that anybody creates waits for, and a call on a book that has no level of its own.
    pub default_ack: AckLevel,
    /// How to reach Kafka. Without it nothing is relayed: the persister reads the outbox itself.
    pub kafka: Option<kafka::Settings>,
}

/// What the handlers work with.
struct Desk {
    store: Store,
    ledger: Ledger,
    keys: Arc<Keys>,
    terms: KnownTerms,
    acks: Arc<Acks>,
    strains: Arc<Strains>,
    random: Arc<dyn Random>,
    visitors: VisitorRules,
    throttle: Arc<Throttle>,
    accounts: Arc<Accounts>,
    default_ack: AckLevel,
    /// Told when there is a new job.
    new_job: Notify,
}

/// Why the issuer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The signing keys could not be read.
    #[error("the signing keys could not be read: {0}")]
    Keys(#[from] StoreError),
    /// The session key could not be made.
    #[error("the session key could not be made: {0}")]
    SessionKey(#[from] InvalidKey),
}

/// Starts the issuer's tasks and brings its routes.
pub async fn build(parts: Parts) -> Result<Role, BuildError> {
    let keys = Keys::load(&parts.store).await?;
    let acks = Acks::new(parts.store.clone());
    let desk = desk(&parts, &keys, &acks)?;
    let accounts = desk.accounts.clone();
    let public = routes(desk.clone(), &parts.throttle)
        .merge(direct::routes(parts.direct_api, desk.clone()))
        .merge(accounts.public())
        .merge(books::public(desk.clone()));
    let ops = accounts
        .ops(&parts.guard)
        .merge(books::ops(desk.clone(), &parts.guard))
        .merge(jobs::ops(desk.clone(), &parts.guard));
    let (keeper, stop) = (accounts, parts.lifecycle.clone());
    parts.lifecycle.spawn("session key", async move {
        keeper.follow(&stop).await;
        Ok(())
    });
    let (strains, store, stop) = (
        desk.strains.clone(),
        parts.store.clone(),
        parts.lifecycle.clone(),
    );
    parts.lifecycle.spawn("strain", async move {
        strains.tell(&store, &stop).await;
        Ok(())
    });
    jobs::start(desk, &parts.lifecycle);
    start_tasks(parts, keys, acks);
    Ok(Role {
        name: "issuer",
        public,
        ops,
    })
}

/// What the handlers work with.
fn desk(parts: &Parts, keys: &Arc<Keys>, acks: &Arc<Acks>) -> Result<Arc<Desk>, InvalidKey> {
    let visitors = VisitorRules::new(parts.public_url.as_deref());
    let accounts = Accounts::new(
        &parts.ledger,
        &parts.store,
        &parts.random,
        &parts.throttle,
        visitors.clone(),
    )?;
    Ok(Arc::new(Desk {
        store: parts.store.clone(),
        ledger: parts.ledger.clone(),
        keys: keys.clone(),
        terms: KnownTerms::new(parts.store.clone()),
        acks: acks.clone(),
        strains: Strains::new(parts.brake_latency_ms),
        random: parts.random.clone(),
        visitors,
        throttle: parts.throttle.clone(),
        accounts,
        default_ack: parts.default_ack,
        new_job: Notify::new(),
    }))
}

fn routes(desk: Arc<Desk>, throttle: &Arc<Throttle>) -> Router {
    let redemptions = "/api/v1/events/{event}/redemptions";
    let limited = Router::new()
        .route(redemptions, post(redeem::handler))
        .route(&format!("{redemptions}/me"), get(redemptions_me::handler))
        .route(
            &format!("{redemptions}/form"),
            post(redeem_by_form::handler),
        );
    throttle
        .limit(Action::Request, limited)
        .route("/.well-known/jwks.json", get(jwks::handler))
        .with_state(desk)
}

fn start_tasks(parts: Parts, keys: Arc<Keys>, acks: Arc<Acks>) {
    let Parts {
        store,
        redis,
        lifecycle,
        random,
        ..
    } = parts;
    #[expect(clippy::cast_precision_loss, reason = "no outbox holds 2^53 records")]
    metrics::gauge!("stanchion_outbox_limit").set(redis.outbox_max as f64);
    let spawner = lifecycle.clone();
    if let Some(kafka) = parts.kafka {
        let relay = Relay {
            store: store.clone(),
            redis: redis.clone(),
            kafka,
            random: random.clone(),
            lifecycle: lifecycle.clone(),
        };
        spawner.spawn("relay", async move {
            relay.run().await;
            Ok(())
        });
    }
    let stop = lifecycle.clone();
    spawner.spawn("signing keys", async move {
        keys.follow(&store, &stop).await;
        Ok(())
    });
    spawner.spawn("acknowledgements", async move {
        acks.follow(&redis, random, &lifecycle).await;
        Ok(())
    });
}

/// The issuer's part of the API's description; of the direct API, what is served of it.
#[must_use]
pub fn api(direct_api: DirectApi) -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    api.merge(direct::described(direct_api));
    api.merge(accounts::api());
    api.merge(books::Api::openapi());
    api.merge(jobs::Api::openapi());
    api
}

#[derive(OpenApi)]
#[openapi(
    paths(redeem::handler, redeem_by_form::handler, redemptions_me::handler, jwks::handler),
    tags((name = "redeem", description = "Exchanging a ticket for a coupon")),
    modifiers(&Credentials)
)]
struct Api;

/// The credentials that the issuer's calls take.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = |format: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format(format)
                    .build(),
            )
        };
        let cookie = ApiKeyValue::new("__Host-stanchion-{event}");
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("ticket", bearer("JWT"));
        components.add_security_scheme("access_token", bearer("JWT"));
        components.add_security_scheme("service_key", bearer("service key"));
        components.add_security_scheme("admin_token", bearer("admin token"));
        let session = ApiKeyValue::new("__Secure-stanchion-session");
        components.add_security_scheme(
            "session_cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(session)),
        );
        components.add_security_scheme("place_token", bearer("place token"));
        components.add_security_scheme(
            "place_cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(cookie)),
        );
    }
}
