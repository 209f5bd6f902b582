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
        let refused = call(&assign(book), &key, ana.clone(), None).await;
        refused.refused(404, "no-such-book");
    }
    let nobody = call(&assign("spring"), &key, json!({}), None).await;
    nobody.refused(400, "bad-request");
    assert_eq!(nobody.json["field"], "user_id");
    for token in ["", "sk_", "sk_nonsense", &server.token] {
        let refused = call(&assign("spring"), token, ana.clone(), None).await;
        refused.refused(401, "unauthorized");
    }
    let listed = staff(&server, "GET service-keys", Value::Null).await;
    let id = listed.json["items"][0]["id"].as_str().unwrap();
    let gone = staff(&server, &format!("DELETE service-keys/{id}"), Value::Null).await;
    assert_eq!(gone.status, 204);
    let refused = call(&assign("spring"), &key, ana, None).await;
    refused.refused(401, "unauthorized");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signed_in_acts_for_themselves_alone_and_finds_their_coupons() {
    let server = Server::start().await.unwrap();
    shop(&server).await;
    let api = format!("{}/api/v1", server.public);
    let person = json!({ "email": "ben@example.org", "password": "correct horse" });
    let account = call(&format!("POST {api}/accounts"), "", person.clone(), None).await;
    let session = call(&format!("POST {api}/sessions"), "", person, None).await;
    let token = session.json["access_token"].as_str().unwrap();
    let assign = format!("POST {api}/books/autumn/assignments");
    let own = call(&assign, token, json!({}), None).await;
    own.ok(201);
    assert_eq!(own.json["coupons"][0]["holder"], account.json["account_id"]);
    let other = call(&assign, token, json!({ "user_id": "ana" }), None).await;
    other.refused(400, "bad-request");
    let mine = format!("GET {api}/accounts/me/coupons");
    let mine = call(&mine, token, Value::Null, None).await;
    mine.ok(200);
    let mut row = own.json["coupons"][0].clone();
    row["book"] = "autumn".into();
    row["title"] = "Spring".into();
    assert_eq!(mine.json, json!({ "items": [row], "next": null }));
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
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_kept_as_a_success_is_and_a_key_stands_for_one_body() {
    let server = Server::start().await.unwrap();
    let key = shop(&server).await;
    let assign = format!("POST {}/api/v1/books/spring/assignments", server.public);
    let (one, three) = (
        json!({ "user_id": "ana" }),
        json!({ "user_id": "ana", "count": 3 }),
    );
    let given = call(&assign, &key, one.clone(), Some("one")).await;
    given.ok(201);
    let refused = call(&assign, &key, three.clone(), Some("three")).await;
    refused.refused(409, "limit-reached");
    let code = given.json["coupons"][0]["code"].as_str().unwrap();
    let cancel = format!(
        "{}/api/v1/admin/books/spring/coupons/{code}/cancel",
        server.ops
    );
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (cancel, reason) = (format!("POST {cancel}"), json!({ "reason": "a mistake" }));
        answers.push(call(&cancel, &server.token, reason, Some("one")).await);
    }
    answers[0].ok(200);
    assert_eq!(answers[0].json, answers[1].json);
    // There is room now, and the refusal stays the answer to its key.
    let refused = call(&assign, &key, three.clone(), Some("three")).await;
    refused.refused(409, "limit-reached");
    let other = call(&assign, &key, three.clone(), Some("one")).await;
    other.refused(422, "idempotency-mismatch");
    call(&assign, &key, three, None).await.ok(201);
    for bad in ["", "two words", &"x".repeat(256)] {
        let refused = call(&assign, &key, one.clone(), Some(bad)).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], "Idempotency-Key");
    }
    server.stop().await.unwrap();
}

