//! Reconciliation names what was planted, and nothing else.

use domain::event::AckLevel;
use domain::record::{Fact, Record};
use kafka::{Producer, Settings, ensure_topics};
use lua::OutboxReader;
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, place, stopped};
use crate::reconcile::{Cause, Kind, Memory, ReconcileError};

/// Serial, kind and cause of every difference.
async fn named(rig: &Rig, event: &domain::EventId) -> Vec<(u64, Kind, Cause)> {
    let report = rig.verify(event).await;
    let unexplained = report
        .differences
        .iter()
        .filter(|d| d.cause != Cause::OnItsWay);
    let unbalanced = report.balance.is_some_and(|balance| !balance.holds);
    assert_eq!(
        unexplained.count() as u64 + u64::from(unbalanced),
        report.unexplained
    );
    let named = |d: &crate::reconcile::Difference| (d.serial.0, d.kind, d.cause);
    report.differences.iter().map(named).collect()
}

#[tokio::test]
async fn every_planted_difference_is_named_and_nothing_else() {
    let server = Postgres::shared();
    let url = server.database().unwrap();
    let rig = Rig::with(&url, None).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..20).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    assert_eq!(named(&rig, &demo).await, []);

    for sql in [
        "DELETE FROM coupon_issuances WHERE serial = 3",
        "UPDATE coupon_issuances SET code = 'OTHER' WHERE serial = 5",
        "UPDATE coupon_issuances SET holder = 'other' WHERE serial = 7",
        "UPDATE coupon_issuances SET record_id = 'demo:1:999' WHERE serial = 9",
    ] {
        server.execute(&url, sql).unwrap();
    }
    rig.redis_cli(&["HDEL", "coupon:{demo}:issued", place(10).as_str()]);
    let expected = [
        (3, Kind::MissingInLedger, Cause::RowDeleted),
        (5, Kind::CodeDiffers, Cause::Unknown),
        (7, Kind::HolderDiffers, Cause::Unknown),
        (9, Kind::RecordDiffers, Cause::Unknown),
        (11, Kind::MissingInRedis, Cause::Unknown),
    ];
    assert_eq!(named(&rig, &demo).await, expected);
    let report = rig.verify(&demo).await;
    assert_eq!(
        (report.issued.redis, report.issued.log, report.issued.ledger),
        (19, 19, 19)
    );
    let json = serde_json::to_value(&report.differences[0]).unwrap();
    let standing = serde_json::json!({
        "code": "CODE-2", "holder": place(2).as_str(),
        "record_id": report.differences[0].redis.as_ref().unwrap().record_id,
        "issued_at": report.differences[0].redis.as_ref().unwrap().issued_at,
    });
    let expected = serde_json::json!({
        "serial": 3, "kind": "missing-in-ledger", "redis": standing, "log": null, "ledger": null, "cause": "row-deleted",
    });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn what_waits_in_the_outbox_is_on_its_way_and_what_vanished_from_it_is_not() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..5).await;
    let way = |serial| (serial, Kind::MissingInLedger, Cause::OnItsWay);
    assert_eq!(
        named(&rig, &demo).await,
        [way(1), way(2), way(3), way(4), way(5)]
    );
    let report = rig.verify(&demo).await;
    assert_eq!(
        (report.issued.redis, report.issued.log, report.issued.ledger),
        (5, 5, 0)
    );

    let third = report.differences[2].redis.as_ref().unwrap();
    let ordinal = third.record_id.strip_prefix("demo:1:").unwrap();
    rig.redis_cli(&["XDEL", "coupon:{demo}:outbox", &format!("{ordinal}-0")]);
    let lost = (3, Kind::MissingInLedger, Cause::LostOnItsWay);
    assert_eq!(
        named(&rig, &demo).await,
        [way(1), way(2), lost, way(4), way(5)]
    );
    let persister = rig.persist();
    rig.settled(&demo).await;
    // The ledger's mark is past it now: nothing tells it from a row that was taken out.
    let passed = (3, Kind::MissingInLedger, Cause::RowDeleted);
    assert_eq!(named(&rig, &demo).await, [passed]);
    stopped(&persister).await;
}

#[tokio::test]
async fn a_dead_letter_and_an_anomaly_are_named_as_the_cause_and_still_count() {
    let server = Postgres::shared();
    let url = server.database().unwrap();
    let rig = Rig::with(&url, None).await;
    let demo = rig.open("demo").await;
    let codes = ["A", "", "C"].map(str::to_owned);
    rig.issue_codes(&demo, (0..3).zip(codes)).await;
    server
        .execute(
            &url,
            "INSERT INTO coupon_issuances VALUES ('demo', 3, 'X', 'somebody', 'demo:9:9', now())",
        )
        .unwrap();
    let persister = rig.persist();
    rig.settled(&demo).await;
    let expected = [
        (2, Kind::MissingInLedger, Cause::DeadLetter),
        (3, Kind::CodeDiffers, Cause::Anomaly),
    ];
    assert_eq!(named(&rig, &demo).await, expected);
    stopped(&persister).await;
}

