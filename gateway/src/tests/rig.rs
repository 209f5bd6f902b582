//! For tests: gateways on a real Redis, driven through their router or through a real listener, and the people in front.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use bytes::Bytes;
use chassis::system::{SystemClock, SystemRandom};
use chassis::throttle::Limits;
use chassis::{ClientAddress, Lifecycle, Throttle};
use domain::event::{AckLevel, Event};
use domain::place::AdmittedPlace;
use domain::{EventId, Holder, Millis, Phase, PlaceToken};
use http_body_util::BodyExt as _;
use lua::private::PrivateRedis;
use lua::{Change, Minted, Recovery, Redeem, Settings, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::{HELLO_DEADLINE, Parts, build_with};

/// The public URL of the installation.
pub const URL: &str = "http://127.0.0.1:8080";
/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(30);
const BY: Change<'_> = Change { by: "test" };

/// One Redis, and a gateway on it.
pub struct Rig {
    pub store: Store,
    pub gateway: Router,
    pub lifecycle: Lifecycle,
    redis: Option<PrivateRedis>,
    settings: Settings,
    folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.to_vec()).unwrap()
    }

    /// A header, empty when it is not there.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the problem's name.
    pub fn problem(&self) -> (u16, String) {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), kind.replace("/problems/", ""))
    }
}

/// A new place token.
pub fn token() -> PlaceToken {
    PlaceToken::generate(&SystemRandom)
}

/// An open event with this stock.
pub fn open(stock: u64) -> Value {
    json!({"title": "Demo", "stock": stock, "phase": "open", "admission": {"rate_per_s": 1_000_000.0}})
}

/// The path of the events' API.
pub fn api(event: &EventId, rest: &str) -> String {
    format!("/api/v1/events/{event}{rest}")
}

/// A request with headers, as `name: value` pairs.
pub fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// `Bearer` and the token.
pub fn bearer(token: &PlaceToken) -> String {
    format!("Bearer {}", token.reveal())
}

/// The event's cookie with this token, as a browser sends it.
pub fn cookie(event: &EventId, token: &PlaceToken) -> String {
    format!("stanchion-{event}={}", token.reveal())
}

/// Sends a request to a router.
pub async fn send(router: &Router, request: Request) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        bytes: body.collect().await.unwrap().to_bytes(),
    }
}

/// Waits until `check` gives something.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, found).await {
        Ok(found) => found,
        Err(late) => panic!("waited in vain for {what}: {late}"),
    }
}

impl Rig {
    /// Starts Redis and a gateway on it.
    pub async fn start() -> Self {
        Self::with(HELLO_DEADLINE, Limits::default()).await
    }

    /// The same with another deadline for the hello, and other limits.
    pub async fn with(hello_deadline: Duration, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(folder.path()).await.unwrap();
        let settings = redis.settings();
        Recovery::of_nothing(&settings).await.unwrap();
        let store = Store::connect(&settings).await.unwrap();
        let lifecycle = Lifecycle::new();
        let gateway = gateway(&settings, &lifecycle, hello_deadline, limits).await;
        Self {
            store,
            gateway,
            lifecycle,
            redis: Some(redis),
            settings,
            folder,
        }
    }

    /// A second gateway on the same Redis.
    pub async fn another(&self) -> Router {
        gateway(
            &self.settings,
            &self.lifecycle,
            HELLO_DEADLINE,
            Limits::default(),
        )
        .await
    }

    /// How to reach its Redis.
    pub fn redis(&self) -> &Settings {
        &self.settings
    }

    /// How often Redis has carried out each command.
    pub async fn commands(&self) -> HashMap<String, u64> {
        self.redis.as_ref().unwrap().commands().await.unwrap()
    }

    /// Kills Redis.
    pub fn kill_redis(&mut self) {
        self.redis = None;
    }

    /// Starts Redis again on what it had written.
    pub async fn restart_redis(&mut self) {
        self.redis = Some(PrivateRedis::start(self.folder.path()).await.unwrap());
        Recovery::of_nothing(&self.settings).await.unwrap();
        eventually("redis", async || self.store.ping().await.ok()).await;
    }

    /// Makes an event.
    pub async fn event(&self, event: &str, put: Value) -> EventId {
        let id: EventId = event.parse().unwrap();
        let put = serde_json::from_value(put).unwrap();
        let event = Event::create(id.clone(), put, AckLevel::Redis).unwrap();
        self.store.put_event(&event, 0, BY).await.unwrap();
        id
    }

