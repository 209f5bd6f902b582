//! Coupons without a line, through the direct API: exact under any rush, and to the letter what its clients know.
#![cfg(test)]

use std::collections::BTreeSet;

use client::Phase;
use e2e::{Answer, Call, Server, Setup, ledger};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A server where anybody may create coupons.
async fn open_server() -> Server {
    let setup = Setup::new().unwrap().with("--direct-api", "open");
    setup.start().await.unwrap()
}

async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let call = Call::new("POST", format!("{}{path}", server.public));
    call.json(body).send().await.unwrap()
}

async fn get(server: &Server, path: &str) -> Answer {
    let call = Call::new("GET", format!("{}{path}", server.public));
    call.send().await.unwrap()
}

async fn create(server: &Server, name: &str, amount: u64) {
    let body = json!({"name": name, "amount": amount});
    let created = post(server, "/api/coupons", &body).await;
    assert_eq!((created.status, created.text.as_str()), (201, ""), "{name}");
}

async fn claim(server: &Server, user: &str, name: &str) -> Answer {
    let body = json!({"user_id": user, "coupon_name": name});
    post(server, "/api/coupons/claim", &body).await
}

/// Everybody claims at once; how often each answer came.
async fn rush(server: &Server, users: &[String], name: &str) -> Vec<(StatusCode, String)> {
    let client = Client::new();
    let mut claims = JoinSet::new();
    for user in users {
        let body = json!({"user_id": user, "coupon_name": name});
        let url = format!("{}/api/coupons/claim", server.public);
        let call = client.post(url).json(&body);
        claims.spawn(async move {
            let answer = call.send().await.expect("no connection fails");
            (
                answer.status(),
                answer.text().await.expect("nor any answer"),
            )
        });
    }
    claims.join_all().await
}

fn users(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("user {nth}")).collect()
}

