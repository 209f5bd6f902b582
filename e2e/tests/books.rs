//! Books of given codes: uploads that count whole, assignments that are exact under any rush, locks that end by themselves.
#![cfg(test)]

use std::collections::BTreeSet;

use e2e::{Answer, Call, Server, until};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A book's organiser, and a till with a service key for it.
struct Shop {
    server: Server,
    key: String,
}

impl Shop {
    /// A shop with one book.
    async fn open(rules: Value) -> Self {
        let server = Server::start().await.unwrap();
        let mut shop = Self {
            server,
            key: String::new(),
        };
        shop.put(rules).await.ok(201);
        let wanted = json!({"name": "till", "books": ["spring"]});
        let call = shop.staff("POST", "service-keys").json(&wanted);
        let made = call.send().await.unwrap();
        made.ok(201);
        shop.key = made.json["key"].as_str().unwrap().to_owned();
        shop
    }

    fn staff(&self, method: &str, path: &str) -> Call {
        let url = format!("{}/api/v1/admin/{path}", self.server.ops);
        Call::new(method, url).bearer(&self.server.token)
    }

    async fn put(&self, rules: Value) -> Answer {
        let call = self.staff("PUT", "books/spring").json(&rules);
        call.send().await.unwrap()
    }

    /// Uploads a body of this kind.
    async fn upload(&self, kind: &str, body: &str, query: &str) -> Answer {
        let call = self.staff("POST", &format!("books/spring/codes{query}"));
        let call = call.body(body).header("content-type", kind);
        call.send().await.unwrap()
    }

    /// Puts `C-0`, `C-1` … into the book.
    async fn stock(&self, count: usize) {
        let codes: Vec<String> = (0..count).map(|nth| format!("C-{nth}")).collect();
        let body = json!({ "codes": codes }).to_string();
        let taken = self.upload("application/json", &body, "").await;
        taken.ok(201);
        assert_eq!(taken.json, json!({"accepted": count, "rejected": []}));
    }

    /// How many codes nobody has, as the ledger knows.
    async fn unassigned(&self) -> u64 {
        let book = self.staff("GET", "books/spring").send().await.unwrap();
        book.json["coupons"]["unassigned"].as_u64().unwrap()
    }

    /// A call of the till.
    async fn till(&self, method: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}/api/v1/books/spring/{path}", self.server.public);
        let call = Call::new(method, url).bearer(&self.key).json(&body);
        call.send().await.unwrap()
    }

    async fn coupon(&self, user: &str, code: &str) -> Answer {
        let path = format!("coupons/{code}?user_id={user}");
        let url = format!("{}/api/v1/books/spring/{path}", self.server.public);
        Call::new("GET", url)
            .bearer(&self.key)
            .send()
            .await
            .unwrap()
    }

    /// Everybody wants a coupon at once; the codes that were given, and the names of the refusals.
    async fn rush(&self, users: &[String]) -> (Vec<String>, Vec<String>) {
        let client = Client::new();
        let url = format!("{}/api/v1/books/spring/assignments", self.server.public);
        let mut wanting = JoinSet::new();
        for user in users {
            let call = client.post(&url).bearer_auth(&self.key);
            let call = call.json(&json!({ "user_id": user }));
            wanting.spawn(async move {
                let answer = call.send().await.expect("no connection fails");
                answer.json::<Value>().await.expect("JSON")
            });
        }
        let (mut given, mut refused) = (Vec::new(), Vec::new());
        for answer in wanting.join_all().await {
            match answer["coupons"][0]["code"].as_str() {
                Some(code) => given.push(code.to_owned()),
                None => refused.push(answer["type"].as_str().unwrap_or_default().to_owned()),
            }
        }
        (given, refused)
    }

    /// Waits until the ledger holds all, and reads a list of the book.
    async fn list(&self, path: &str) -> Vec<Value> {
        let read = async || {
            let call = self.staff("GET", &format!("books/spring/{path}"));
            let answer = call.send().await.unwrap();
            answer.ok(200);
            answer.json["items"].as_array().unwrap().clone()
        };
        read().await
    }
}

