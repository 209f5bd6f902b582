//! The same drop on the full stack: a real Redis, Kafka and PostgreSQL, all roles in one process and each in its own.
#![cfg(test)]

use std::time::Duration;

use client::{AckLevel, Phase, Redemption, Visitor};
use e2e::people::{self, Temper};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, ledger};
use serde_json::json;
use testbed::{Kafka, Postgres};
use tokio::task::JoinSet;

/// A setup on stores of its own: a Redis, a database, and the shared Kafka under topics of its own making.
fn on(redis: &Redis, kafka: &Kafka, database: &str) -> Setup {
    Setup::new()
        .unwrap()
        .env("STANCHION_REDIS_URL", &redis.url())
        .env("STANCHION_KAFKA_BROKERS", kafka.brokers())
        .env("STANCHION_DATABASE_URL", database)
        .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
}

async fn event(server: &Server, name: &str, stock: u64, ack: &str) {
    let mut put = event_put(stock, 500.0, Phase::Open);
    put.others.insert("ack".into(), json!(ack));
    let organiser = server.organiser().unwrap();
    organiser.put_event(name, &put).await.unwrap();
}

/// `STANCHION_PEOPLE`, or as many as two cores serve in a few seconds.
fn people_of_a_drop() -> u32 {
    let given = std::env::var("STANCHION_PEOPLE").ok();
    given.map_or(500, |people| people.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_is_the_same_in_redis_log_and_ledger_at_every_ack_level() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let database = Postgres::shared().database().unwrap();
    let server = on(&redis, &kafka, &database).start().await.unwrap();
    let visitor = server.visitor().unwrap();
    let people = people_of_a_drop();
    let stock = u64::from(people) * 2 / 5;
    for (ack, level) in [("log", AckLevel::Log), ("ledger", AckLevel::Ledger)] {
        event(&server, ack, stock, ack).await;
        let over = Duration::from_millis(2 * u64::from(people));
        let stories = people::crowd(&visitor, ack, people, over, Temper::Strict)
            .await
            .unwrap();
        people::check(&stories).unwrap();
        assert_eq!(people::codes(&stories).len() as u64, stock);
        let levels = stories.iter().filter_map(|story| Some(story.pass()?.ack));
        assert!(levels.into_iter().all(|reached| reached == level));
        ledger::agrees(&server, ack, stock).await.unwrap();
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_processes_of_their_own_make_the_same_drop() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let database = Postgres::shared().database().unwrap();
    let role = async |name: &str| {
        let setup = on(&redis, &kafka, &database)
            .with("--roles", name)
            .with("--public-url", "http://drop.example");
        setup.start().await.unwrap()
    };
    // No role is ready before a persister has compared Redis with the ledger, so they start side by side.
    let (gateway, admission, issuer, persister) = tokio::join!(
        role("gateway"),
        role("admission"),
        role("issuer"),
        role("persister"),
    );
    assert_eq!(
        admission.public, "",
        "a role without a public door has none"
    );
    event(&admission, "drop", 30, "ledger").await;
    let (line, desk) = (gateway.visitor().unwrap(), issuer.visitor().unwrap());
    let mut people = JoinSet::new();
    for _ in 0..50 {
        people.spawn(one(line.clone(), desk.clone()));
    }
    let mut codes = std::collections::BTreeSet::new();
    while let Some(code) = people.join_next().await {
        codes.extend(code.unwrap());
    }
    assert_eq!(codes.len(), 30);
    ledger::agrees(&admission, "drop", 30).await.unwrap();
    for server in [gateway, admission, issuer, persister] {
        server.stop().await.unwrap();
    }
}

/// One person: in line at one door, redeeming at the other; the code, if there was one for them.
async fn one(line: Visitor, desk: Visitor) -> Option<String> {
    let token = people::new_token().unwrap();
    line.enter("drop", Some(&token)).await.ok()?;
    match people::watch(&line, "drop", &token, &mut Vec::new())
        .await
        .unwrap()
    {
        people::Turn::Ticket { ticket, .. } => {
            let pass = desk.redeem("drop", &ticket, &token).await.unwrap();
            let Redemption::Pass(pass) = pass else {
                panic!("{pass:?}");
            };
            Some(pass.coupon.code)
        }
        people::Turn::Gone(_) => None,
    }
}
