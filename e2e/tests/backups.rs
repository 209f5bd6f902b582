//! A ledger that is put back from a copy of yesterday: what it lacks comes back from the log, or from Redis.
#![cfg(test)]

use std::process::Command;
use std::time::Duration;

use e2e::people::{self, Story, Temper};
use e2e::redis::Redis;
use e2e::{Server, Setup, ledger};
use serde_json::Value;
use testbed::{Kafka, Postgres};

/// So many people come for coupons of which there are more, and each gets one.
async fn served(server: &Server, people: u32) -> Vec<Story> {
    let visitor = server.visitor().unwrap();
    let over = Duration::from_millis(500);
    let stories = people::crowd(&visitor, "drop", people, over, Temper::Strict)
        .await
        .unwrap();
    assert_eq!(people::codes(&stories).len(), people as usize);
    stories
}

/// The database's own program copies the file while it is written.
fn copied(file: &std::path::Path) -> std::path::PathBuf {
    let copy = file.with_extension("copy");
    let order = format!(".backup '{}'", copy.display());
    let copied = Command::new("sqlite3").arg(file).arg(order).status();
    assert!(copied.unwrap().success());
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_copy_lacks_are_named_and_put_back_from_redis() {
    let mut server = Server::start().await.unwrap();
    server.open_event("drop", 100, 500.0).await.unwrap();
    let mut stories = served(&server, 10).await;
    ledger::agrees(&server, "drop", 10).await.unwrap();
    let file = server.data().join("ledger.sqlite");
    let copy = copied(&file);
    stories.extend(served(&server, 15).await);
    ledger::agrees(&server, "drop", 25).await.unwrap();

    server.kill().await.unwrap();
    for left in ["sqlite-wal", "sqlite-shm"] {
        std::fs::remove_file(file.with_extension(left)).unwrap();
    }
    std::fs::rename(copy, &file).unwrap();
    let server = server.start_again().await.unwrap();
    let (said, well) = server.run(&["verify", "--json"]).await.unwrap();
    let report: Value = serde_json::from_str(&said).unwrap();
    assert!(!well && report["unexplained"] == 15, "{report:#}");
    let (said, well) = server.run(&["verify", "--repair"]).await.unwrap();
    assert!(well, "{said}");
    ledger::agrees(&server, "drop", 25).await.unwrap();
    stories.extend(served(&server, 5).await);
    ledger::agrees(&server, "drop", 30).await.unwrap();
    people::check(&stories).unwrap();
    server.stop().await.unwrap();
}

/// A drop on the full stack of which the database's copy, as its own program makes it, knows less than half.
async fn dropped(redis: &Redis, kafka: &Kafka) -> (Server, Vec<Story>, String) {
    let postgres = Postgres::shared();
    let database = postgres.database().unwrap();
    let setup = Setup::new()
        .unwrap()
        .env("STANCHION_REDIS_URL", &redis.url())
        .env("STANCHION_KAFKA_BROKERS", kafka.brokers())
        .env("STANCHION_DATABASE_URL", &database);
    let server = setup.start().await.unwrap();
    server.open_event("drop", 100, 500.0).await.unwrap();
    let mut stories = served(&server, 10).await;
    ledger::agrees(&server, "drop", 10).await.unwrap();
    let copy = postgres.copy(&database).unwrap();
    stories.extend(served(&server, 15).await);
    ledger::agrees(&server, "drop", 25).await.unwrap();
    (server, stories, copy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_database_reads_what_it_lacks_from_the_log() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::shared());
    let (mut server, mut stories, copy) = dropped(&redis, kafka).await;
    server.kill().await.unwrap();
    server.set_env("STANCHION_DATABASE_URL", &copy);
    let server = server.start_again().await.unwrap();
    stories.extend(served(&server, 5).await);
    ledger::agrees(&server, "drop", 30).await.unwrap();
    people::check(&stories).unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_lost_with_the_database_is_put_back_from_its_copy_and_the_log() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let (mut server, mut stories, copy) = dropped(&redis, &kafka).await;
    server.kill().await.unwrap();
    redis.flush().unwrap();
    server.set_env("STANCHION_DATABASE_URL", &copy);
    let server = server.start_again().await.unwrap();
    ledger::agrees(&server, "drop", 25).await.unwrap();
    stories.extend(served(&server, 5).await);
    ledger::agrees(&server, "drop", 30).await.unwrap();
    people::check(&stories).unwrap();
    server.stop().await.unwrap();
}