/// Ann gets the code she wants; nobody else does, nor one that does not exist.
async fn is_assigned(shop: &Shop) {
    let given = shop
        .till(
            "POST",
            "assignments",
            json!({"user_id": "ann", "code": "C-1"}),
        )
        .await;
    given.ok(201);
    let coupon = &given.json["coupons"][0];
    assert_eq!(
        (&coupon["code"], &coupon["state"]),
        (&json!("C-1"), &json!("assigned"))
    );
    assert_eq!(
        (&coupon["holder"], &coupon["remaining"]),
        (&json!("ann"), &json!(2))
    );
    for code in ["C-1", "C-9"] {
        let taken = shop
            .till(
                "POST",
                "assignments",
                json!({"user_id": "bob", "code": code}),
            )
            .await;
        taken.refused(404, "no-such-coupon");
    }
}

/// Ann locks it; the token alone opens it, and to strangers it is as if it did not exist. The token.
async fn is_locked(shop: &Shop) -> Value {
    let locked = shop
        .till("POST", "coupons/C-1/lock", json!({"user_id": "ann"}))
        .await;
    locked.ok(200);
    let token = &locked.json["lock_token"];
    let again = shop
        .till("POST", "coupons/C-1/lock", json!({"user_id": "ann"}))
        .await;
    again.refused(409, "coupon-locked");
    let bare = shop
        .till("POST", "coupons/C-1/redemption", json!({"user_id": "ann"}))
        .await;
    bare.refused(409, "coupon-locked");
    let stranger = json!({"user_id": "bob", "lock_token": token});
    let stolen = shop
        .till("POST", "coupons/C-1/redemption", stranger.clone())
        .await;
    stolen.refused(404, "no-such-coupon");
    shop.till("DELETE", "coupons/C-1/lock", stranger)
        .await
        .refused(404, "no-such-coupon");
    shop.coupon("bob", "C-1")
        .await
        .refused(404, "no-such-coupon");
    token.clone()
}

/// Ann uses it with the token, and once more without.
async fn is_redeemed(shop: &Shop, token: Value) {
    let used = json!({"user_id": "ann", "lock_token": token, "metadata": {"till": 7}});
    let used = shop.till("POST", "coupons/C-1/redemption", used).await;
    used.ok(200);
    assert_eq!(
        (&used.json["redemptions"], &used.json["remaining"]),
        (&json!(1), &json!(1))
    );
    let once = shop.coupon("ann", "C-1").await;
    assert_eq!(
        (&once.json["state"], &once.json["locked_until"]),
        (&json!("assigned"), &Value::Null)
    );
    let any_json = json!({"user_id": "ann", "metadata": ["twice", 2]});
    let last = shop.till("POST", "coupons/C-1/redemption", any_json).await;
    last.ok(200);
    let over = shop
        .till("POST", "coupons/C-1/redemption", json!({"user_id": "ann"}))
        .await;
    over.refused(409, "state-move");
    assert_eq!(
        (&over.json["from"], &over.json["to"]),
        (&json!("redeemed"), &json!("redeemed"))
    );
}

/// The organiser takes it back; it is Bob's then.
async fn is_cancelled(shop: &Shop) {
    let cancel = shop.staff("POST", "books/spring/coupons/C-1/cancel");
    let back = cancel
        .json(&json!({"reason": "paid back"}))
        .send()
        .await
        .unwrap();
    back.ok(200);
    assert_eq!(
        (&back.json["state"], &back.json["holder"]),
        (&json!("unassigned"), &Value::Null)
    );
    shop.coupon("ann", "C-1")
        .await
        .refused(404, "no-such-coupon");
    shop.till(
        "POST",
        "assignments",
        json!({"user_id": "bob", "code": "C-1"}),
    )
    .await
    .ok(201);
}

