//! For tests: the issuer on a real Redis, driven through its router, with visitors who stand in line and are let in.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chassis::admin::{AdminToken, OpsGuard};
use chassis::config::DirectApi;
use chassis::reply::Dress;
use chassis::system::SystemRandom;
use chassis::throttle::Limits;
use chassis::{ClientAddress, Lifecycle, Throttle, TrustedProxies};
use domain::event::{AckLevel, Event};
use domain::place::AdmittedPlace;
use domain::ticket::SigningKey;
use domain::{EventId, Millis, PlaceToken};
use http_body_util::BodyExt as _;
use ledger::Ledger;
use lua::private::PrivateRedis;
use lua::{Change, Minted, Recovery, Settings, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::{Parts, build};

/// The public URL of the installation, and so who issues its tickets.
pub const ISSUER: &str = "http://127.0.0.1:8080";
/// The admin token.
pub const TOKEN: &str = "the-admin-token";
/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One installation.
pub struct Rig {
    pub store: Store,
    pub key: SigningKey,
    pub router: Router,
    pub lifecycle: Lifecycle,
    pub settings: Settings,
    pub ledger: Ledger,
    pub redis: PrivateRedis,
    folder: TempDir,
}

/// Somebody who was let in.
#[derive(Clone)]
pub struct Visitor {
    pub token: PlaceToken,
    pub place: AdmittedPlace,
    pub ticket: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

/// A small open event with this ack level.
pub fn open(stock: u64, ack: &str) -> Value {
    json!({
        "title": "Demo", "stock": stock, "phase": "open", "ack": ack, "code_pattern": "DEMO-{}",
        "admission": {"rate_per_s": 1_000_000.0},
    })
}

/// What an issuer of its own on the Redis of `settings` and on `ledger` is built from.
pub async fn parts(settings: &Settings, ledger: &Ledger, lifecycle: &Lifecycle) -> Parts {
    Parts {
        store: Store::connect(settings).await.unwrap(),
        redis: settings.clone(),
        ledger: ledger.clone(),
        guard: OpsGuard::of_token(AdminToken::new(TOKEN)),
        lifecycle: lifecycle.clone(),
        throttle: Throttle::new(Limits::default()),
        random: Arc::new(SystemRandom),
        public_url: Some(ISSUER.to_owned()),
        direct_api: DirectApi::Open,
        brake_latency_ms: None,
        default_ack: AckLevel::Redis,
        kafka: None,
    }
}

/// The public door of an issuer built from `parts`.
pub async fn issuer(parts: Parts) -> Router {
    let [public, _] = doors(parts).await;
    public
}

/// Both doors of an issuer built from `parts`: the public one and that of ops.
pub async fn doors(parts: Parts) -> [Router; 2] {
    let role = build(parts).await.unwrap();
    [("public", role.public), ("ops", role.ops)].map(|(name, routes)| {
        Dress::new(name, Arc::new(SystemRandom), TrustedProxies::default()).around(routes)
    })
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
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A POST to the redemptions of `event`.
pub fn post(event: &str, ticket: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::post(format!("/api/v1/events/{event}/redemptions"))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(ticket) = ticket {
        request = request.header(header::AUTHORIZATION, format!("Bearer {ticket}"));
    }
    request.body(Body::from(body.to_string())).unwrap()
}

/// Sends a request.
pub async fn send(router: &Router, mut request: Request<Body>) -> Reply {
    let client = ClientAddress(Ipv4Addr::LOCALHOST.into());
    request.extensions_mut().insert(client);
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: match &body[..] {
            [] => Value::Null,
            text => serde_json::from_slice(text)
                .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(text))),
        },
    }
}

/// A call with a credential and a JSON body, by which its idempotency key is named.
pub async fn call(door: &Router, call: &str, bearer: &str, body: &Value) -> Reply {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", body.to_string().replace(' ', "-"))
        .body(Body::from(body.to_string()));
    send(door, request.unwrap()).await
}

/// Asks `router` to redeem a visitor's ticket.
pub async fn redeem_at(router: &Router, event: &str, visitor: &Visitor) -> Reply {
    let body = json!({ "place_token": visitor.token.reveal() });
    send(router, post(event, Some(&visitor.ticket), &body)).await
}

