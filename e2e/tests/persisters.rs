//! The way from the log into the ledger, whatever stands in it: a killed persister, records that the database refuses, rows
//! that somebody changed.
#![cfg(test)]

use std::time::Duration;

use client::Phase;
use e2e::people::{self, Temper};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, ledger, until};
use serde_json::{Value, json};
use testbed::{Kafka, Postgres};

fn on(redis: &Redis, kafka: &Kafka, database: &str) -> Setup {
    Setup::new()
        .unwrap()
        .env("STANCHION_REDIS_URL", &redis.url())
        .env("STANCHION_KAFKA_BROKERS", kafka.brokers())
        .env("STANCHION_DATABASE_URL", database)
        .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
}

async fn event(server: &Server, name: &str, stock: u64) {
    let mut put = event_put(stock, 500.0, Phase::Open);
    put.others.insert("ack".into(), json!("log"));
    let organiser = server.organiser().unwrap();
    organiser.put_event(name, &put).await.unwrap();
}

/// `stanchion ctl dead …`, as JSON.
async fn dead(server: &Server, order: &[&str]) -> Value {
    let arguments = [&["ctl", "--ops-url", &server.ops, "--json", "dead"], order].concat();
    let (said, well) = server.run(&arguments).await.unwrap();
    assert!(well, "{said}");
    serde_json::from_str(&said).unwrap()
}

/// `stanchion verify --json …`, and whether nothing was unexplained.
async fn verify(server: &Server, how: &[&str]) -> (Value, bool) {
    let (said, well) = server
        .run(&[&["verify", "--json"], how].concat())
        .await
        .unwrap();
    (serde_json::from_str(&said).unwrap(), well)
}

/// Waits until the process that compares all the time counts so many differences.
async fn watched(server: &Server, unexplained: u64) {
    let url = format!("{}/metrics", server.ops);
    let line = format!("stanchion_unexplained {unexplained}");
    until(async || {
        let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
        metrics.lines().any(|told| told == line).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_persisters_one_is_killed_and_every_pass_is_a_row_once() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let database = Postgres::shared().database().unwrap();
    let role = async |roles: &str| {
        let setup = on(&redis, &kafka, &database)
            .with("--roles", roles)
            .with("--public-url", "http://drop.example");
        setup.start().await.unwrap()
    };
    let (mut one, other) = (role("persister").await, role("persister").await);
    // The others wait until a persister has recognised Redis.
    let front = role("gateway,admission,issuer").await;
    for name in ["one", "two", "three", "four"] {
        event(&front, name, 100).await;
    }
    let visitor = front.visitor().unwrap();
    let drops = ["one", "two", "three", "four"].map(|name| {
        let visitor = visitor.clone();
        tokio::spawn(async move {
            let over = Duration::from_secs(2);
            people::crowd(&visitor, name, 120, over, Temper::Steadfast).await
        })
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    one.kill().await.unwrap();
    for (name, drop) in ["one", "two", "three", "four"].into_iter().zip(drops) {
        let stories = drop.await.unwrap().unwrap();
        people::check(&stories).unwrap();
        assert_eq!(people::codes(&stories).len(), 100);
        ledger::agrees(&front, name, 100).await.unwrap();
    }
    for server in [front, other] {
        server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_waits_among_the_dead_letters_and_lands_after_a_mend() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let postgres = Postgres::shared();
    let database = postgres.database().unwrap();
    let server = on(&redis, &kafka, &database).start().await.unwrap();
    let odd = "ALTER TABLE coupon_issuances ADD CONSTRAINT odd CHECK (serial % 10 <> 3)";
    postgres.execute(&database, odd).unwrap();
    event(&server, "drop", 50).await;
    let visitor = server.visitor().unwrap();
    let over = Duration::from_secs(1);
    let stories = people::crowd(&visitor, "drop", 60, over, Temper::Strict)
        .await
        .unwrap();
    assert_eq!(people::codes(&stories).len(), 50);

    let organiser = server.organiser().unwrap();
    until(async || {
        let letters = organiser.dead_letters(None).await.ok()?;
        (letters.items.len() == 5).then_some(())
    })
    .await
    .unwrap();
    watched(&server, 5).await;
    let letters = dead(&server, &["list"]).await;
    let id = letters[0]["id"].to_string();
    assert!(letters[0]["reason"].as_str().unwrap().contains("odd"));
    let shown = dead(&server, &["show", &id]).await;
    assert!(shown["payload"].as_str().unwrap().contains("coupon.issued"));
    let (report, well) = verify(&server, &["--repair"]).await;
    assert!(!well);
    assert_eq!(report["repairs"][0]["outcome"], "refused");
    assert_eq!(
        report["events"][0]["differences"][0]["cause"],
        "dead-letter"
    );

    let early = dead(&server, &["redrive", &id]).await;
    assert!(
        early[0]["refused"].as_str().unwrap().contains("odd"),
        "{early}"
    );
    let mend = "ALTER TABLE coupon_issuances DROP CONSTRAINT odd";
    postgres.execute(&database, mend).unwrap();
    let landed = dead(&server, &["redrive", "--all"]).await;
    let outcomes = landed.as_array().unwrap().iter();
    let outcomes: Vec<_> = outcomes.map(|end| end["outcome"].clone()).collect();
    assert_eq!(outcomes, vec![json!("landed"); 5]);
    assert_eq!(dead(&server, &["list"]).await, json!([]));
    ledger::agrees(&server, "drop", 50).await.unwrap();
    watched(&server, 0).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_rows_are_named_by_the_process_that_serves_and_repaired_or_refused() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let postgres = Postgres::shared();
    let database = postgres.database().unwrap();
    let server = on(&redis, &kafka, &database).start().await.unwrap();
    event(&server, "drop", 20).await;
    let visitor = server.visitor().unwrap();
    let over = Duration::from_millis(500);
    people::crowd(&visitor, "drop", 25, over, Temper::Strict)
        .await
        .unwrap();
    ledger::agrees(&server, "drop", 20).await.unwrap();
    watched(&server, 0).await;
    for sql in [
        "DELETE FROM coupon_issuances WHERE serial = 4",
        "UPDATE coupon_issuances SET code = 'ALTERED' WHERE serial = 9",
        "INSERT INTO coupon_issuances VALUES ('drop', 99, 'FOREIGN', 'nobody', 'drop:1:99', now())",
        "ALTER TABLE coupon_issuances DROP CONSTRAINT coupon_issuances_event_serial_key",
        "INSERT INTO coupon_issuances VALUES ('drop', 12, 'DOUBLE', 'double', 'drop:1:98', now())",
    ] {
        postgres.execute(&database, sql).unwrap();
    }
    watched(&server, 4).await;
    let (report, well) = verify(&server, &["--repair", "--event", "drop"]).await;
    assert!(!well, "two rows are nobody's to take out");
    let outcomes: Vec<(u64, &str)> = report["repairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|end| {
            (
                end["serial"].as_u64().unwrap(),
                end["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (4, "mended"),
            (9, "mended"),
            (12, "refused"),
            (99, "refused")
        ]
    );
    let left = report["events"][0]["differences"].as_array().unwrap();
    let causes: Vec<&Value> = left.iter().map(|difference| &difference["cause"]).collect();
    assert_eq!(causes, [&json!("duplicate-row"), &json!("foreign-row")]);
    watched(&server, 2).await;
    server.stop().await.unwrap();
}
