//! The tests' stage: a private Redis, and admission built on it as in production, once or several times.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use chassis::admin::{AdminToken, OpsGuard};
use chassis::lifecycle::{Ending, STOP_DEADLINE};
use chassis::reply::Dress;
use chassis::system::{SystemClock, SystemRandom};
use chassis::throttle::Limits;
use chassis::{Lifecycle, TrustedProxies};
use domain::event::AckLevel;
use domain::place::PlaceState;
use domain::ticket::{Claims, KeySet};
use domain::{Clock, EventId, PlaceId, PlaceToken};
use http_body_util::BodyExt as _;
use lua::private::PrivateRedis;
use lua::{Entered, Look, Recovery, Store};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::{Parts, build};

pub const TOKEN: &str = "the-admin-token";
pub const ISSUER: &str = "http://127.0.0.1:8080";

/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Stage {
    pub store: Store,
    pub folder: TempDir,
    redis: Option<PrivateRedis>,
}

/// One admission process. Dropping it kills it: its tasks are asked to stop and nobody waits.
pub struct Replica {
    pub ops: Router,
    pub lifecycle: Lifecycle,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Stage {
    pub async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(&folder.path().join("redis"))
            .await
            .unwrap();
        Recovery::of_nothing(&redis.settings()).await.unwrap();
        let store = Store::connect(&redis.settings()).await.unwrap();
        Self {
            store,
            folder,
            redis: Some(redis),
        }
    }

    /// How often the store has carried out each command.
    pub async fn commands(&self) -> HashMap<String, u64> {
        self.redis.as_ref().unwrap().commands().await.unwrap()
    }

    /// Gives Redis a command, past the house's own door.
    pub fn tell_redis(&self, command: &[&str]) {
        let socket = self.redis.as_ref().unwrap().socket();
        let told = std::process::Command::new("redis-cli")
            .arg("-s")
            .arg(socket)
            .args(command)
            .output();
        assert!(told.unwrap().status.success(), "{command:?}");
    }

    /// Takes the Redis that is there for a new one with nothing to put back.
    pub async fn recover(&self) {
        let redis = self.redis.as_ref().unwrap();
        Recovery::of_nothing(&redis.settings()).await.unwrap();
    }

    /// The store goes away for a while.
    pub async fn stop_redis(&mut self) {
        self.redis.take().unwrap().stop().await.unwrap();
    }

    /// The store comes back with all it held.
    pub async fn start_redis(&mut self) {
        let redis = PrivateRedis::start(&self.folder.path().join("redis")).await;
        let redis = redis.unwrap();
        Recovery::of_nothing(&redis.settings()).await.unwrap();
        self.redis = Some(redis);
    }

    pub async fn replica(&self) -> Replica {
        self.replica_with("keys", Arc::new(SystemClock)).await
    }

    /// A replica with its keys in a folder of its own, and a clock of its own.
    pub async fn replica_with(&self, keys: &str, clock: Arc<dyn Clock>) -> Replica {
        let lifecycle = Lifecycle::new();
        let role = build(Parts {
            store: self.store.clone(),
            redis: PrivateRedis::settings_of(&self.folder.path().join("redis")),
            lifecycle: lifecycle.clone(),
            clock,
            random: Arc::new(SystemRandom),
            keys: self.folder.path().join(keys),
            public_url: ISSUER.to_owned(),
            guard: OpsGuard::of_token(AdminToken::new(TOKEN)),
            default_ack: AckLevel::Ledger,
            brake_error_share: Some(0.05),
            limits: Limits {
                sockets: Some(50),
                ..Limits::default()
            },
        })
        .await
        .unwrap();
        assert_eq!(role.name, "admission");
        Replica {
            ops: Dress::new("ops", Arc::new(SystemRandom), TrustedProxies::default())
                .around(role.ops),
            lifecycle,
        }
    }

    /// People enter, in this order.
    pub async fn enter(&self, event: &str, people: usize) -> Vec<PlaceId> {
        let event = id(event);
        let mut places = Vec::new();
        for _ in 0..people {
            let place = PlaceToken::generate(&SystemRandom).place_id();
            let entered = self.store.enter(&event, &place).await.unwrap();
            assert!(matches!(entered, Entered::New(_)), "{entered:?}");
            places.push(place);
        }
        places
    }

    pub async fn state(&self, event: &str, place: &PlaceId) -> PlaceState {
        match self.store.look(&id(event), place).await.unwrap() {
            Look::Known(state) => state,
            other => panic!("{other:?}"),
        }
    }

    /// The tickets of these places, in their order; `None` where there is none (any more).
    pub async fn held(&self, event: &str, places: &[PlaceId]) -> Vec<Option<String>> {
        let event = id(event);
        let looks = places.iter().map(|place| self.store.look(&event, place));
        let looks = futures_util::future::try_join_all(looks).await.unwrap();
        let ticket = |look| match look {
            Look::Known(PlaceState::Admitted { ticket, .. }) => ticket,
            _ => None,
        };
        looks.into_iter().map(ticket).collect()
    }

    /// The claims of the tickets that these people hold by now; every one is checked as an issuer would.
    pub async fn tickets(&self, event: &str, places: &[PlaceId]) -> BTreeMap<PlaceId, Claims> {
        let keys = KeySet::new(&self.store.public_keys().await.unwrap());
        let held = self.held(event, places).await;
        places
            .iter()
            .zip(held)
            .filter_map(|(place, ticket)| {
                let claims = keys.read(&ticket?).unwrap();
                assert_eq!((&claims.sub, &claims.aud), (place, &id(event)));
                Some((place.clone(), claims))
            })
            .collect()
    }

    /// Waits until `count` of these people hold tickets.
    pub async fn ticketed(
        &self,
        event: &str,
        places: &[PlaceId],
        count: usize,
    ) -> BTreeMap<PlaceId, Claims> {
        until("tickets", async || {
            let tickets = self.tickets(event, places).await;
            (tickets.len() >= count).then_some(tickets)
        })
        .await
    }
}

impl Replica {
    /// A call with the admin token.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap();
        self.send(request).await
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let reply = self.ops.clone().oneshot(request).await.unwrap();
        let (head, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn put(&self, event: &str, body: Value) -> Reply {
        let path = format!("/api/v1/admin/events/{event}");
        self.call(Method::PUT, &path, Some(body)).await
    }

    pub async fn patch(&self, event: &str, body: Value) -> Reply {
        let path = format!("/api/v1/admin/events/{event}/admission");
        self.call(Method::PATCH, &path, Some(body)).await
    }

    /// `POST …/events/{event}/{what}`.
    pub async fn post(&self, event: &str, what: &str, body: Value) -> Reply {
        let path = format!("/api/v1/admin/events/{event}/{what}");
        self.call(Method::POST, &path, Some(body)).await
    }

    /// Makes an event.
    pub async fn make(&self, event: &str, mut body: Value) {
        body["title"] = event.into();
        let reply = self.put(event, body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    }

    /// Stops as on SIGTERM and waits for the end.
    pub async fn stop(&self) {
        self.lifecycle.stop();
        assert_eq!(self.lifecycle.finish(STOP_DEADLINE).await, Ending::Clean);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

impl Reply {
    /// Asserts a refusal and gives its body.
    #[track_caller]
    pub fn refused(self, status: u16, name: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(
            self.body["type"],
            format!("/problems/{name}"),
            "{}",
            self.body
        );
        self.body
    }
}

pub fn id(event: &str) -> EventId {
    event.parse().unwrap()
}

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_| panic!("no {what} in {PATIENCE:?}"))
}
