//! What was planted is named among thousands of coupons, and mended or refused as documented, on both databases.

use domain::event::AckLevel;
use kafka::{Producer, Settings, ensure_topics};
use lua::OutboxReader;
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, eventually, place, stopped};
use crate::reconcile::{Cause, Kind, Memory, Outcome, Which};
use crate::watch::Watch;

/// So many that all but the last are compared by their hashes.
const COUPONS: u64 = 3_500;

/// Everything that waits in the outbox goes to the log, and the outbox forgets it.
async fn relay(rig: &Rig, event: &domain::EventId) {
    let producer = Producer::new(rig.kafka.as_ref().unwrap()).unwrap();
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(event.clone(), 0)], 10_000, SOON)
        .await
        .unwrap();
    for batch in read {
        producer.send(&batch.records).await.unwrap();
        let last = batch.records.last().unwrap().ordinal;
        rig.store
            .raise_watermark(event, AckLevel::Log, last)
            .await
            .unwrap();
        rig.store.trim_outbox(event, last).await.unwrap();
    }
}

/// Waits until so many coupons are rows.
async fn rows(rig: &Rig, event: &domain::EventId, count: u64) {
    eventually("every coupon is a row", async || {
        rig.ledger.issued(event).await.unwrap() == count
    })
    .await;
}

/// Serial, kind and cause of every difference.
async fn named(rig: &Rig, event: &domain::EventId) -> Vec<(u64, Kind, Cause)> {
    let report = rig.verify(event).await;
    let named = |d: &crate::reconcile::Difference| (d.serial.0, d.kind, d.cause);
    report.differences.iter().map(named).collect()
}

/// Repairs, and tells which serials were mended and which refused.
async fn repaired(rig: &Rig, event: &domain::EventId) -> (Vec<u64>, Vec<u64>) {
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    let report = stations.reconcile(Some(event), &mut memory).await.unwrap();
    let repaired = stations.repair(&report).await.unwrap();
    let (mended, refused): (Vec<_>, Vec<_>) = repaired
        .into_iter()
        .partition(|repaired| matches!(repaired.outcome, Outcome::Mended(_)));
    let serial = |repaired: &crate::reconcile::Repaired| match repaired.coupon {
        Which::Serial(serial) => serial.0,
        Which::Code(_) => panic!("{repaired:?}"),
    };
    let serials = |all: Vec<crate::reconcile::Repaired>| all.iter().map(serial).collect();
    (serials(mended), serials(refused))
}

#[tokio::test]
async fn with_kafka_a_deleted_and_an_altered_row_are_mended_and_foreign_ones_refused_by_name() {
    let (kafka, server) = (Kafka::start().unwrap(), Postgres::shared());
    let settings = Settings::new(kafka.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = server.database().unwrap();
    let rig = Rig::with(&url, Some(settings)).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..COUPONS).await;
    relay(&rig, &demo).await;
    rows(&rig, &demo, COUPONS).await;
    stopped(&persister).await;
    let whole = rig.verify(&demo).await;
    assert_eq!((whole.unexplained, whole.differences.len()), (0, 0));
    assert_eq!(whole.issued.redis, COUPONS);
    assert_eq!((whole.issued.log, whole.issued.ledger), (COUPONS, COUPONS));
    assert!(whole.balance.unwrap().holds);

    for sql in [
        "DELETE FROM coupon_issuances WHERE serial = 1234",
        "UPDATE coupon_issuances SET code = 'ALTERED' WHERE serial = 77",
        "INSERT INTO coupon_issuances VALUES ('demo', 90001, 'FOREIGN', 'nobody', 'demo:1:90001', now())",
        "ALTER TABLE coupon_issuances DROP CONSTRAINT coupon_issuances_event_serial_key",
        "INSERT INTO coupon_issuances VALUES ('demo', 2345, 'DOUBLE', 'double', 'demo:1:90002', now())",
    ] {
        server.execute(&url, sql).unwrap();
    }
    rig.redis_cli(&["HDEL", "coupon:{demo}:issued", place(3_000).as_str()]);
    let expected = [
        (77, Kind::CodeDiffers, Cause::RowAltered),
        (1_234, Kind::MissingInLedger, Cause::RowDeleted),
        (2_345, Kind::TwiceInLedger, Cause::DuplicateRow),
        (3_001, Kind::MissingInRedis, Cause::LostInRedis),
        (90_001, Kind::MissingInRedis, Cause::ForeignRow),
    ];
    assert_eq!(named(&rig, &demo).await, expected);
    let double = &rig.verify(&demo).await.differences[2];
    assert_eq!(double.ledger, double.redis);
    assert_eq!(double.beside[0].code, "DOUBLE");

    let rows = rig.ledger.issued(&demo).await.unwrap();
    let (mended, refused) = repaired(&rig, &demo).await;
    assert_eq!(
        (mended, refused),
        (vec![77, 1_234], vec![2_345, 3_001, 90_001])
    );
    assert_eq!(named(&rig, &demo).await, expected[2..]);
    assert_eq!(
        rig.ledger.issued(&demo).await.unwrap(),
        rows + 1,
        "no row is taken out"
    );
}

