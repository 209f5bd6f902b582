//! Whole paths in Chromium: from the door to the code, the rate turned up in the console on the way; and through an account, from
//! signing up to a coupon that was used; and on a small phone through what may happen to a line.
#![cfg(test)]

use std::path::Path;

use client::Phase;
use e2e::server::event_put;
use e2e::{Call, Server, people};
use serde_json::{Value, json};
use tokio::process::Command;

/// How many people stand in line before the browser comes.
const BEFORE: u64 = 12;

/// Walks as the script says and gives what was seen.
async fn walk(script: &str, server: &Server, more: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let walked = Command::new("node")
        .arg(folder.join(script))
        .args([&server.public, &server.ops])
        .args(more)
        .env("STANCHION_ADMIN_TOKEN", &server.token)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stderr);
    assert!(
        walked.status.success(),
        "the walk through the pages failed: {said}"
    );
    let seen: Value = serde_json::from_slice(&walked.stdout).unwrap();
    assert_eq!(seen["complaints"], json!([]), "the pages raised no error");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_from_the_door_to_the_code_in_a_browser() {
    let server = Server::start().await.unwrap();
    // Those before count as there for as long as a browser on a busy machine may take.
    let mut put = event_put(100, 0.0, Phase::Open);
    put.others.insert("presence_s".into(), json!(3_600));
    put.admission.ticket_ttl_s = Some(3_600);
    server
        .organiser()
        .unwrap()
        .put_event("browser", &put)
        .await
        .unwrap();
    let visitor = server.visitor().unwrap();
    for _ in 0..BEFORE {
        let token = people::new_token().unwrap();
        visitor.enter("browser", Some(&token)).await.unwrap();
    }

    let seen = walk("path.mjs", &server, &["browser"]).await;

    let plain = seen["plain"].as_str().unwrap();
    assert!(
        plain.contains(&(BEFORE + 1).to_string()),
        "without JavaScript the number is shown: {plain}"
    );
    let account = seen["plainAccount"].as_str().unwrap();
    assert!(account.contains("Switch it on"), "{account}");
    let mine = BEFORE + 2;
    for moment in ["first", "secondTab", "reloaded"] {
        assert_eq!(seen[moment], mine, "{moment}");
    }
    let positions: Vec<u64> = seen["positions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    assert!(
        positions.is_sorted_by(|before, after| before >= after),
        "the number never rises: {positions:?}"
    );
    assert!(
        positions.iter().any(|position| *position < mine),
        "the number falls: {positions:?}"
    );

    both_have_codes(&seen);
    e2e::ledger::agrees(&server, "browser", 2).await.unwrap();
    server.stop().await.unwrap();
}