/// How many of the answers are this one.
fn how_many(answers: &[(StatusCode, String)], status: u16, error: Option<&str>) -> usize {
    let body = error.map_or_else(String::new, |error| json!({"error": error}).to_string());
    let wanted = |(code, text): &&(StatusCode, String)| code.as_u16() == status && *text == body;
    answers.iter().filter(wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_sale_gives_every_coupon_once_and_tells_everybody_else_so() {
    let server = open_server().await;
    for (name, people, amount) in [
        ("FLASH", 50, 5),
        ("A", 100, 10),
        ("B", 200, 20),
        ("C", 500, 50),
    ] {
        create(&server, name, amount as u64).await;
        let answers = rush(&server, &users(people), name).await;
        let won = how_many(&answers, 200, None);
        let lost = how_many(&answers, 400, Some("coupon out of stock"));
        assert_eq!(
            (won, lost),
            (amount, people - amount),
            "{name}: {answers:?}"
        );
        let coupon = get(&server, &format!("/api/coupons/{name}")).await.json;
        assert_eq!(coupon["remaining_amount"], 0);
        let claimed: BTreeSet<&str> = coupon["claimed_by"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(claimed.len(), amount, "{name}");
        ledger::agrees(&server, name, amount as u64).await.unwrap();
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_dip_is_one_claim_also_when_all_are_gone_and_after_a_restart() {
    let server = open_server().await;
    create(&server, "DIP", 100).await;
    let answers = rush(&server, &vec!["me".to_owned(); 10], "DIP").await;
    let again = how_many(&answers, 409, Some("coupon already claimed by user"));
    assert_eq!(
        (how_many(&answers, 200, None), again),
        (1, 9),
        "{answers:?}"
    );
    let coupon = get(&server, "/api/coupons/DIP").await;
    let shown = r#"{"name":"DIP","amount":100,"remaining_amount":99,"claimed_by":["me"]}"#;
    assert_eq!(coupon.text, shown);

    create(&server, "ONE", 1).await;
    assert_eq!(claim(&server, "me", "ONE").await.status, 200);
    // Before Redis has noted that it is a row, as a rule.
    let mut server = server;
    server.kill().await.unwrap();
    let server = server.start_again().await.unwrap();
    let again = claim(&server, "me", "ONE").await;
    let said = r#"{"error":"coupon already claimed by user"}"#;
    assert_eq!((again.status, again.text.as_str()), (409, said));
    let late = claim(&server, "you", "ONE").await;
    let said = r#"{"error":"coupon out of stock"}"#;
    assert_eq!((late.status, late.text.as_str()), (400, said));
    for (name, issued) in [("DIP", 1), ("ONE", 1)] {
        ledger::agrees(&server, name, issued).await.unwrap();
    }
    server.stop().await.unwrap();
}

/// One row of the contract: what is sent, and the status and text that come back.
struct Row {
    method: &'static str,
    path: String,
    body: Option<(&'static str, String)>,
    status: u16,
    text: String,
}

fn row(method: &'static str, path: &str, status: u16, text: &str) -> Row {
    Row {
        method,
        path: path.to_owned(),
        body: None,
        status,
        text: text.to_owned(),
    }
}

/// A body as JSON, and the error it gives; none is an empty body.
fn sent(path: &str, body: impl Into<String>, status: u16, error: Option<&str>) -> Row {
    let text = error.map_or_else(String::new, |error| json!({"error": error}).to_string());
    Row {
        body: Some(("application/json", body.into())),
        ..row("POST", path, status, &text)
    }
}

/// The bodies of `POST /api/coupons`.
fn creating() -> Vec<Row> {
    let bad = |body: &str, error| sent("/api/coupons", body, 400, Some(error));
    let ok = |body: &str| sent("/api/coupons", body, 201, None);
    let long = |length: usize| format!(r#"{{"name":"{}","amount":1}}"#, "券".repeat(length));
    vec![
        ok(r#"{"name":"PROMO","amount":2}"#),
        sent(
            "/api/coupons",
            r#"{"name":"PROMO","amount":7}"#,
            409,
            Some("coupon already exists"),
        ),
        ok(r#"{"NAME":"promo","Amount":2147483647,"color":{"deep":[1]}}"#),
        ok(&long(255)),
        ok(r#"{"name":"with {braces}, a/slash & 50%","amount":3,"amount":4}"#),
        bad(r#"{"amount":1}"#, "invalid request: name is required"),
        bad(
            r#"{"name":null,"amount":1}"#,
            "invalid request: name is required",
        ),
        bad(r#"{"name":""}"#, "invalid request: name is required"),
        bad("{}", "invalid request: name is required"),
        bad("null", "invalid request: name is required"),
        bad(
            r#"{"name":" \t","amount":0}"#,
            "invalid request: name cannot be whitespace only",
        ),
        bad(
            &long(256),
            "invalid request: name exceeds maximum length of 255",
        ),
        bad(r#"{"name":"x"}"#, "invalid request: amount is required"),
        bad(
            r#"{"name":"x","amount":null}"#,
            "invalid request: amount is required",
        ),
        bad(
            r#"{"name":"x","amount":0}"#,
            "invalid request: amount must be at least 1",
        ),
        bad(
            r#"{"name":"x","amount":-5}"#,
            "invalid request: amount must be at least 1",
        ),
    ]
}

/// What is no body of `POST /api/coupons`.
fn nonsense() -> Vec<Row> {
    let bad = |body: &str| sent("/api/coupons", body, 400, Some("invalid request body"));
    let mut rows = Vec::new();
    for body in [
        "",
        "{",
        "[]",
        "7",
        r#"{"name":"x","amount":1} x"#,
        r#"{"name":7,"amount":1}"#,
        r#"{"name":"x","amount":1.0}"#,
        r#"{"name":"x","amount":"1"}"#,
        r#"{"name":"x","amount":9223372036854775808}"#,
        r#"{"amount":1.5}"#,
    ] {
        rows.push(bad(body));
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/xml",
        "",
    ] {
        rows.push(Row {
            body: Some((kind, r#"{"name":"x","amount":1}"#.to_owned())),
            ..bad("")
        });
    }
    rows
}

/// The bodies of `POST /api/coupons/claim`.
fn claiming() -> Vec<Row> {
    let path = "/api/coupons/claim";
    let missing = sent(
        path,
        r#"{"user_id":"u","coupon_name":"Promo"}"#,
        404,
        Some("coupon not found"),
    );
    let again = Some("coupon already claimed by user");
    vec![
        missing,
        sent(path, r#"{"user_id":"u","coupon_name":"PROMO"}"#, 200, None),
        sent(path, r#"{"User_ID":"u","COUPON_name":"PROMO"}"#, 409, again),
        sent(
            "/API/Coupons/CLAIM/",
            r#"{"user_id":"v","coupon_name":"PROMO"}"#,
            200,
            None,
        ),
        sent(
            path,
            r#"{"user_id":"w","coupon_name":"PROMO"}"#,
            400,
            Some("coupon out of stock"),
        ),
        sent(path, r#"{"user_id":"u","coupon_name":"PROMO"}"#, 409, again),
        sent(
            path,
            r#"{"user_id":"u","coupon_name":"with {braces}, a/slash & 50%"}"#,
            200,
            None,
        ),
    ]
}

/// What is wrong in bodies of `POST /api/coupons/claim`.
fn claiming_wrongly() -> Vec<Row> {
    let bad = |body: &str, error| sent("/api/coupons/claim", body, 400, Some(error));
    vec![
        bad("{}", "invalid request: user_id is required"),
        bad("null", "invalid request: user_id is required"),
        bad(
            r#"{"user_id":"  "}"#,
            "invalid request: user_id cannot be whitespace only",
        ),
        bad(
            &format!(
                r#"{{"user_id":"{}","coupon_name":"PROMO"}}"#,
                "x".repeat(256)
            ),
            "invalid request: user_id exceeds maximum length of 255",
        ),
        bad(
            r#"{"user_id":"u"}"#,
            "invalid request: coupon_name is required",
        ),
        bad(
            r#"{"user_id":"u","coupon_name":"\u00a0"}"#,
            "invalid request: coupon_name cannot be whitespace only",
        ),
        bad(
            r#"{"user_id":1,"coupon_name":"PROMO"}"#,
            "invalid request body",
        ),
    ]
}

/// Looking, and what is nowhere.
fn looking() -> Vec<Row> {
    let promo = r#"{"name":"PROMO","amount":2,"remaining_amount":0,"claimed_by":["u","v"]}"#;
    let none = r#"{"error":"coupon not found"}"#;
    let braces = json!({"name": "with {braces}, a/slash & 50%", "amount": 4, "remaining_amount": 3, "claimed_by": ["u"]});
    let braces = format!(
        r#"{{"name":{},"amount":4,"remaining_amount":3,"claimed_by":["u"]}}"#,
        braces["name"]
    );
    vec![
        row("GET", "/health", 200, r#"{"status":"healthy"}"#),
        row("GET", "/api/coupons/PROMO", 200, promo),
        row("GET", "/Api/COUPONS/PROMO/", 200, promo),
        row("HEAD", "/api/coupons/PROMO", 200, ""),
        row("HEAD", "/api/coupons/none", 404, ""),
        row(
            "GET",
            "/api/coupons/promo",
            200,
            r#"{"name":"promo","amount":2147483647,"remaining_amount":2147483647,"claimed_by":[]}"#,
        ),
        row(
            "GET",
            "/api/coupons/with%20%7Bbraces%7D,%20a%2Fslash%20%26%2050%25",
            200,
            &braces,
        ),
        row("GET", "/api/coupons/none", 404, none),
        row("GET", "/api/coupons/claim", 404, none),
        row(
            "GET",
            &format!("/api/coupons/{}", "x".repeat(5_000)),
            404,
            none,
        ),
        row("GET", "/api/coupons/%00", 404, none),
        row("GET", "/api/coupons/%FF", 404, none),
        row(
            "GET",
            "/api/coupons/a/b",
            404,
            "Cannot GET /api/coupons/a/b",
        ),
    ]
}

/// What no handler is meant by.
fn nowhere() -> Vec<Row> {
    vec![
        row(
            "POST",
            "/api/coupons/claim/'x'",
            404,
            "Cannot POST /api/coupons/claim/&#39;x&#39;",
        ),
        row("GET", "/api/coupons", 405, "Method Not Allowed"),
        row("DELETE", "/api/coupons/PROMO", 405, "Method Not Allowed"),
        row("PUT", "/api/coupons/claim", 405, "Method Not Allowed"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_contract_is_kept_to_the_letter() {
    let server = open_server().await;
    let mut wrong = Vec::new();
    let rows = [
        creating(),
        nonsense(),
        claiming(),
        claiming_wrongly(),
        looking(),
        nowhere(),
    ];
    for row in rows.into_iter().flatten() {
        let mut call = Call::new(row.method, format!("{}{}", server.public, row.path));
        if let Some((kind, body)) = &row.body {
            call = call.body(body.as_bytes());
            if !kind.is_empty() {
                call = call.header("content-type", kind);
            }
        }
        let answer = call.send().await.unwrap();
        let kind = match (row.status, row.text.is_empty()) {
            (405 | 413, _) => "text/plain; charset=utf-8",
            _ if row.text.starts_with("Cannot") => "text/plain; charset=utf-8",
            (_, true) => answer.header("content-type"),
            (_, false) => "application/json",
        };
        let right = answer.status == row.status
            && answer.text == row.text
            && answer.header("content-type") == kind
            && !answer.header("x-request-id").is_empty();
        if !right {
            let sent = row
                .body
                .map(|(_, body)| body.chars().take(60).collect::<String>());
            wrong.push((row.method, row.path, sent, row.status, row.text, answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_named_numbers_and_bodies_have_their_bounds_and_any_name_reaches_the_ledger() {
    let server = open_server().await;
    let allowed = [
        ("/api/coupons", "POST"),
        ("/api/coupons/x", "GET, HEAD"),
        ("/api/coupons/claim", "GET, HEAD, POST"),
    ];
    for (path, methods) in allowed {
        let call = Call::new("PATCH", format!("{}{path}", server.public));
        assert_eq!(
            call.send().await.unwrap().header("allow"),
            methods,
            "{path}"
        );
    }
    // Above 32 bits and NUL, where the answer is ours to choose; and bodies around the cap.
    for body in [
        r#"{"name":"x","amount":2147483648}"#,
        r#"{"name":"a\u0000","amount":1}"#,
    ] {
        let body: Value = serde_json::from_str(body).unwrap();
        let answer = post(&server, "/api/coupons", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json["error"].is_string());
    }
    let padded =
        |kib: usize| json!({"name": "padded", "amount": 1, "pad": "x".repeat(kib * 1_024)});
    assert_eq!(
        post(&server, "/api/coupons", &padded(1_000)).await.status,
        201
    );
    for kib in [1_100, 20_000] {
        let answer = post(&server, "/api/coupons", &padded(kib)).await;
        let said = (answer.status, answer.text.as_str());
        assert_eq!(said, (413, "Request Entity Too Large"), "{kib} KiB");
    }
    let name = "with {braces}, a/slash & 50%";
    create(&server, name, 2).await;
    assert_eq!(claim(&server, "me", name).await.status, 200);
    ledger::agrees(&server, name, 1).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_listed_in_their_order_however_many_they_are() {
    let server = open_server().await;
    create(&server, "LONG", 5_000).await;
    for user in ["c", "a", "b"] {
        assert_eq!(claim(&server, user, "LONG").await.status, 200);
    }
    let answers = rush(&server, &users(1_500), "LONG").await;
    assert_eq!(how_many(&answers, 200, None), 1_500);
    let coupon = get(&server, "/api/coupons/LONG").await;
    assert_eq!(coupon.header("transfer-encoding"), "chunked");
    let claimed: Vec<&str> = coupon.json["claimed_by"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        (claimed.len(), &claimed[..3]),
        (1_503, &["c", "a", "b"][..])
    );
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 1_503);
    assert_eq!(coupon.json["remaining_amount"], 5_000 - 1_503);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organiser_makes_and_steers_a_direct_event_and_nobody_enters_it() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    let call = |method: &str, path: &str| {
        Call::new(method, format!("{}/api/v1/admin/events/{path}", server.ops))
            .bearer(&server.token)
    };
    let put = json!({"title": "Direct", "stock": 1, "line": false, "phase": "open"});
    let made = call("PUT", "till").json(&put).send().await.unwrap();
    made.ok(201);
    assert_eq!(made.json["line"], false);
    let changed = call("PUT", "till")
        .json(&json!({"line": true}))
        .send()
        .await
        .unwrap();
    changed.refused(409, "event-is-live");
    let odd = call("PUT", "Not%20Plain").json(&put).send().await.unwrap();
    odd.refused(400, "bad-request");
    assert_eq!(odd.json["field"], "event");

    let entered = post(&server, "/api/v1/events/till/places", &json!({})).await;
    entered.refused(409, "line-closed");
    assert_eq!(claim(&server, "first", "till").await.status, 200);
    assert_eq!(claim(&server, "second", "till").await.status, 400);
    ops.add_stock("till", 5).await.unwrap();
    assert_eq!(claim(&server, "second", "till").await.status, 200);
    ops.move_phase("till", Phase::Paused).await.unwrap();
    let paused = claim(&server, "third", "till").await;
    assert_eq!(
        (paused.status, paused.text.as_str()),
        (400, r#"{"error":"coupon paused"}"#)
    );
    ops.move_phase("till", Phase::Open).await.unwrap();
    assert_eq!(claim(&server, "third", "till").await.status, 200);
    ops.move_phase("till", Phase::Closed).await.unwrap();
    assert_eq!(claim(&server, "third", "till").await.status, 409);
    assert_eq!(
        claim(&server, "fourth", "till").await.text,
        r#"{"error":"coupon closed"}"#
    );

    server.open_event("line", 5, 1.0).await.unwrap();
    let hidden = get(&server, "/api/coupons/line").await;
    assert_eq!(
        (hidden.status, hidden.text.as_str()),
        (404, r#"{"error":"coupon not found"}"#)
    );
    assert_eq!(claim(&server, "me", "line").await.status, 404);
    ledger::agrees(&server, "till", 3).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_is_issued_counted_and_found_by_its_user() {
    let server = open_server().await;
    create(&server, "Spring Sale", 2).await;
    server.open_event("line", 5, 1.0).await.unwrap();
    let issue = async |user: &str, event: &str| {
        let body = json!({"user_id": user, "event_id": event});
        post(&server, "/api/v1/coupons/issue", &body).await
    };
    let issued = issue("me", "Spring Sale").await;
    issued.ok(200);
    assert_eq!(
        (&issued.json["success"], &issued.json["remaining_stock"]),
        (&json!(true), &json!(1))
    );
    let found = get(&server, "/api/v1/coupons/user/me/event/Spring%20Sale").await;
    found.ok(200);
    assert_eq!(found.json["coupon_id"], issued.json["coupon_id"]);
    assert_eq!(
        (&found.json["user_id"], &found.json["event_id"]),
        (&json!("me"), &json!("Spring Sale"))
    );
    assert!(found.json["issued_at"].as_str().unwrap().ends_with('Z'));
    issue("you", "Spring Sale").await.ok(200);
    for (user, event) in [
        ("me", "Spring Sale"),
        ("third", "Spring Sale"),
        ("me", "line"),
    ] {
        let refused = issue(user, event).await;
        refused.ok(200);
        assert_eq!(refused.json["success"], false, "{user} {event}");
        assert!(refused.json["message"].as_str().unwrap().ends_with('.'));
        assert_eq!(refused.json.get("coupon_id"), None);
    }
    let status = get(&server, "/api/v1/coupons/status/Spring%20Sale").await;
    let sold_out = json!({"event_id": "Spring Sale", "remaining_stock": 0, "total_participants": 2, "status": "sold_out"});
    assert_eq!(status.json, sold_out);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nowhere_or_malformed_is_one_problem() {
    let server = open_server().await;
    create(&server, "Spring Sale", 2).await;
    let nowhere = json!({"user_id": "me", "event_id": "nowhere"});
    let issued = post(&server, "/api/v1/coupons/issue", &nowhere).await;
    issued.refused(404, "no-such-event");
    get(&server, "/api/v1/coupons/status/nowhere")
        .await
        .refused(404, "no-such-event");
    get(&server, "/api/v1/coupons/user/me/event/nowhere")
        .await
        .refused(404, "no-such-event");
    get(&server, "/api/v1/coupons/user/nobody/event/Spring%20Sale")
        .await
        .refused(404, "no-such-coupon");
    for (body, field) in [
        (json!({"event_id": "Spring Sale"}), "user_id"),
        (json!({"user_id": "", "event_id": "x"}), "user_id"),
        (json!({"user_id": "me", "event_id": 7}), "event_id"),
        (
            json!({"user_id": "me", "event_id": "x", "extra": 1}),
            "extra",
        ),
    ] {
        let refused = post(&server, "/api/v1/coupons/issue", &body).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field, "{body}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_direct_api_is_open_as_far_as_it_is_set() {
    let server = Server::start().await.unwrap();
    let body = json!({"name": "x", "amount": 1});
    let created = post(&server, "/api/coupons", &body).await;
    assert_eq!(
        (created.status, created.text.as_str()),
        (404, "Cannot POST /api/coupons")
    );
    assert_eq!(
        claim(&server, "me", "x").await.text,
        r#"{"error":"coupon not found"}"#
    );
    let described = get(&server, "/api/openapi.json").await.json;
    assert_eq!(described["paths"].get("/api/coupons"), None);
    assert!(described["paths"].get("/api/coupons/claim").is_some());
    server.stop().await.unwrap();

    let off = Setup::new().unwrap().with("--direct-api", "off");
    let server = off.start().await.unwrap();
    for path in ["/api/coupons/x", "/api/v1/coupons/status/x"] {
        get(&server, path).await.refused(404, "not-found");
    }
    claim(&server, "me", "x").await.refused(404, "not-found");
    server.stop().await.unwrap();

    let limited = Setup::new()
        .unwrap()
        .without("--limit-exempt")
        .with("--limit-direct", "1/2");
    let server = limited.start().await.unwrap();
    let answers = rush(&server, &users(10), "x").await;
    let refused = answers.iter().filter(|(status, _)| status.as_u16() == 429);
    assert!(refused.count() >= 5, "{answers:?}");
    server.stop().await.unwrap();
}