#[tokio::test]
async fn without_kafka_a_deleted_row_is_mended_from_redis_and_a_contradiction_refused() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..COUPONS).await;
    rows(&rig, &demo, COUPONS).await;
    stopped(&persister).await;
    assert_eq!(rig.verify(&demo).await.unexplained, 0);
    rig.sqlite(
        "DELETE FROM coupon_issuances WHERE serial = 500;
         UPDATE coupon_issuances SET code = 'ALTERED' WHERE serial = 1600;
         INSERT INTO coupon_issuances VALUES ('demo', 90001, 'FOREIGN', 'nobody', 'demo:1:90001', '2026-01-01T00:00:00.000Z');",
    );
    let expected = [
        (500, Kind::MissingInLedger, Cause::RowDeleted),
        (1_600, Kind::CodeDiffers, Cause::Unknown),
        (90_001, Kind::MissingInRedis, Cause::ForeignRow),
    ];
    assert_eq!(named(&rig, &demo).await, expected);
    let (mended, refused) = repaired(&rig, &demo).await;
    assert_eq!((mended, refused), (vec![500], vec![1_600, 90_001]));
    assert_eq!(named(&rig, &demo).await, expected[1..]);
}

#[tokio::test]
async fn coupons_that_do_not_add_up_are_unexplained_although_each_stands_alike_everywhere() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..5).await;
    rows(&rig, &demo, 5).await;
    assert_eq!(rig.verify(&demo).await.unexplained, 0);
    rig.redis_cli(&["INCR", "coupon:{demo}:stock"]);
    let report = rig.verify(&demo).await;
    assert_eq!((report.unexplained, report.differences.len()), (1, 0));
    assert!(!report.balance.unwrap().holds);
    stopped(&persister).await;
}

#[tokio::test]
async fn a_row_in_the_way_of_a_mend_is_said_and_left() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..3).await;
    rows(&rig, &demo, 3).await;
    stopped(&persister).await;
    rig.sqlite(
        "DELETE FROM coupon_issuances WHERE serial = 2;
         INSERT INTO coupon_issuances VALUES ('demo', 90001, 'CODE-1', 'nobody', 'demo:1:90001', '2026-01-01T00:00:00.000Z');",
    );
    let (mended, refused) = repaired(&rig, &demo).await;
    assert_eq!((mended, refused), (vec![], vec![2, 90_001]));
}

#[tokio::test]
async fn what_is_remembered_of_the_log_is_not_read_again_and_still_compared() {
    let kafka = Kafka::start().unwrap();
    let settings = Settings::new(kafka.brokers());
    ensure_topics(&settings).await.unwrap();
    let rig = Rig::with(&Postgres::shared().database().unwrap(), Some(settings)).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    let redis = rig.redis.settings();
    let mut memory = Memory::default();
    for round in 1..=3 {
        rig.issue(&demo, round * 900..round * 900 + 900).await;
        relay(&rig, &demo).await;
        rows(&rig, &demo, round * 900).await;
        for _ in 0..2 {
            let stations = rig.stations(&redis);
            let report = stations.reconcile(None, &mut memory).await.unwrap();
            assert_eq!(
                (report.unexplained, report.events[0].issued.log),
                (0, round * 900)
            );
        }
    }
    stopped(&persister).await;
}

#[tokio::test]
async fn the_comparison_that_never_ends_compares_until_the_stop() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let lifecycle = rig.persist();
    rig.issue(&demo, 0..3).await;
    rows(&rig, &demo, 3).await;
    let (parts, other) = (rig.parts(&lifecycle), chassis::Lifecycle::new());
    let second = tokio::spawn(Watch::new(&rig.parts(&other)).run());
    eventually("one of them holds the lease", async || {
        let held = lua::Lease::new(&parts.store, "verify", parts.random.as_ref());
        !held.hold().await.unwrap()
    })
    .await;
    other.stop();
    second.await.unwrap();
    stopped(&lifecycle).await;
}
