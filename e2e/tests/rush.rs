//! A rush for a coupon without a line: everybody is connected before the first one asks. `STANCHION_CLAIMERS` says how many come;
//! there is a coupon for one in ten.
#![cfg(test)]

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use e2e::{Call, Setup, ledger};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLAIMERS: usize = 2_000;
const CLAIMED: &str = "HTTP/1.1 200 OK, ";
const SOLD_OUT: &str = r#"HTTP/1.1 400 Bad Request, {"error":"coupon out of stock"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_connected_and_claims_at_once_and_every_coupon_is_claimed_once() {
    let people = std::env::var("STANCHION_CLAIMERS")
        .map_or(CLAIMERS, |people| people.parse().expect("a number"));
    let coupons = people / 10;
    // Every connection takes a descriptor of this process.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let setup = Setup::new().unwrap().with("--direct-api", "open");
    let server = setup.start().await.unwrap();
    let made = Call::new("POST", format!("{}/api/coupons", server.public));
    let made = made.json(&json!({"name": "RUSH", "amount": coupons}));
    assert_eq!(made.send().await.unwrap().status, 201);

    let door = server.public.trim_start_matches("http://");
    let mut connections = Vec::new();
    for _ in 0..people {
        connections.push(TcpStream::connect(door).await.unwrap());
    }
    let mut claims = JoinSet::new();
    for (nth, connection) in connections.into_iter().enumerate() {
        claims.spawn(claim(connection, nth));
    }
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for answer in claims.join_all().await {
        *answers.entry(answer.unwrap()).or_default() += 1;
    }
    let expected = [(CLAIMED, coupons), (SOLD_OUT, people - coupons)];
    assert_eq!(
        answers,
        expected
            .map(|(told, times)| (told.to_owned(), times))
            .into()
    );
    ledger::agrees(&server, "RUSH", coupons as u64)
        .await
        .unwrap();
    server.stop().await.unwrap();
}

/// Claims for a user of its own; the status line and the body of the answer.
async fn claim(mut connection: TcpStream, nth: usize) -> Result<String> {
    let body = json!({"user_id": format!("user {nth}"), "coupon_name": "RUSH"}).to_string();
    let request = format!(
        "POST /api/coupons/claim HTTP/1.1\r\nhost: rush\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
    let status = head.lines().next().unwrap_or_default();
    Ok(format!("{status}, {body}"))
}