impl Rig {
    /// Starts Redis and the issuer on it, with one key that is published.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(folder.path()).await.unwrap();
        let settings = redis.settings();
        Recovery::of_nothing(&settings).await.unwrap();
        let store = Store::connect(&settings).await.unwrap();
        let key = SigningKey::generate(&SystemRandom).unwrap();
        store.publish_key(&key.public(ISSUER)).await.unwrap();
        let lifecycle = Lifecycle::new();
        let url = ledger::sqlite_url(&folder.path().join("ledger.sqlite"));
        let ledger = Ledger::connect(&url).await.unwrap();
        ledger.migrate().await.unwrap();
        let router = issuer(parts(&settings, &ledger, &lifecycle).await).await;
        Self {
            store,
            key,
            router,
            lifecycle,
            settings,
            ledger,
            redis,
            folder,
        }
    }

    /// Kills Redis and starts it again on what it had written, and waits until the store is reached.
    pub async fn redis_restarted(self) -> Self {
        drop(self.redis);
        let redis = PrivateRedis::start(self.folder.path()).await.unwrap();
        Recovery::of_nothing(&self.settings).await.unwrap();
        eventually("the store", async || self.store.ping().await.ok()).await;
        Self { redis, ..self }
    }

    /// Makes an event.
    pub async fn event(&self, event: &str, put: Value) -> EventId {
        let id: EventId = event.parse().unwrap();
        let put = serde_json::from_value(put).unwrap();
        let event = Event::create(id.clone(), put, AckLevel::Redis).unwrap();
        let change = Change { by: "test" };
        self.store.put_event(&event, 0, change).await.unwrap();
        id
    }

    /// Moves an event to a phase.
    pub async fn phase(&self, event: &EventId, phase: &str) {
        let phase = phase.parse().unwrap();
        let change = Change { by: "test" };
        self.store.move_phase(event, phase, change).await.unwrap();
    }

    /// Lets somebody new in.
    pub async fn visitor(&self, event: &EventId) -> Visitor {
        self.visitors(event, 1).await.remove(0)
    }

    /// Lets several in.
    pub async fn visitors(&self, event: &EventId, count: usize) -> Vec<Visitor> {
        let tokens: Vec<_> = (0..count)
            .map(|_| PlaceToken::generate(&SystemRandom))
            .collect();
        for token in &tokens {
            self.store.enter(event, &token.place_id()).await.unwrap();
        }
        let mut admitted = Vec::new();
        eventually("admission", async || {
            let round = self
                .store
                .admit(event, self.key.kid(), count)
                .await
                .unwrap();
            admitted.extend(round.admitted);
            (admitted.len() == count).then_some(())
        })
        .await;
        let visitors: Vec<Visitor> = tokens
            .into_iter()
            .map(|token| {
                let id = token.place_id();
                let place = admitted.iter().find(|a| a.place == id).unwrap().clone();
                let ticket = self.mint(event, &place);
                Visitor {
                    token,
                    place,
                    ticket,
                }
            })
            .collect();
        let minted: Vec<_> = visitors
            .iter()
            .map(|visitor| Minted {
                place: visitor.place.place.clone(),
                seq: visitor.place.seq,
                ticket: visitor.ticket.clone(),
            })
            .collect();
        self.store.store_tickets(event, &minted).await.unwrap();
        visitors
    }

    /// Mints a ticket by hand.
    pub fn mint(&self, event: &EventId, place: &AdmittedPlace) -> String {
        self.key.mint(ISSUER, event, place).unwrap()
    }

    /// The visitor with another ticket, from `begins_s` to `ends_s` seconds after now.
    pub async fn with_ticket(
        &self,
        event: &EventId,
        visitor: &Visitor,
        begins_s: i64,
        ends_s: i64,
    ) -> Visitor {
        let now: Millis = self.store.now().await.unwrap();
        let place = AdmittedPlace {
            admitted_at: now.plus(begins_s * 1_000),
            expires_at: now.plus(ends_s * 1_000),
            ..visitor.place.clone()
        };
        Visitor {
            ticket: self.mint(event, &place),
            place,
            ..visitor.clone()
        }
    }

    /// Redeems a visitor's ticket.
    pub async fn redeem(&self, event: &EventId, visitor: &Visitor) -> Reply {
        redeem_at(&self.router, event.as_str(), visitor).await
    }

    /// Looks at a visitor's redemption.
    pub async fn look(&self, event: &EventId, visitor: &Visitor) -> Reply {
        self.look_as(event.as_str(), Some(visitor.token.reveal()))
            .await
    }

    /// The same with any credential.
    pub async fn look_as(&self, event: &str, token: Option<&str>) -> Reply {
        let mut request = Request::get(format!("/api/v1/events/{event}/redemptions/me"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        send(&self.router, request.body(Body::empty()).unwrap()).await
    }
}

impl Reply {
    /// A pass, and whether it was one before.
    #[track_caller]
    pub fn passed(&self, replayed: bool) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.body["result"], "pass");
        assert_eq!(self.body["replayed"], replayed);
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        self.body["coupon"]["code"].as_str().unwrap()
    }

    /// A refusal with this status and name.
    #[track_caller]
    pub fn refused(&self, status: u16, name: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.body["type"], format!("/problems/{name}"), "{self:?}");
    }
}