/// A call of staff below `/api/v1/admin`.
async fn staff(server: &Server, path: &str, body: Value) -> Answer {
    let (method, path) = path.split_once(' ').unwrap();
    let url = format!("{method} {}/api/v1/admin/{path}", server.ops);
    call(&url, &server.token, body, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_added_once_for_one_key() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 5, 1.0).await.unwrap();
    let stock = format!("POST {}/api/v1/admin/events/drop/stock", server.ops);
    for _ in 0..2 {
        let added = call(&stock, &server.token, json!({ "add": 2 }), Some("k")).await;
        added.ok(200);
        assert_eq!(added.json["total"], 7);
    }
    call(&stock, &server.token, json!({ "add": 3 }), Some("k"))
        .await
        .refused(422, "idempotency-mismatch");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_holds_each_user_once() {
    let server = Server::start().await.unwrap();
    let ops = async |path: &str, body: Value| staff(&server, path, body).await;
    let users = json!({ "user_ids": ["ana", "7", "ana", "ünal"] });
    let none = ops("POST pools/gold/members", users.clone()).await;
    none.refused(404, "no-such-pool");
    for status in [201, 200] {
        ops("PUT pools/gold", json!({ "title": "Gold" }))
            .await
            .ok(status);
    }
    let filled = ops("POST pools/gold/members", users).await;
    filled.ok(201);
    let pool = json!({ "pool": "gold", "title": "Gold", "members": 3 });
    assert_eq!(filled.json, pool);
    let page = ops("GET pools/gold/members?limit=2", Value::Null).await;
    assert_eq!(
        page.json["items"],
        json!([{ "user_id": "7" }, { "user_id": "ana" }])
    );
    let next = page.json["next"].as_str().unwrap();
    let rest = ops(&format!("GET pools/gold/members?after={next}"), Value::Null).await;
    assert_eq!(
        rest.json,
        json!({ "items": [{ "user_id": "ünal" }], "next": null })
    );
    let out = ops(
        "DELETE pools/gold/members",
        json!({ "user_ids": ["7", "8"] }),
    )
    .await;
    assert_eq!(out.status, 204);
    let left = ops("GET pools/gold", Value::Null).await;
    assert_eq!(left.json["members"], 2);
    assert_eq!(ops("DELETE pools/gold", Value::Null).await.status, 204);
    let gone = ops("GET pools/gold", Value::Null).await;
    gone.refused(404, "no-such-pool");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pool_is_refused_by_field() {
    let server = Server::start().await.unwrap();
    let gold = json!({ "title": "Gold" });
    staff(&server, "PUT pools/gold", gold.clone()).await.ok(201);
    for (path, body, field) in [
        ("PUT pools/Gold!", gold, "pool"),
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
        let refused = staff(&server, path, body).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    server.stop().await.unwrap();
}

/// A call of staff with an idempotency key.
async fn keyed(server: &Server, path: &str, body: &Value, key: &str) -> Answer {
    let path = path.replace(' ', &format!(" {}/api/v1/admin/", server.ops));
    call(&path, &server.token, body.clone(), Some(key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_count_once_for_one_key() {
    let server = Server::start().await.unwrap();
    let asked = async |path: &str, body: &Value, key: &str| keyed(&server, path, body, key).await;
    staff(&server, "PUT pools/gold", json!({ "title": "Gold" }))
        .await
        .ok(201);
    let users = json!({ "user_ids": ["ana"] });
    asked("POST pools/gold/members", &users, "in").await.ok(201);
    assert_eq!(
        staff(&server, "DELETE pools/gold/members", users.clone())
            .await
            .status,
        204
    );
    let again = asked("POST pools/gold/members", &users, "in").await;
    again.ok(201);
    assert_eq!(again.json["members"], 1, "as it was answered");
    let pool = staff(&server, "GET pools/gold", Value::Null).await;
    assert_eq!(pool.json["members"], 0, "nothing was done again");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_count_once_for_one_key_and_early_refusals_are_kept() {
    let server = Server::start().await.unwrap();
    let asked = async |path: &str, body: &Value, key: &str| keyed(&server, path, body, key).await;
    let generate = json!({ "count": 1 });
    let refused = asked("POST books/spring/generate", &generate, "early").await;
    refused.refused(404, "no-such-book");
    shop(&server).await;
    let refused = asked("POST books/spring/generate", &generate, "early").await;
    refused.refused(404, "no-such-book");
    asked("POST books/spring/generate", &generate, "late")
        .await
        .ok(202);

    let codes = json!({ "codes": ["N-1", "N-2"] });
    for _ in 0..2 {
        let taken = asked("POST books/spring/codes", &codes, "up").await;
        taken.ok(201);
        assert_eq!(taken.json["accepted"], 2);
    }
    let other = json!({ "codes": ["N-3"] });
    let refused = asked("POST books/spring/codes", &other, "up").await;
    refused.refused(422, "idempotency-mismatch");
    for _ in 0..2 {
        let refused = asked("POST books/spring/codes", &codes, "again").await;
        refused.refused(422, "codes-rejected");
        assert_eq!(refused.json["rejected_total"], 2);
    }
    let sent = "code\r\nN-4\r\n";
    for _ in 0..2 {
        let codes = format!("{}/api/v1/admin/books/spring/codes", server.ops);
        let csv = Call::new("POST", codes);
        let csv = csv.bearer(&server.token).header("idempotency-key", "csv");
        let csv = csv.body(sent).header("content-type", "text/csv");
        csv.send().await.unwrap().ok(201);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn books_pools_and_accounts_are_found_without_their_ids() {
    let server = Server::start().await.unwrap();
    shop(&server).await;
    let ops = async |path: &str| staff(&server, path, Value::Null).await;
    let first = ops("GET books?limit=1").await;
    assert_eq!(
        (&first.json["items"][0]["book"], &first.json["next"]),
        (&json!("autumn"), &json!("autumn"))
    );
    let rest = ops("GET books?after=autumn").await;
    assert_eq!(
        (&rest.json["items"][0]["title"], &rest.json["next"]),
        (&json!("Spring"), &Value::Null)
    );
    let counts =
        json!({ "unassigned": 10, "assigned": 0, "locked": 0, "redeemed": 0, "expired": 0 });
    assert_eq!(ops("GET books/spring").await.json["coupons"], counts);
    ops("GET books/winter").await.refused(404, "no-such-book");
    staff(&server, "PUT pools/gold", json!({ "title": "Gold" }))
        .await
        .ok(201);
    let pools = ops("GET pools").await;
    let gold = json!({ "pool": "gold", "title": "Gold", "members": 0 });
    assert_eq!(pools.json, json!({ "items": [gold], "next": null }));

    let ana = json!({ "email": "ana@example.org", "password": "correct horse", "role": "user" });
    staff(&server, "POST accounts", ana).await.ok(201);
    let found = ops("GET accounts?email=Ana%40Example.org").await;
    assert_eq!(found.json["items"][0]["email"], "ana@example.org");
    let none = ops("GET accounts?email=ben%40example.org").await;
    assert_eq!(none.json["items"], json!([]));
    let wrong = ops("GET accounts?email=ana").await;
    wrong.refused(400, "bad-request");
    server.stop().await.unwrap();
}
