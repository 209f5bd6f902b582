//! A line in front of a book of given codes: what it issues are the book's codes, and they live on as its coupons.
#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use client::{Frame, Redemption};
use e2e::people::{self, Temper, Turn};
use e2e::{Answer, Call, Server, Story, ledger, until};
use serde_json::{Value, json};

async fn staff(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    let url = format!("{}/api/v1/admin/{path}", server.ops);
    let call = Call::new(method, url).bearer(&server.token);
    let call = if body.is_null() {
        call
    } else {
        call.json(&body)
    };
    call.send().await.unwrap()
}

/// A book of twenty codes, and an open event in front of it.
async fn opened(server: &Server) -> BTreeSet<String> {
    let rules = json!({"title": "Partner codes", "on_cancel": "return"});
    staff(server, "PUT", "books/spring", rules).await.ok(201);
    let book = staff(server, "GET", "books/spring", Value::Null).await;
    assert_eq!(book.json["event"], Value::Null);
    let codes: BTreeSet<String> = (0..20).map(|nth| format!("PARTNER-{nth}")).collect();
    let body = json!({ "codes": codes });
    staff(server, "POST", "books/spring/codes", body)
        .await
        .ok(201);
    let put = json!({"title": "Spring", "phase": "open", "admission": {"rate_per_s": 1_000}});
    let other = json!({"title": "Spring", "book": "winter"});
    for (wrong, field) in [
        (json!({"title": "x", "stock": 7}), "stock"),
        (other, "book"),
    ] {
        let refused = staff(server, "PUT", "events/spring", wrong).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    let made = staff(server, "PUT", "events/spring", put).await;
    made.ok(201);
    assert_eq!(made.json["stock"], json!({"total": 20, "remaining": 20}));
    assert_eq!(made.json["given_codes"], true);
    let add = json!({"add": 1});
    let refused = staff(server, "POST", "events/spring/stock", add).await;
    refused.refused(409, "event-is-live");
    codes
}

/// The codes of the passes, by holder.
fn passes(stories: &[Story]) -> BTreeSet<(String, String)> {
    let passes = stories.iter().filter_map(Story::pass);
    passes
        .map(|pass| (pass.holder.clone(), pass.coupon.code.clone()))
        .collect()
}

/// The coupons of the book that are somebody's, by holder, as the ledger has them.
async fn assigned(server: &Server) -> BTreeSet<(String, String)> {
    let path = "books/spring/coupons?state=assigned";
    let listed = staff(server, "GET", path, Value::Null).await;
    listed.ok(200);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = listed.json["items"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "holder"), text(row, "code")))
        .collect()
}

