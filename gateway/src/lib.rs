//! The gateway: the line's front door. People enter, leave and see where they stand; positions come from a mirror of the
//! line, and reach open connections by one wheel.

mod answer;
mod assets;
mod credential;
mod draw;
mod enter;
mod entry;
mod leave;
mod live;
mod me;
mod mirror;
mod page;
mod schema;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use chassis::{Action, Lifecycle, Role, Throttle, VisitorRules};
use domain::{Clock, Random};
use lua::{Moves, Store, StoreError};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use live::meters::Meters;
use mirror::Mirror;

/// How long a socket without a cookie may take to say hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// What the gateway is built from.
pub struct Parts {
    /// The door to Redis.
    pub store: Store,
    /// How to open further connections to it.
    pub redis: lua::Settings,
    /// When to stop.
    pub lifecycle: Lifecycle,
    /// The limits per client address.
    pub throttle: Arc<Throttle>,
    /// The time that frames show.
    pub clock: Arc<dyn Clock>,
    /// Where place tokens and jitter come from.
    pub random: Arc<dyn Random>,
    /// The URL under which browsers reach the public door.
    pub public_url: Option<String>,
}

/// What the handlers work with.
struct Gateway {
    store: Store,
    mirror: Arc<Mirror>,
    lifecycle: Lifecycle,
    throttle: Arc<Throttle>,
    visitors: VisitorRules,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    entry_keys: entry::KnownKeys,
    hello_deadline: Duration,
    meters: Meters,
}

/// Starts the gateway's tasks and brings its routes.
pub async fn build(parts: Parts) -> Result<Role, StoreError> {
    build_with(parts, HELLO_DEADLINE).await
}

async fn build_with(parts: Parts, hello_deadline: Duration) -> Result<Role, StoreError> {
    let moves = Moves::connect(&parts.redis).await?;
    let mirror = Mirror::new(parts.store.clone(), parts.random.clone());
    mirror.start(moves, &parts.lifecycle);
    let gateway = Gateway {
        store: parts.store,
        mirror,
        lifecycle: parts.lifecycle,
        visitors: VisitorRules::new(parts.public_url.as_deref()),
        throttle: parts.throttle,
        clock: parts.clock,
        random: parts.random,
        entry_keys: entry::KnownKeys::default(),
        hello_deadline,
        meters: Meters::new(),
    };
    Ok(Role {
        name: "gateway",
        public: routes(Arc::new(gateway)),
        ops: Router::new(),
    })
}

fn routes(gateway: Arc<Gateway>) -> Router {
    let event = "/api/v1/events/{event}";
    let me = format!("{event}/places/me");
    let page = "/e/{event}";
    let enters = Router::new()
        .route(&format!("{event}/places"), post(enter::handler))
        .route(page, post(page::enter));
    let requests = Router::new()
        .route(event, get(status::handler))
        .route(&format!("{event}/draw"), get(draw::handler))
        .route(&me, get(me::handler).delete(leave::handler))
        .route(&format!("{me}/live"), get(live::socket::handler))
        .route(&format!("{me}/events"), get(live::stream::handler))
        .route(page, get(page::handler));
    gateway
        .throttle
        .limit(Action::Enter, enters)
        .merge(gateway.throttle.limit(Action::Request, requests))
        .route("/account", get(page::account::handler))
        .route("/assets/{*name}", get(assets::handler))
        .with_state(gateway)
}

/// The gateway's part of the API's description.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    paths(
        status::handler,
        draw::handler,
        enter::handler,
        me::handler,
        leave::handler,
        live::socket::handler,
        live::stream::handler,
        page::handler,
        page::enter,
        page::account::handler,
    ),
    components(schemas(live::frame::Frame, live::frame::Said)),
    tags((name = "line", description = "Standing in line")),
    modifiers(&Credentials)
)]
struct Api;

/// The credentials that the gateway's calls take.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("place token")
            .build();
        let cookie = ApiKeyValue::new("__Host-stanchion-{event}");
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("place_token", SecurityScheme::Http(bearer));
        components.add_security_scheme(
            "place_cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(cookie)),
        );
    }
}
