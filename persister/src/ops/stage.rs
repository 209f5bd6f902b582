//! The tests' stage: the ops routes on a private Redis and an SQLite ledger.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use chassis::TrustedProxies;
use chassis::admin::{AdminToken, OpsGuard};
use chassis::reply::Dress;
use chassis::system::SystemRandom;
use domain::coupon::Coupon;
use domain::record::{Claimed, Fact, Record};
use domain::{EventId, Millis, RecordId, Serial};
use http_body_util::BodyExt as _;
use ledger::{Batch, DeadLetter, Ledger, Step};
use lua::Store;
use lua::private::PrivateRedis;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Stage {
    routes: Router,
    store: Store,
    ledger: Ledger,
    _redis: PrivateRedis,
    _folder: tempfile::TempDir,
}

pub(crate) struct Reply {
    status: u16,
    body: Value,
}

impl Reply {
    /// The body, when the status is this one.
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

fn demo() -> EventId {
    "demo".parse().unwrap()
}

fn letter(offset: u64, payload: Vec<u8>) -> DeadLetter {
    DeadLetter {
        offset,
        key: None,
        claimed: Claimed::of(&payload),
        payload,
        reason: "because".to_owned(),
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(&folder.path().join("redis"))
            .await
            .unwrap();
        let url = ledger::sqlite_url(&folder.path().join("ledger.sqlite"));
        let ledger = Ledger::connect(&url).await.unwrap();
        ledger.migrate().await.unwrap();
        let store = Store::connect(&redis.settings()).await.unwrap();
        let guard = OpsGuard::of_token(AdminToken::new("token"));
        let routes = super::routes(store.clone(), ledger.clone(), &guard);
        Self {
            routes: Dress::new("ops", Arc::new(SystemRandom), TrustedProxies::default())
                .around(routes),
            store,
            ledger,
            _redis: redis,
            _folder: folder,
        }
    }

    /// Buries so many records, as the persister does; the letters' numbers.
    pub(crate) async fn bury(&self, count: u64) -> Vec<i64> {
        let record = |n| Record {
            id: RecordId::new(&demo(), 1, n),
            event: demo(),
            ordinal: n,
            time: Millis(1_800_000_000_000),
            fact: Fact::Issued {
                coupon: Coupon {
                    code: format!("CODE-{n}"),
                    serial: Serial(n),
                },
                holder: format!("holder-{n}").parse().unwrap(),
            },
        };
        let letters: Vec<DeadLetter> = (1..=count)
            .map(|n| letter(n, record(n).to_json().unwrap()))
            .collect();
        let ordinals: Vec<u64> = (1..=count).collect();
        self.store.bury(&demo(), &ordinals).await.unwrap();
        self.keep(&letters).await
    }

    /// Buries one message.
    pub(crate) async fn bury_message(&self, payload: &[u8]) -> i64 {
        self.keep(&[letter(1, payload.to_vec())]).await[0]
    }

    async fn keep(&self, letters: &[DeadLetter]) -> Vec<i64> {
        let step = Step {
            topic: "coupon.records".to_owned(),
            partition: 0,
            from: 0,
            to: 100,
        };
        let batch = Batch {
            records: &[],
            step: &step,
        };
        let mut staged = self.ledger.stage(batch).await.unwrap();
        staged.bury(letters).await.unwrap();
        staged.commit().await.unwrap();
        let held = self.ledger.dead_letters(0, 100).await.unwrap();
        held.into_iter().map(|letter| letter.id).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path).await
    }

    pub(crate) async fn post(&self, path: &str) -> Reply {
        self.send(Method::POST, path).await
    }

    async fn send(&self, method: Method, path: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/admin/{path}"))
            .header("authorization", "Bearer token")
            .body(Body::empty())
            .unwrap();
        let reply = self.routes.clone().oneshot(request).await.unwrap();
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        Reply {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    /// How many coupons are rows.
    pub(crate) async fn issued(&self) -> u64 {
        self.ledger.issued(&demo()).await.unwrap()
    }

    /// The ordinals that those who wait hold for buried.
    pub(crate) async fn buried(&self) -> Vec<u64> {
        let mut buried = self.store.buried(&demo()).await.unwrap();
        buried.sort_unstable();
        buried
    }
}