/// The list tells of the one book there is what the book tells alone, but for how its coupons stand.
async fn is_listed_as_alone(server: &Server, mut alone: Value) {
    alone.as_object_mut().unwrap().remove("coupons");
    let listed = staff(server, "GET", "books", Value::Null).await;
    assert_eq!(listed.json["items"], json!([alone]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_issues_given_codes_which_live_on_as_coupons_also_when_redis_is_emptied() {
    let server = Server::start().await.unwrap();
    let codes = opened(&server).await;
    let visitor = server.visitor().unwrap();
    let second = Duration::from_secs(1);
    let stories = people::crowd(&visitor, "spring", 40, second, Temper::Strict);
    let stories = stories.await.unwrap();
    people::check(&stories).unwrap();
    let passes = passes(&stories);
    let issued: BTreeSet<String> = passes.iter().map(|(_, code)| code.clone()).collect();
    assert_eq!(issued, codes, "all of them, each once");
    ledger::agrees(&server, "spring", 20).await.unwrap();
    assert_eq!(assigned(&server).await, passes);
    let book = staff(&server, "GET", "books/spring", Value::Null).await;
    assert_eq!(book.json["event"], "spring");
    let counts = json!({"unassigned": 0, "assigned": 20, "locked": 0, "redeemed": 0, "expired": 0});
    assert_eq!(book.json["coupons"], counts);
    is_listed_as_alone(&server, book.json).await;
    let history = staff(&server, "GET", "books/spring/history?limit=1", Value::Null).await;
    assert_eq!(history.json["items"][0]["by"], "line");

    emptied(&server);
    let (holder, code) = passes.first().unwrap();
    let used = until(async || {
        let used = redeemed(&server, holder, code).await;
        (used.status == 200).then_some(used)
    });
    assert_eq!(used.await.unwrap().json["remaining"], 0);
    let cancel = format!("books/spring/coupons/{}/cancel", passes.last().unwrap().1);
    let gone = staff(&server, "POST", &cancel, json!({"reason": "fraud"})).await;
    gone.ok(200);
    assert_eq!(gone.json["state"], "expired", "an event issues a code once");

    let more = json!({"codes": ["LATE-1", "LATE-2"]});
    staff(&server, "POST", "books/spring/codes", more)
        .await
        .ok(201);
    let event = staff(&server, "GET", "events/spring", Value::Null).await;
    assert_eq!(event.json["stock"], json!({"total": 22, "remaining": 2}));
    ledger::agrees(&server, "spring", 20).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_come_later_wake_a_line_that_waits_for_returns() {
    let server = Server::start().await.unwrap();
    let visitor = server.visitor().unwrap();
    let rules = json!({"title": "Partner codes"});
    staff(&server, "PUT", "books/spring", rules).await.ok(201);
    let codes = |code: &str| json!({ "codes": [code] });
    let path = "books/spring/codes";
    staff(&server, "POST", path, codes("ONE")).await.ok(201);
    let put = json!({
        "title": "Spring", "phase": "open", "on_sold_out": "keep", "admission": {"rate_per_s": 1_000},
    });
    staff(&server, "PUT", "events/spring", put).await.ok(201);
    let (winner, ticket) = people::admitted(&visitor, "spring").await.unwrap();
    let waiting = people::new_token().unwrap();
    visitor.enter("spring", Some(&waiting)).await.unwrap();
    let mut live = visitor.live("spring", &waiting).await.unwrap();
    // Whoever is told a position is there to hear the rest.
    let position = |frame: &Frame| matches!(frame, Frame::Position { .. });
    people::heard(&mut live, position).await.unwrap();
    visitor.redeem("spring", &ticket, &winner).await.unwrap();
    let sold_out = |frame: &Frame| matches!(frame, Frame::Event { sold_out: true, .. });
    people::heard(&mut live, sold_out).await.unwrap();
    staff(&server, "POST", path, codes("TWO")).await.ok(201);
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    let Turn::Ticket { ticket, .. } = turn else {
        panic!("{turn:?}");
    };
    let redeemed = visitor.redeem("spring", &ticket, &waiting).await.unwrap();
    let Redemption::Pass(pass) = redeemed else {
        panic!("{redeemed:?}");
    };
    assert_eq!(pass.coupon.code, "TWO");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_closes_with_its_book_also_when_nobody_is_in_line() {
    let server = Server::start().await.unwrap();
    opened(&server).await;
    let over = json!({"expires_at": "2026-01-01T00:00:00Z"});
    staff(&server, "PUT", "books/spring", over).await.ok(200);
    let closed = until(async || {
        let event = format!("{}/api/v1/events/spring", server.public);
        let event = Call::new("GET", event).send().await.unwrap();
        (event.json["phase"] == "closed").then_some(())
    });
    closed.await.unwrap();
    let audit = staff(&server, "GET", "events/spring/audit?limit=1", Value::Null).await;
    assert_eq!(audit.json["items"][0]["by"], "book");
    server.stop().await.unwrap();
}

/// Empties the server's own Redis.
fn emptied(server: &Server) {
    let socket = server.data().join("redis").join("redis.sock");
    let mut redis = UnixStream::connect(socket).unwrap();
    redis.write_all(b"FLUSHALL\r\n").unwrap();
    let mut reply = [0; 5];
    redis.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+OK\r\n");
}

/// A till uses the coupon for its holder.
async fn redeemed(server: &Server, holder: &str, code: &str) -> Answer {
    let wanted = json!({"name": "till", "books": ["spring"]});
    let key = staff(server, "POST", "service-keys", wanted).await;
    let path = format!("api/v1/books/spring/coupons/{code}/redemption");
    let call = Call::new("POST", format!("{}/{path}", server.public));
    let call = call.bearer(key.json["key"].as_str().unwrap_or_default());
    call.json(&json!({ "user_id": holder }))
        .send()
        .await
        .unwrap()
}