    /// Moves an event to a phase.
    pub async fn phase(&self, event: &EventId, phase: Phase) {
        self.store.move_phase(event, phase, BY).await.unwrap();
    }

    /// Adds coupons.
    pub async fn add_stock(&self, event: &EventId, add: u64) {
        self.store.add_stock(event, add, BY).await.unwrap();
    }

    /// Enters with a new token, by the store.
    pub async fn visitor(&self, event: &EventId) -> PlaceToken {
        let token = token();
        self.store.enter(event, &token.place_id()).await.unwrap();
        token
    }

    /// Lets `count` people in, who get no ticket yet.
    pub async fn admit(&self, event: &EventId, count: usize) -> Vec<AdmittedPlace> {
        let mut admitted = Vec::new();
        eventually("admission", async || {
            let most = count - admitted.len();
            admitted.extend(self.store.admit(event, "kid", most).await.unwrap().admitted);
            (admitted.len() == count).then_some(())
        })
        .await;
        admitted
    }

    /// Gives those who were let in their tickets: `ticket-<seq>`.
    pub async fn mint(&self, event: &EventId, admitted: &[AdmittedPlace]) {
        let minted: Vec<Minted> = admitted
            .iter()
            .map(|one| Minted {
                place: one.place.clone(),
                seq: one.seq,
                ticket: format!("ticket-{}", one.seq.0),
            })
            .collect();
        self.store.store_tickets(event, &minted).await.unwrap();
    }

    /// Lets the first in line in and redeems for them at once.
    pub async fn redeem_first(&self, event: &EventId) {
        for one in self.admit(event, 1).await {
            self.redeem(event, &one).await;
        }
    }

    /// Redeems for somebody who was let in.
    pub async fn redeem(&self, event: &EventId, one: &AdmittedPlace) {
        let redeem = Redeem {
            holder: Holder::from(&one.place),
            place: one.place.clone(),
            jti: one.jti(),
            begins_at: Millis(one.admitted_at.0 - 1_000),
            ends_at: one.expires_at,
            code: format!("CODE-{}", one.seq.0),
        };
        let redeemed = self.store.redeem(event, redeem).await.unwrap();
        assert!(matches!(redeemed, lua::Redeemed::Pass(_)), "{redeemed:?}");
    }

    /// Sends a request to the gateway.
    pub async fn send(&self, request: Request) -> Reply {
        send(&self.gateway, request).await
    }

    /// `GET`, showing a token.
    pub async fn get(&self, path: &str, token: Option<&PlaceToken>) -> Reply {
        let shown = token.map(bearer);
        let headers: Vec<(&str, &str)> = shown
            .iter()
            .map(|shown| ("authorization", shown.as_str()))
            .collect();
        self.send(request(Method::GET, path, &headers, "")).await
    }

    /// `GET …/places/me`.
    pub async fn me(&self, event: &EventId, token: &PlaceToken) -> Value {
        self.get(&api(event, "/places/me"), Some(token))
            .await
            .json()
    }

    /// `POST …/places` with a body and headers.
    pub async fn enter(&self, event: &EventId, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(request(Method::POST, &api(event, "/places"), &all, body))
            .await
    }

    /// Opens the gateway's door on a port of the system's choice, until it stops.
    pub async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (routes, lifecycle) = (self.gateway.clone(), self.lifecycle.clone());
        tokio::spawn(async move {
            let stopping = async move { lifecycle.stopping().await };
            axum::serve(listener, routes)
                .with_graceful_shutdown(stopping)
                .await
        });
        address
    }
}

async fn gateway(
    redis: &Settings,
    lifecycle: &Lifecycle,
    hello_deadline: Duration,
    limits: Limits,
) -> Router {
    let parts = Parts {
        store: Store::connect(redis).await.unwrap(),
        redis: redis.clone(),
        lifecycle: lifecycle.clone(),
        throttle: Throttle::new(limits),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        public_url: Some(URL.to_owned()),
    };
    let role = build_with(parts, hello_deadline).await.unwrap();
    // The door does this in a running server.
    let address = |mut request: Request, next: Next| {
        let address = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        request.extensions_mut().insert(address);
        next.run(request)
    };
    role.public.layer(middleware::from_fn(address))
}
