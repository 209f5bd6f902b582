//! The ack level of a book: it is what every call on the book waits for, whatever the installation says. Nobody moves records on
//! here, so a call is answered when it waits for nothing, or when a test says that the ledger has come so far.

use axum::Router;
use axum::http::StatusCode;
use domain::EventId;
use domain::event::{AckLevel, Event};
use futures_util::future::join_all;
use lua::Change;
use serde_json::{Value, json};

use super::rig::{Reply, Rig, TOKEN, call, doors, eventually, parts};
use crate::Parts;

const BOOK: &str = "/api/v1/admin/books/spring";
const ASSIGNMENTS: &str = "POST /api/v1/books/spring/assignments";

/// An issuer whose installation says `default_ack`, and a till with a key for the book.
struct Shop {
    rig: Rig,
    public: Router,
    ops: Router,
    key: String,
}

impl Shop {
    async fn open(default_ack: AckLevel) -> Self {
        let rig = Rig::start().await;
        let parts = Parts {
            default_ack,
            ..parts(&rig.settings, &rig.ledger, &rig.lifecycle).await
        };
        let [public, ops] = doors(parts).await;
        let key = json!({ "name": "till", "books": ["spring"] });
        let key = call(&ops, "POST /api/v1/admin/service-keys", TOKEN, &key).await;
        let key = key.body["key"].as_str().unwrap().to_owned();
        Self {
            rig,
            public,
            ops,
            key,
        }
    }

    async fn put(&self, rules: Value) -> Reply {
        call(&self.ops, &format!("PUT {BOOK}"), TOKEN, &rules).await
    }

    /// What the book says of its level, where it is read.
    async fn shown(&self) -> Value {
        let book = call(&self.ops, &format!("GET {BOOK}"), TOKEN, &json!({})).await;
        book.body["ack"].clone()
    }

    async fn staff(&self, path: &str, body: Value) -> Reply {
        call(&self.ops, &format!("POST {BOOK}/{path}"), TOKEN, &body).await
    }

    async fn till(&self, asked: &str, body: Value) -> Reply {
        call(&self.public, asked, &self.key, &body).await
    }
}

fn spring() -> EventId {
    "spring".parse().unwrap()
}

fn on(method: &str, code: &str, what: &str) -> String {
    format!("{method} /api/v1/books/spring/coupons/{code}/{what}")
}

#[track_caller]
fn answered(reply: &Reply, status: StatusCode) {
    assert_eq!(reply.status, status, "{:?}", reply.body);
}

#[tokio::test]
async fn a_book_at_redis_answers_every_call_although_the_ledger_has_nothing() {
    let shop = Shop::open(AckLevel::Ledger).await;
    let made = shop
        .put(json!({ "title": "Spring", "max_per_person": 9, "ack": "redis" }))
        .await;
    answered(&made, StatusCode::CREATED);
    assert_eq!(made.body["ack"], "redis");
    let codes = json!({ "codes": ["A", "B", "C"] });
    answered(&shop.staff("codes", codes).await, StatusCode::CREATED);
    let all = json!({ "user_id": "ann", "count": 3 });
    answered(&shop.till(ASSIGNMENTS, all).await, StatusCode::CREATED);
    let ann = || json!({ "user_id": "ann" });
    let locked = shop.till(&on("POST", "A", "lock"), ann()).await;
    answered(&locked, StatusCode::OK);
    let token = json!({ "user_id": "ann", "lock_token": locked.body["lock_token"] });
    let unlocked = shop.till(&on("DELETE", "A", "lock"), token).await;
    answered(&unlocked, StatusCode::NO_CONTENT);
    let used = shop.till(&on("POST", "B", "redemption"), ann()).await;
    answered(&used, StatusCode::OK);
    let cancelled = shop.staff("coupons/C/cancel", json!({ "reason": "x" }));
    answered(&cancelled.await, StatusCode::OK);
    let job = shop.staff("generate", json!({ "count": 5 })).await;
    answered(&job, StatusCode::ACCEPTED);
    let job = format!(
        "GET /api/v1/admin/jobs/{}",
        job.body["id"].as_str().unwrap()
    );
    eventually("the job", async || {
        let job = call(&shop.ops, &job, TOKEN, &json!({})).await;
        (job.body["state"] == "done").then_some(())
    })
    .await;
    assert_eq!(shop.shown().await, "redis");
    assert_eq!(shop.rig.ledger.books().await.unwrap(), []);
}