/// History and lists tell of it.
async fn is_on_record(shop: &Shop) {
    // Embedded, every step waits for its row: the ledger holds them all by now.
    let history = shop.list("history").await;
    let told: Vec<String> = history
        .iter()
        .map(|step| format!("{} {} {}", step["user_id"], step["from"], step["to"]).replace('"', ""))
        .collect();
    let expected = [
        "ann unassigned assigned",
        "ann assigned locked",
        "ann locked assigned",
        "ann assigned redeemed",
        "ann redeemed unassigned",
        "bob unassigned assigned",
    ];
    assert_eq!(told, expected);
    assert_eq!(history[2]["metadata"], json!({"till": 7}));
    assert_eq!(history[3]["metadata"], json!(["twice", 2]));
    assert_eq!(history[4]["metadata"], json!({"reason": "paid back"}));
    assert_eq!(history[4]["by"], "admin");
    let assigned = shop.list("coupons?state=assigned").await;
    let held: Vec<&str> = assigned
        .iter()
        .filter_map(|row| row["code"].as_str())
        .collect();
    assert_eq!(held, ["C-1"]);
    let free = shop.list("coupons?state=unassigned&limit=1").await;
    assert_eq!((free.len(), &free[0]["code"]), (1, &json!("C-0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_is_assigned_locked_redeemed_and_cancelled_and_each_step_is_on_record() {
    let rules =
        json!({"title": "Spring", "redemptions_per_code": 2, "max_per_person": 2, "lock_s": 60});
    let shop = Shop::open(rules).await;
    shop.stock(3).await;
    is_assigned(&shop).await;
    let token = is_locked(&shop).await;
    is_redeemed(&shop, token).await;
    is_cancelled(&shop).await;
    is_on_record(&shop).await;

    // What was acknowledged survives a kill.
    let Shop { mut server, key } = shop;
    server.kill().await.unwrap();
    let server = server.start_again().await.unwrap();
    let shop = Shop { server, key };
    let held = shop.coupon("bob", "C-1").await;
    held.ok(200);
    assert_eq!(held.json["redemptions"], 0);
    let (said, well) = shop.server.run(&["verify", "--json"]).await.unwrap();
    assert!(well, "{said}");
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_tried_and_taken_whatever_its_lines_look_like() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    let csv = "\u{feff}note,Code\r\nfirst,A-1\r\n\"quoted, \"\"twice\"\"\r\nover lines\",\"A-2\"\r\n\r\nlast,A-3";
    let tried = shop.upload("text/csv", csv, "?dry_run=true").await;
    tried.ok(200);
    assert_eq!(tried.json, json!({"accepted": 3, "rejected": []}));
    assert_eq!(shop.list("coupons").await.len(), 0, "nothing was taken");
    let taken = shop.upload("text/csv; charset=utf-8", csv, "").await;
    taken.ok(201);
    let held: Vec<Value> = shop.list("coupons").await;
    let codes: Vec<&str> = held.iter().filter_map(|row| row["code"].as_str()).collect();
    assert_eq!(codes, ["A-1", "A-2", "A-3"]);

    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_with_a_wrong_line_leaves_nothing_and_names_it() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    shop.upload("text/csv", "A-1\nA-2\nA-3", "").await.ok(201);
    let bad = "B-1\nA-2\nB 2\nB-1\n券\nB-3\n";
    let refused = shop.upload("text/csv", bad, "").await;
    refused.refused(422, "codes-rejected");
    assert_eq!(refused.json["rejected_total"], 4);
    let lines: Vec<u64> = refused.json["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["line"].as_u64())
        .collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    let listed = shop
        .upload("application/json", r#"{"codes":["B-1",""]}"#, "")
        .await;
    listed.refused(422, "codes-rejected");
    assert_eq!(listed.json["rejected"][0]["line"], 2);
    let many: Vec<String> = (0..300).map(|nth| format!("bad {nth}")).collect();
    let many = many.join("\n");
    let many = shop.upload("text/csv", &many, "").await.json;
    assert_eq!(
        (
            &many["rejected_total"],
            many["rejected"].as_array().unwrap().len()
        ),
        (&json!(300), 100)
    );
    shop.upload("text/csv", "B-1\nB-3\n", "").await.ok(201);
    assert_eq!(
        shop.list("coupons").await.len(),
        5,
        "none of what was refused stayed"
    );
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_no_list_of_codes_is_refused_whole() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    shop.upload("text/plain", "B-9", "")
        .await
        .refused(415, "unsupported-media-type");
    shop.upload("text/csv", "", "")
        .await
        .refused(400, "bad-request");
    shop.upload("text/csv", "B-8\n\"B-9", "")
        .await
        .refused(400, "bad-request");
    shop.upload("application/json", r#"{"codes":7}"#, "")
        .await
        .refused(400, "bad-request");
    assert_eq!(shop.list("coupons").await.len(), 0, "nothing stayed");
    let nowhere = shop
        .staff("POST", "books/nowhere/codes")
        .body("A")
        .header("content-type", "text/csv");
    nowhere.send().await.unwrap().refused(404, "no-such-book");

    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_is_in_the_ledger_when_it_is_acknowledged() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    let large: Vec<String> = (0..50_000).map(|nth| format!("L-{nth}")).collect();
    let large = large.join("\r\n");
    let taken = shop.upload("text/csv", &large, "").await;
    taken.ok(201);
    assert_eq!(taken.json["accepted"], 50_000);
    let page = shop
        .staff("GET", "books/spring/coupons?after=L-49998&limit=1000")
        .send()
        .await
        .unwrap();
    assert_eq!(page.json["items"][0]["code"], "L-49999");
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_killed_once_it_counts_is_carried_in_to_its_end() {
    const CODES: u64 = 200_000;
    let shop = Shop::open(json!({"title": "Spring"})).await;
    let large: Vec<String> = (0..CODES).map(|nth| format!("L-{nth}")).collect();
    let call = shop.staff("POST", "books/spring/codes");
    let call = call
        .header("content-type", "text/csv")
        .body(large.join("\n"));
    let sent = tokio::spawn(async move { call.send().await });
    // The ledger knows of some: it was decided on, and is carried in.
    let some = until(async || Some(shop.unassigned().await).filter(|&count| count > 0));
    let some = some.await.unwrap();
    let Shop { mut server, key } = shop;
    server.kill().await.unwrap();
    assert!(some < CODES, "it is killed before its end");
    assert!(sent.await.unwrap().is_err(), "nobody heard of it");

    let server = server.start_again().await.unwrap();
    let shop = Shop { server, key };
    until(async || (shop.unassigned().await == CODES).then_some(()))
        .await
        .unwrap();
    let (given, _) = shop.rush(&["ann".to_owned()]).await;
    assert_eq!(given.len(), 1);
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_no_code_is_given_twice_however_many_ask_at_once() {
    let shop = Shop::open(json!({"title": "Spring", "max_per_person": 2})).await;
    shop.stock(104).await;
    let (given, refused) = shop.rush(&vec!["one".to_owned(); 30]).await;
    assert_eq!((given.len(), refused.len()), (2, 28));
    assert!(
        refused.iter().all(|name| name == "/problems/limit-reached"),
        "{refused:?}"
    );
    let hundred: Vec<String> = (0..100).map(|nth| format!("person-{nth}")).collect();
    let (given, refused) = shop.rush(&hundred).await;
    let distinct: BTreeSet<&String> = given.iter().collect();
    assert_eq!((distinct.len(), refused.len()), (100, 0));
    let crowd: Vec<String> = (0..1_000).map(|nth| format!("late-{nth}")).collect();
    let (given, refused) = shop.rush(&crowd).await;
    assert_eq!((given.len(), refused.len()), (2, 998));
    assert!(
        refused.iter().all(|name| name == "/problems/none-left"),
        "{refused:?}"
    );
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_by_itself_and_a_book_too() {
    let shop = Shop::open(json!({"title": "Spring", "max_per_person": 2})).await;
    shop.stock(2).await;
    let both = shop
        .till("POST", "assignments", json!({"user_id": "ann", "count": 2}))
        .await;
    both.ok(201);
    let locked = json!({"user_id": "ann", "lock_s": 1});
    shop.till("POST", "coupons/C-0/lock", locked).await.ok(200);
    let held = shop.coupon("ann", "C-0").await;
    assert_eq!(held.json["state"], "locked");
    let open = until(async || {
        let held = shop.coupon("ann", "C-0").await;
        (held.json["state"] == "assigned").then_some(())
    });
    open.await.unwrap();
    shop.till("POST", "coupons/C-0/redemption", json!({"user_id": "ann"}))
        .await
        .ok(200);

    shop.put(json!({"expires_at": "2026-01-01T00:00:00Z"}))
        .await
        .ok(200);
    let late = shop
        .till("POST", "coupons/C-1/redemption", json!({"user_id": "ann"}))
        .await;
    late.refused(409, "coupon-expired");
    let late = shop
        .till("POST", "assignments", json!({"user_id": "bob"}))
        .await;
    late.refused(409, "coupon-expired");
    let states: Vec<Value> = shop.list("coupons").await;
    let states: Vec<&str> = states
        .iter()
        .filter_map(|row| row["state"].as_str())
        .collect();
    assert_eq!(states, ["redeemed", "expired"]);
    shop.server.stop().await.unwrap();
}

/// A call at the public door.
fn public(shop: &Shop, method: &str, path: &str) -> Call {
    Call::new(method, format!("{}/api/v1/{path}", shop.server.public))
}

/// Somebody with an account and a coupon: their access token and its code.
async fn signed_in(shop: &Shop) -> (String, String) {
    let account = json!({"email": "ann@example.org", "password": "correct horse"});
    for path in ["accounts", "sessions"] {
        let made = public(shop, "POST", path).json(&account).send().await;
        assert!(made.unwrap().status < 300, "{path}");
    }
    let session = public(shop, "POST", "sessions").json(&account);
    let session = session.send().await.unwrap();
    let token = session.json["access_token"].as_str().unwrap();
    let given = public(shop, "POST", "books/spring/assignments").bearer(token);
    let given = given.json(&json!({})).send().await.unwrap();
    given.ok(201);
    let code = given.json["coupons"][0]["code"].as_str().unwrap();
    (token.to_owned(), code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_acts_for_themselves_and_sees_nobody_elses() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    shop.stock(2).await;
    let (token, code) = signed_in(&shop).await;
    let coupon = format!("books/spring/coupons/{code}");
    let mine = public(&shop, "GET", &coupon).bearer(&token);
    mine.send().await.unwrap().ok(200);
    let wallet = public(&shop, "GET", "accounts/me/coupons").bearer(&token);
    let wallet = wallet.send().await.unwrap();
    assert_eq!(wallet.json["items"][0]["code"], code.as_str());
    let theirs = shop.coupon("bob", &code).await;
    let nobodys = shop.coupon("bob", "C-9").await;
    for answer in [&theirs, &nobodys] {
        answer.refused(404, "no-such-coupon");
    }
    assert_eq!(theirs.json["detail"], nobodys.json["detail"], "alike");
    let anybody = public(&shop, "GET", &coupon).send().await.unwrap();
    anybody.refused(401, "unauthorized");
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_codes_is_slowed_down_and_then_a_right_one_is_refused_too() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    shop.stock(2).await;
    let (token, code) = signed_in(&shop).await;
    let mut guesses = 0;
    let slowed = loop {
        guesses += 1;
        let guess = format!("books/spring/coupons/GUESS-{guesses}");
        let guess = public(&shop, "GET", &guess).bearer(&token);
        guess.send().await.unwrap();
        let mine = public(&shop, "GET", &format!("books/spring/coupons/{code}"));
        let mine = mine.bearer(&token).send().await.unwrap();
        if mine.status != 200 || guesses == 500 {
            break mine;
        }
    };
    slowed.refused(429, "slow-down");
    let another = shop.coupon("bob", &code).await;
    another.refused(404, "no-such-coupon");
    shop.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_books_alone_and_wrong_fields_are_named() {
    let shop = Shop::open(json!({"title": "Spring"})).await;
    shop.staff("PUT", "books/autumn")
        .json(&json!({"title": "Autumn"}))
        .send()
        .await
        .unwrap()
        .ok(201);
    let url = format!("{}/api/v1/books/autumn/assignments", shop.server.public);
    let outside = Call::new("POST", url).bearer(&shop.key);
    let outside = outside
        .json(&json!({"user_id": "ann"}))
        .send()
        .await
        .unwrap();
    outside.refused(404, "no-such-book");
    for (body, field) in [
        (json!({}), "user_id"),
        (json!({"user_id": "ann", "count": 0}), "count"),
        (
            json!({"user_id": "ann", "count": 2, "code": "C-1"}),
            "count",
        ),
        (json!({"user_id": "ann", "codes": 1}), "codes"),
        (json!({"user_id": "ann", "code": ""}), "code"),
    ] {
        let refused = shop.till("POST", "assignments", body.clone()).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field, "{body}");
    }
    let metadata = json!({"user_id": "ann", "metadata": {"x": "y".repeat(5_000)}});
    let refused = shop.till("POST", "coupons/C-0/redemption", metadata).await;
    assert_eq!(refused.json["field"], "metadata");
    shop.server.stop().await.unwrap();
}
