//! The whole path in Chromium: from the door to the code, the rate turned up in the console on the way.
#![cfg(test)]

use std::path::Path;

use e2e::{Server, people};
use serde_json::Value;
use tokio::process::Command;

/// How many people stand in line before the browser comes.
const BEFORE: u64 = 12;

/// Walks the path as `browser/path.mjs` says and gives what was seen.
async fn walk(server: &Server, event: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/path.mjs");
    let walked = Command::new("node")
        .arg(script)
        .args([&server.public, &server.ops, event])
        .env("STANCHION_ADMIN_TOKEN", &server.token)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stderr);
    assert!(
        walked.status.success(),
        "the walk through the page failed: {said}"
    );
    serde_json::from_slice(&walked.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_from_the_door_to_the_code_in_a_browser() {
    let server = Server::start().await.unwrap();
    server.open_event("browser", 100, 0.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    for _ in 0..BEFORE {
        let token = people::new_token().unwrap();
        visitor.enter("browser", Some(&token)).await.unwrap();
    }

    let seen = walk(&server, "browser").await;

    assert_eq!(
        seen["complaints"],
        Value::Array(Vec::new()),
        "the pages raised no error"
    );
    let plain = seen["plain"].as_str().unwrap();
    assert!(
        plain.contains(&(BEFORE + 1).to_string()),
        "without JavaScript the number is shown: {plain}"
    );
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

    let code = seen["code"].as_str().unwrap();
    assert_eq!(code.len(), 12, "{code}");
    assert_eq!(seen["codeAfterReload"], code);
    assert!(
        seen["record"].as_str().unwrap().contains("#1 "),
        "{}",
        seen["record"]
    );
    e2e::ledger::agrees(&server, "browser", 1).await.unwrap();
    server.stop().await.unwrap();
}