#[tokio::test]
async fn a_book_at_ledger_answers_no_call_before_the_ledger_has_its_record() {
    let shop = Shop::open(AckLevel::Redis).await;
    let plain = json!({ "title": "Spring", "max_per_person": 9, "on_cancel": "keep" });
    let made = shop.put(plain).await;
    answered(&made, StatusCode::CREATED);
    assert_eq!(made.body["ack"], "redis", "as the installation has it");
    let codes = json!({ "codes": ["A", "B", "C", "D"] });
    answered(&shop.staff("codes", codes).await, StatusCode::CREATED);
    for code in ["A", "B", "C"] {
        let given = shop.till(ASSIGNMENTS, json!({ "user_id": "ann", "code": code }));
        answered(&given.await, StatusCode::CREATED);
    }

    let asked = async || {
        let ann = || json!({ "user_id": "ann" });
        let (lock, redemption) = (on("POST", "A", "lock"), on("POST", "B", "redemption"));
        let asked: [std::pin::Pin<Box<dyn Future<Output = Reply>>>; 4] = [
            Box::pin(shop.till(ASSIGNMENTS, json!({ "user_id": "ann", "code": "D" }))),
            Box::pin(shop.till(&lock, ann())),
            Box::pin(shop.till(&redemption, ann())),
            Box::pin(shop.staff("coupons/C/cancel", json!({ "reason": "x" }))),
        ];
        join_all(asked).await
    };
    let changed = shop.put(json!({ "ack": "ledger" })).await;
    changed.refused(503, "outcome-unknown");
    assert_eq!(shop.shown().await, "ledger", "it was written all the same");
    for unknown in asked().await {
        unknown.refused(503, "outcome-unknown");
    }

    let (store, spring) = (&shop.rig.store, spring());
    let last = store.outbox_length(&spring).await.unwrap();
    let raised = store.raise_watermark(&spring, AckLevel::Ledger, last);
    raised.await.unwrap();
    let [given, locked, used, cancelled] = asked().await.try_into().unwrap();
    answered(&given, StatusCode::CREATED);
    for done in [locked, used, cancelled] {
        answered(&done, StatusCode::OK);
    }
    let now = store.outbox_length(&spring).await.unwrap();
    assert_eq!(now, last, "each was done once");

    let back = shop.put(json!({ "ack": null })).await;
    answered(&back, StatusCode::OK);
    assert_eq!(shop.shown().await, "redis");
}

#[tokio::test]
async fn a_level_that_there_is_not_is_refused_by_name_and_nothing_is_made() {
    let shop = Shop::open(AckLevel::Ledger).await;
    for ack in [json!("kafka"), json!(""), json!("Redis"), json!(1)] {
        let body = json!({ "title": "Spring", "ack": ack });
        let refused = shop.put(body).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.body["field"], "ack", "{ack}");
    }
    let none = call(&shop.ops, &format!("GET {BOOK}"), TOKEN, &json!({})).await;
    none.refused(404, "no-such-book");
}

#[tokio::test]
async fn an_event_that_issues_the_codes_of_a_book_keeps_its_own_level() {
    let shop = Shop::open(AckLevel::Redis).await;
    let (rig, spring) = (&shop.rig, spring());
    let made = shop.put(json!({ "title": "Spring" })).await;
    answered(&made, StatusCode::CREATED);
    let codes = json!({ "codes": ["A", "B"] });
    answered(&shop.staff("codes", codes).await, StatusCode::CREATED);
    let put = json!({ "title": "Spring", "phase": "open", "admission": { "rate_per_s": 1_000 } });
    let put = serde_json::from_value(put).unwrap();
    let event = Event::create_with_codes(spring.clone(), put, AckLevel::Redis, 2).unwrap();
    let change = Change { by: "test" };
    rig.store.put_event(&event, 0, change).await.unwrap();
    let changed = shop.put(json!({ "ack": "ledger" })).await;
    changed.refused(503, "outcome-unknown");

    let visitor = rig.visitor(&spring).await;
    let reply = rig.redeem(&spring, &visitor).await;
    reply.passed(false);
    assert_eq!(reply.body["ack"], "redis");
}
