//! Programs at both doors: service keys that act for users on their own books, calls that take effect once, pools.
#![cfg(test)]

use e2e::{Answer, Call, Server};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A call with a credential and, perhaps, an idempotency key.
async fn call(call: &str, token: &str, body: Value, key: Option<&str>) -> Answer {
    let (method, url) = call.split_once(' ').unwrap();
    let mut call = Call::new(method, url).bearer(token);
    if !body.is_null() {
        call = call.json(&body);
    }
    if let Some(key) = key {
        call = call.header("idempotency-key", key);
    }
    call.send().await.unwrap()
}

/// A book of ten codes, three each, and a service key for it.
async fn shop(server: &Server) -> String {
    let admin = format!("{}/api/v1/admin", server.ops);
    let token = &server.token;
    let rules = json!({ "title": "Spring", "max_per_person": 3 });
    for book in ["spring", "autumn"] {
        let put = format!("PUT {admin}/books/{book}");
        call(&put, token, rules.clone(), None).await.ok(201);
        let codes: Vec<_> = (0..10).map(|n| format!("{book}-{n}")).collect();
        let post = format!("POST {admin}/books/{book}/codes");
        call(&post, token, json!({ "codes": codes }), None)
            .await
            .ok(201);
    }
    let key = json!({ "name": "till", "books": ["spring"] });
    let made = call(&format!("POST {admin}/service-keys"), token, key, None).await;
    made.ok(201);
    made.json["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_key_acts_for_the_user_it_names_on_its_own_books_until_it_ends() {
    let server = Server::start().await.unwrap();
    let key = shop(&server).await;
    let books = format!("{}/api/v1/books", server.public);
    let assign = |book: &str| format!("POST {books}/{book}/assignments");
    let ana = json!({ "user_id": "ana" });
    let given = call(&assign("spring"), &key, ana.clone(), None).await;
    given.ok(201);
    assert_eq!(given.json["coupons"][0]["holder"], "ana");
    for book in ["autumn", "nowhere"] {
        call(&assign(book), &key, ana.clone(), None)
            .await
            .refused(404, "no-such-book");
    }
    let nobody = call(&assign("spring"), &key, json!({}), None).await;
    nobody.refused(400, "bad-request");
    assert_eq!(nobody.json["field"], "user_id");
    for token in ["", "sk_", "sk_nonsense", &server.token] {
        call(&assign("spring"), token, ana.clone(), None)
            .await
            .refused(401, "unauthorized");
    }
    // Somebody signed in acts for themselves alone.
    let person = json!({ "email": "ben@example.org", "password": "correct horse" });
    let url = |path: &str| format!("POST {}/api/v1/{path}", server.public);
    let account = call(&url("accounts"), "", person.clone(), None).await;
    let session = call(&url("sessions"), "", person, None).await;
    let token = session.json["access_token"].as_str().unwrap();
    let own = call(&assign("autumn"), token, json!({}), None).await;
    own.ok(201);
    assert_eq!(own.json["coupons"][0]["holder"], account.json["account_id"]);
    call(&assign("autumn"), token, ana.clone(), None)
        .await
        .refused(400, "bad-request");
    let mine = format!("GET {}/api/v1/accounts/me/coupons", server.public);
    let mine = call(&mine, token, Value::Null, None).await;
    mine.ok(200);
    assert_eq!(mine.json["items"][0]["book"], "autumn");
    assert_eq!(
        mine.json["items"][0]["code"],
        own.json["coupons"][0]["code"]
    );

    let admin = format!("{}/api/v1/admin/service-keys", server.ops);
    let listed = call(&format!("GET {admin}"), &server.token, Value::Null, None).await;
    let id = listed.json["items"][0]["id"].as_str().unwrap().to_owned();
    let gone = call(
        &format!("DELETE {admin}/{id}"),
        &server.token,
        Value::Null,
        None,
    )
    .await;
    assert_eq!(gone.status, 204);
    call(&assign("spring"), &key, ana, None)
        .await
        .refused(401, "unauthorized");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_an_idempotency_key_takes_effect_once_and_is_answered_alike() {
    let mut server = Server::start().await.unwrap();
    let key = shop(&server).await;
    let assign = format!("POST {}/api/v1/books/spring/assignments", server.public);
    let ana = json!({ "user_id": "ana" });
    let mut together = JoinSet::new();
    for _ in 0..10 {
        let (assign, key, ana) = (assign.clone(), key.clone(), ana.clone());
        together.spawn(async move { call(&assign, &key, ana, Some("one")).await });
    }
    let answers = together.join_all().await;
    answers[0].ok(201);
    assert!(answers.iter().all(|answer| answer.json == answers[0].json));

    let coupon = answers[0].json["coupons"][0]["code"].as_str().unwrap();
    let coupon = format!("{}/api/v1/books/spring/coupons/{coupon}", server.public);
    let lock = format!("POST {coupon}/lock");
    let locked = call(&lock, &key, ana.clone(), Some("lock")).await;
    locked.ok(200);
    let redeem = format!("POST {coupon}/redemption");
    let use_it = json!({ "user_id": "ana", "lock_token": locked.json["lock_token"] });
    let used = call(&redeem, &key, use_it.clone(), Some("use")).await;
    used.ok(200);

    server.kill().await.unwrap();
    let server = server.start_again().await.unwrap();
    for (path, body, name, first) in [
        (&assign, &ana, "one", &answers[0]),
        (&lock, &ana, "lock", &locked),
        (&redeem, &use_it, "use", &used),
    ] {
        let again = call(path, &key, body.clone(), Some(name)).await;
        assert_eq!(
            (again.status, &again.json),
            (first.status, &first.json),
            "{name}"
        );
    }
    // Used up: without the key the truth is told. A refusal under a key is the answer to it from then on.
    call(&redeem, &key, ana.clone(), None)
        .await
        .refused(409, "state-move");
    let three = json!({ "user_id": "ana", "count": 3 });
    for _ in 0..2 {
        call(&assign, &key, three.clone(), Some("three"))
            .await
            .refused(409, "limit-reached");
    }
    call(&assign, &key, three, Some("one"))
        .await
        .refused(422, "idempotency-mismatch");
    // A key is its caller's, and one that is none is refused.
    let long = "x".repeat(256);
    for bad in ["", "two words", &long] {
        let refused = call(&assign, &key, ana.clone(), Some(bad)).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], "Idempotency-Key");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_added_once_and_a_pool_holds_each_user_once() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 5, 1.0).await.unwrap();
    let admin = format!("{}/api/v1/admin", server.ops);
    let ops = async |path: &str, body: Value, key: Option<&str>| {
        let (method, path) = path.split_once(' ').unwrap();
        call(
            &format!("{method} {admin}/{path}"),
            &server.token,
            body,
            key,
        )
        .await
    };
    for _ in 0..2 {
        let added = ops("POST events/drop/stock", json!({ "add": 2 }), Some("k")).await;
        added.ok(200);
        assert_eq!(added.json["total"], 7);
    }
    ops("POST events/drop/stock", json!({ "add": 3 }), Some("k"))
        .await
        .refused(422, "idempotency-mismatch");

    let users = json!({ "user_ids": ["ana", "7", "ana", "ünal"] });
    ops("POST pools/gold/members", users.clone(), None)
        .await
        .refused(404, "no-such-pool");
    ops("PUT pools/gold", json!({ "title": "Gold" }), None)
        .await
        .ok(201);
    ops("PUT pools/gold", json!({ "title": "Gold" }), None)
        .await
        .ok(200);
    let filled = ops("POST pools/gold/members", users, None).await;
    filled.ok(201);
    assert_eq!(
        filled.json,
        json!({ "pool": "gold", "title": "Gold", "members": 3 })
    );
    let page = ops("GET pools/gold/members?limit=2", Value::Null, None).await;
    assert_eq!(
        page.json["items"],
        json!([{ "user_id": "7" }, { "user_id": "ana" }])
    );
    let rest = format!(
        "GET pools/gold/members?after={}",
        page.json["next"].as_str().unwrap()
    );
    let rest = ops(&rest, Value::Null, None).await;
    assert_eq!(
        rest.json,
        json!({ "items": [{ "user_id": "ünal" }], "next": null })
    );
    let out = ops(
        "DELETE pools/gold/members",
        json!({ "user_ids": ["7", "8"] }),
        None,
    )
    .await;
    assert_eq!(out.status, 204);
    assert_eq!(
        ops("GET pools/gold", Value::Null, None).await.json["members"],
        2
    );
    for (path, body, field) in [
        ("PUT pools/Gold!", json!({ "title": "Gold" }), "pool"),
        ("PUT pools/gold", json!({ "title": "" }), "title"),
        (
            "POST pools/gold/members",
            json!({ "user_ids": [] }),
            "user_ids",
        ),
        (
            "POST pools/gold/members",
            json!({ "user_ids": [""] }),
            "user_ids[0]",
        ),
    ] {
        let refused = ops(path, body, None).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    assert_eq!(
        ops("DELETE pools/gold", Value::Null, None).await.status,
        204
    );
    ops("GET pools/gold", Value::Null, None)
        .await
        .refused(404, "no-such-pool");
    server.stop().await.unwrap();
}