#[tokio::test]
async fn the_comparison_is_right_while_the_drop_runs() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    let drop = async {
        for round in 0..30 {
            rig.issue(&demo, round * 20..round * 20 + 20).await;
        }
    };
    let compare = async {
        let mut compared = 0;
        while rig.ledger.issued(&demo).await.unwrap() < 600 {
            assert_eq!(rig.verify(&demo).await.unexplained, 0);
            compared += 1;
        }
        compared
    };
    let ((), compared) = tokio::join!(drop, compare);
    assert!(compared > 1, "compared {compared} times");
    rig.settled(&demo).await;
    assert_eq!(named(&rig, &demo).await, []);
    stopped(&persister).await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_an_error_and_all_events_are_a_report() {
    let rig = Rig::embedded().await;
    let redis = rig.redis.settings();
    let nobody = "nobody".parse().unwrap();
    let mut memory = Memory::default();
    let stations = rig.stations(&redis);
    let asked = stations.reconcile(Some(&nobody), &mut memory).await;
    assert!(
        matches!(asked, Err(ReconcileError::NoSuchEvent(_))),
        "{asked:?}"
    );
    rig.open("spring").await;
    rig.open("autumn").await;
    let all = stations.reconcile(None, &mut memory).await.unwrap();
    let names: Vec<&str> = all
        .events
        .iter()
        .map(|event| event.event.as_str())
        .collect();
    assert_eq!(names, ["autumn", "spring"]);
    assert_eq!(all.unexplained, 0);
    drop(rig.folder);
}

#[tokio::test]
async fn redis_is_not_read_again_while_nothing_is_issued_and_the_ledger_always_is() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..1_003).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    // What is named, and whether Redis' coupons were read for it.
    let mut compared = async || {
        let scans = async || rig.redis.commands().await.unwrap().get("hscan").copied();
        let before = scans().await;
        let report = stations.reconcile(Some(&demo), &mut memory).await.unwrap();
        let event = &report.events[0];
        let named: Vec<u64> = event.differences.iter().map(|d| d.serial.0).collect();
        assert_eq!(named.len() as u64, report.unexplained, "{report:?}");
        assert_eq!(event.issued.ledger + named.len() as u64, event.issued.redis);
        (named, scans().await != before)
    };
    assert_eq!(compared().await, (vec![], true));
    assert_eq!(compared().await, (vec![], false), "nothing happened");
    // One that is known by its hash alone, and one that is looked at one by one.
    for serial in [7, 1_002] {
        rig.sqlite(&format!(
            "CREATE TABLE taken AS SELECT * FROM coupon_issuances WHERE serial = {serial}"
        ));
        rig.sqlite(&format!(
            "DELETE FROM coupon_issuances WHERE serial = {serial}"
        ));
        assert_eq!(compared().await.0, [serial]);
        assert_eq!(
            compared().await,
            (vec![serial], true),
            "looked at until it is mended"
        );
        rig.sqlite("INSERT INTO coupon_issuances SELECT * FROM taken; DROP TABLE taken");
        assert_eq!(compared().await, (vec![], true));
        assert_eq!(compared().await, (vec![], false));
    }
    rig.issue(&demo, 1_003..1_004).await;
    let persister = rig.persist();
    rig.settled(&demo).await;
    stopped(&persister).await;
    assert_eq!(compared().await, (vec![], true), "a coupon was issued");
    assert_eq!(compared().await, (vec![], false));
}

/// Makes records rows behind the persister's back.
async fn commit(rig: &Rig, records: &[&Record]) {
    let step = ledger::Step {
        topic: "planted".to_owned(),
        partition: 0,
        from: 0,
        to: 1,
    };
    let batch = ledger::Batch {
        records,
        step: &step,
    };
    let staged = rig.ledger.stage(batch).await.unwrap();
    staged.commit().await.unwrap();
}

#[tokio::test]
async fn with_kafka_each_station_is_compared() {
    let server = Kafka::shared();
    let settings = Settings::new(server.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = Postgres::shared().database().unwrap();
    let rig = Rig::with(&url, Some(settings.clone())).await;
    let demo = rig.open("differences").await;
    rig.issue(&demo, 0..6).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(demo.clone(), 0)], 100, SOON).await.unwrap();
    // The coupons' records, serial 1 first; the others tell of the event and its line.
    let (coupons, others): (Vec<Record>, Vec<Record>) = read[0]
        .records
        .iter()
        .cloned()
        .partition(|record| matches!(record.fact, Fact::Issued { .. }));
    assert_eq!(coupons.len(), 6);

    // In the log: all but serial 2, serial 4 a second time with another code. In the ledger: all but the last two.
    let producer = Producer::new(&settings).unwrap();
    let forged = |record: &Record| {
        let mut forged = record.clone();
        if let Fact::Issued { coupon, .. } = &mut forged.fact {
            coupon.code = "FORGED".to_owned();
        }
        forged
    };
    producer.send(&others).await.unwrap();
    producer.send(&coupons[..1]).await.unwrap();
    producer.send(&coupons[2..]).await.unwrap();
    producer.send(&[forged(&coupons[3])]).await.unwrap();
    let last = coupons[5].ordinal;
    rig.store
        .raise_watermark(&demo, AckLevel::Log, last)
        .await
        .unwrap();
    rig.store.trim_outbox(&demo, last).await.unwrap();
    let written: Vec<&Record> = others.iter().chain(&coupons[..4]).collect();
    commit(&rig, &written).await;
    rig.store
        .raise_watermark(&demo, AckLevel::Ledger, coupons[4].ordinal)
        .await
        .unwrap();
    let expected = [
        (2, Kind::MissingInLog, Cause::LostInLog),
        (4, Kind::TwiceInLog, Cause::ForgedInLog),
        // Told to be in the ledger, and not there.
        (5, Kind::MissingInLedger, Cause::RowDeleted),
        // In the log, and not yet told to be in the ledger.
        (6, Kind::MissingInLedger, Cause::OnItsWay),
    ];
    assert_eq!(named(&rig, &demo).await, expected);
}
