//! A full outbox at the doors: the calls on a book's coupons are to come again, and are good then.

use axum::Router;
use axum::http::header;
use lua::Settings;
use serde_json::json;

use super::rig::{Rig, TOKEN, call, doors, parts};

/// Both doors of an issuer on the rig's stores whose outboxes may hold so much.
async fn bounded(rig: &Rig, outbox_max: u64) -> [Router; 2] {
    let settings = Settings {
        outbox_max,
        ..rig.settings.clone()
    };
    doors(parts(&settings, &rig.ledger, &rig.lifecycle).await).await
}

#[tokio::test]
async fn a_call_that_a_full_outbox_refused_is_good_once_the_log_has_taken_some() {
    let rig = Rig::start().await;
    let [_, ops] = bounded(&rig, 1_000_000).await;
    let book = "/api/v1/admin/books/spring";
    let put = json!({ "title": "Spring", "max_per_person": 9 });
    let made = call(&ops, &format!("PUT {book}"), TOKEN, &put).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let codes = json!({ "codes": ["A", "B"] });
    let made = call(&ops, &format!("POST {book}/codes"), TOKEN, &codes).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let key = json!({ "name": "shop", "books": ["spring"] });
    let key = call(&ops, "POST /api/v1/admin/service-keys", TOKEN, &key).await;
    let key = key.body["key"].as_str().unwrap().to_owned();

    let spring = "spring".parse().unwrap();
    let waiting = rig.store.outbox_length(&spring).await.unwrap();
    let [public, ops] = bounded(&rig, waiting).await;
    let assignments = "POST /api/v1/books/spring/assignments";
    let codes = format!("POST {book}/codes");
    let calls = [
        (
            &public,
            assignments,
            key.as_str(),
            json!({ "user_id": "ann", "code": "A" }),
        ),
        (&ops, &codes, TOKEN, json!({ "codes": ["C"] })),
    ];
    for (door, path, bearer, body) in &calls {
        for _ in 0..2 {
            let refused = call(door, path, bearer, body).await;
            refused.refused(503, "try-again");
            assert!(refused.headers.contains_key(header::RETRY_AFTER), "{path}");
        }
    }
    rig.store.trim_outbox(&spring, waiting).await.unwrap();
    for (door, path, bearer, body) in &calls {
        let done = call(door, path, bearer, body).await;
        assert_eq!(done.status, 201, "{path}: {:?}", done.body);
        rig.store.trim_outbox(&spring, u64::MAX).await.unwrap();
    }
    let redeemed = "POST /api/v1/books/spring/coupons/A/redemption";
    let redeemed = call(&public, redeemed, &key, &json!({ "user_id": "ann" })).await;
    assert_eq!(redeemed.status, 200, "{:?}", redeemed.body);
}