/// The one with JavaScript, and the one without.
fn both_have_codes(seen: &Value) {
    let code = seen["code"].as_str().unwrap();
    assert_eq!(code.len(), 12, "{code}");
    assert_eq!(seen["codeAfterReload"], code);
    assert!(
        seen["record"].as_str().unwrap().contains("#1 "),
        "{}",
        seen["record"]
    );
    let plain = seen["plainCode"].as_str().unwrap();
    assert_eq!(plain.len(), 12, "redeemed without JavaScript: {plain}");
    assert_ne!(plain, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_line_is_told_of_the_draw_a_pause_a_lost_network_and_the_last_coupon_on_a_small_phone()
 {
    let server = Server::start().await.unwrap();
    for (event, phase, order) in [
        ("drawn", Phase::Lobby, "draw"),
        ("last", Phase::Open, "fifo"),
    ] {
        let mut put = event_put(1, 0.0, phase);
        put.others.insert("order".into(), json!(order));
        // Those before us count as there for as long as a browser on a busy machine may take.
        put.others.insert("presence_s".into(), json!(3_600));
        let organiser = server.organiser().unwrap();
        organiser.put_event(event, &put).await.unwrap();
    }

    let seen = walk("line.mjs", &server, &["drawn", "last"]).await;

    let lobby = seen["lobby"].as_str().unwrap();
    assert!(lobby.contains("3 others are here"), "{lobby}");
    assert!(!lobby.contains("behind you"), "{lobby}");
    let first = seen["first"].as_u64().unwrap();
    assert!((1..=4).contains(&first), "{first}");
    let draw = seen["draw"].as_str().unwrap();
    assert!(
        draw.starts_with("It is right") && draw.ends_with(&format!("as number {first}.")),
        "{draw}"
    );
    assert_eq!(seen["secondTab"], first, "another tab shows the same place");
    assert_eq!(seen["paused"]["number"], first, "a pause keeps the place");
    assert_eq!(seen["paused"]["title"], format!("Paused · {first} · Drop"));
    let goes_on = if first == 1 {
        "You are next."
    } else {
        "The line moves."
    };
    assert_eq!(seen["goesOn"], goes_on);
    assert_eq!(
        seen["away"],
        json!({ "number": first, "said": "Reconnecting… Your place is safe." })
    );
    assert_eq!(seen["back"], json!({ "number": 1, "said": "" }));

    assert_eq!(seen["behind"], 2);
    let sold_out = seen["soldOut"].as_str().unwrap();
    assert!(sold_out.contains("no need to stay"), "{sold_out}");
    assert_eq!(seen["soldOutTitle"], "The one coupon is gone · Drop");
    assert_eq!(seen["unfit"], json!([]), "everything fits 360 px");
    e2e::ledger::agrees(&server, "last", 1).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_locks_a_coupon_and_uses_it_and_staff_keep_the_book_in_a_browser() {
    let server = Server::start().await.unwrap();
    let admin = async |method: &str, path: &str, body: Value| {
        let call = Call::new(method, format!("{}/api/v1/admin/{path}", server.ops));
        let answer = call.bearer(&server.token).json(&body).send().await;
        answer.unwrap().ok(201);
    };
    let book = json!({ "title": "Summer", "max_per_person": 2 });
    admin("PUT", "books/summer", book).await;
    let codes = json!({ "codes": ["SUMMER-1", "SUMMER-2", "SUMMER-3"] });
    admin("POST", "books/summer/codes", codes).await;
    let (staff, password) = ("boss@example.org", "a password of some length");
    let boss = json!({ "email": staff, "password": password, "role": "admin" });
    admin("POST", "accounts", boss).await;

    let seen = walk("account.mjs", &server, &["summer", staff, password]).await;

    in_the_wallet(&seen);
    in_the_console(&seen);
    as_an_operator(&seen);

    let url = format!("{}/api/v1/admin/events/spring-drop", server.ops);
    let about = seen["about"].as_str().unwrap();
    assert!(about.starts_with("spring-drop · opens at "), "{about}");
    let made = Call::get(&url, &server.token).await.unwrap().json;
    assert_eq!(seen["titleMeanwhile"], "Spring drop");
    let told = json!({
        "phase": "paused", "order": "draw", "title": "Spring drop, first batch",
        "opens_at": seen["opensAt"], "closes_at": seen["closesAt"],
    });
    for (name, value) in told.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name} of {made}");
    }

    let url = format!("{}/api/v1/admin/books/summer/history", server.ops);
    let history = Call::get(&url, &server.token).await.unwrap();
    let steps: Vec<&str> = history.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["code"] == seen["code"])
        .map(|step| step["to"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["assigned", "locked", "redeemed"]);
    server.stop().await.unwrap();
}

/// What the person saw of their coupons.
fn in_the_wallet(seen: &Value) {
    assert_eq!(seen["coupons"], 2);
    assert_eq!(seen["before"], "Ready to use");
    let locked = seen["locked"].as_str().unwrap();
    assert!(locked.starts_with("Locked for you, "), "{locked}");
    assert_eq!(
        seen["elsewhere"], false,
        "a tab without the lock cannot use it"
    );
    assert_eq!(seen["told"], "The coupon is used.");
    let stored = seen["stored"].as_str().unwrap();
    assert!(
        !stored.contains("eyJ") && !stored.contains("stanchion-session="),
        "no script can read a credential: {stored}"
    );
    let code = seen["code"].as_str().unwrap();
    let rejected = seen["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 2, "{rejected:?}");
    assert!(rejected[0].as_str().unwrap().contains(code), "{rejected:?}");
    let taken_back = seen["takenBack"].as_str().unwrap();
    assert!(taken_back.contains("unassigned"), "{taken_back}");
}

/// What staff saw of the book, and of people.
fn in_the_console(seen: &Value) {
    assert_eq!(
        seen["level"], "in the ledger",
        "what the installation says, until the book has its own"
    );
    assert_eq!(seen["dealt"], "2 coupons went to 2 people; 0 got nothing.");
    assert_eq!(seen["used"], "1", "the book tells how its coupons stand");
    let given = seen["report"]["given"].as_object().unwrap();
    let ids: Vec<&str> = given.keys().map(String::as_str).collect();
    assert_eq!(ids, ["kim", "lee"]);
    let refused = seen["refused"].as_str().unwrap();
    assert!(refused.starts_with("Must be later"), "{refused}");
    assert_eq!(seen["refusedAt"], "closes_at", "the keyboard goes there");
    assert_eq!(seen["role"], "user");
    assert!(seen["docs"].as_str().unwrap().ends_with("the API"));
    assert_eq!(seen["docsWide"], 0);
}

/// What an operator on a phone was offered, and what not.
fn as_an_operator(seen: &Value) {
    let told = json!({
        "rooms": ["Events", "Books", "Pools", "Dead letters", "Limits"],
        "first": "Open…", "onFirstScreen": true, "offered": 0, "fields": 0,
    });
    assert_eq!(seen["operator"], told);
}
