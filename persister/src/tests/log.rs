//! Kafka as the log.

use std::time::Duration;

use chassis::Lifecycle;
use domain::event::{AckLevel, Event, EventPut};
use domain::record::{Fact, Record};
use domain::{EventId, Millis, RecordId};
use kafka::{Producer, Settings, Topic, ensure_topics};
use lua::OutboxReader;
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, eventually, stopped};
use crate::source::kafka::KafkaSource;

/// A broker of its own (all persisters of one are one group) and a fresh database.
async fn rig(server: &Kafka) -> Rig {
    let settings = Settings::new(server.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = Postgres::shared().database().unwrap();
    Rig::with(&url, Some(settings)).await
}

/// What the relay does: sends everything in the outbox to the log, then lets the outbox forget it.
async fn relay(rig: &Rig, event: &EventId) {
    let producer = Producer::new(rig.kafka.as_ref().unwrap()).unwrap();
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(event.clone(), 0)], 10_000, Duration::ZERO)
        .await
        .unwrap();
    for batch in read {
        while let Err(error) = producer.send(&batch.records).await {
            eprintln!("sent again: {error}");
        }
        let last = batch.records.last().unwrap().ordinal;
        rig.store
            .raise_watermark(event, AckLevel::Log, last)
            .await
            .unwrap();
        rig.store.trim_outbox(event, last).await.unwrap();
    }
}

/// A record that no reader can read: JSON has no number for its rate.
fn unreadable(event: &EventId) -> Record {
    let put = EventPut {
        title: Some("Demo".to_owned()),
        stock: Some(1),
        ..EventPut::default()
    };
    let mut changed = Event::create(event.clone(), put, AckLevel::Log).unwrap();
    changed.admission.rate_per_s = f64::NAN;
    Record {
        id: RecordId::new(event, 1, 9_999),
        event: event.clone(),
        ordinal: 9_999,
        time: Millis(0),
        fact: Fact::Changed(Box::new(changed)),
    }
}

#[tokio::test]
async fn every_coupon_in_the_log_becomes_a_row_and_what_is_no_record_a_dead_letter() {
    let server = Kafka::start().unwrap();
    let rig = rig(&server).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..100).await;
    relay(&rig, &demo).await;
    rig.settled(&demo).await;

    let producer = Producer::new(rig.kafka.as_ref().unwrap()).unwrap();
    producer.send(&[unreadable(&demo)]).await.unwrap();
    rig.issue(&demo, 100..200).await;
    relay(&rig, &demo).await;
    rig.settled(&demo).await;

    let report = rig.verify(&demo).await;
    assert_eq!((report.unexplained, report.differences.len()), (0, 0));
    assert_eq!(
        (report.issued.redis, report.issued.log, report.issued.ledger),
        (200, 200, 200)
    );
    let letters = rig.ledger.dead_letters(0, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(
        letters[0].letter.payload,
        unreadable(&demo).to_json().unwrap()
    );
    assert_eq!(letters[0].letter.key.as_deref(), Some(&b"demo"[..]));
    assert_eq!(letters[0].letter.claimed.ordinal, Some(9_999));
    stopped(&persister).await;
}

#[tokio::test]
async fn a_log_that_comes_twice_is_a_ledger_that_has_it_once() {
    let server = Kafka::start().unwrap();
    let rig = rig(&server).await;
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..50).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(demo.clone(), 0)], 1_000, SOON)
        .await
        .unwrap();
    let producer = Producer::new(rig.kafka.as_ref().unwrap()).unwrap();
    let count = read[0].records.len() as u64;
    producer.send(&read[0].records).await.unwrap();
    producer.send(&read[0].records[10..]).await.unwrap();
    relay(&rig, &demo).await;
    let persister = rig.persist();
    rig.settled(&demo).await;
    eventually("the whole log is read", async || {
        let mut next = 0;
        for partition in 0..Topic::Records.partitions() {
            next += rig
                .ledger
                .next_offset(Topic::Records.name(), partition)
                .await
                .unwrap();
        }
        next == 3 * count - 10
    })
    .await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (50, 0));
    assert!(rig.ledger.anomalies(&demo).await.unwrap().is_empty());
    stopped(&persister).await;
}

#[tokio::test]
async fn a_killed_persister_is_followed_by_one_that_goes_on_where_the_ledger_says() {
    let server = Kafka::start().unwrap();
    let rig = rig(&server).await;
    let demo = rig.open("demo").await;
    for round in 0..3 {
        let lifecycle = Lifecycle::new();
        let settings = rig.kafka.clone().unwrap();
        let source = KafkaSource::new(rig.parts(&lifecycle), settings);
        let killed = tokio::spawn(source.run());
        rig.issue(&demo, round * 100..round * 100 + 100).await;
        relay(&rig, &demo).await;
        eventually("some of them are rows", async || {
            rig.ledger.issued(&demo).await.unwrap() > round * 100
        })
        .await;
        killed.abort();
        let _ = killed.await;
    }
    let persister = rig.persist();
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (300, 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn a_broker_that_is_away_costs_time_and_nothing_else() {
    let server = Kafka::start().unwrap();
    let rig = rig(&server).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    for round in 0..3 {
        rig.issue(&demo, round * 50..round * 50 + 50).await;
        relay(&rig, &demo).await;
        server.stop().unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.start_again().unwrap();
    }
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (150, 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn a_log_made_anew_is_not_read_as_if_it_were_the_old_one() {
    let (old, new) = (Kafka::start().unwrap(), Kafka::start().unwrap());
    let mut rig = rig(&old).await;
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..50).await;
    relay(&rig, &demo).await;
    let persister = rig.persist();
    rig.settled(&demo).await;
    stopped(&persister).await;

    // Another log under the same ledger: its offsets mean other records.
    let settings = Settings::new(new.brokers());
    ensure_topics(&settings).await.unwrap();
    rig.kafka = Some(settings);
    rig.issue(&demo, 50..60).await;
    relay(&rig, &demo).await;
    let lifecycle = Lifecycle::new();
    let source = KafkaSource::new(rig.parts(&lifecycle), rig.kafka.clone().unwrap());
    let refused = tokio::time::timeout(SOON, source.until_it_fails())
        .await
        .unwrap();
    assert!(refused.contains("does not hold the offset"), "{refused}");
    assert_eq!(rig.ledger.issued(&demo).await.unwrap(), 50);
}

#[tokio::test]
async fn two_members_share_the_log_and_one_takes_over_when_the_other_stops() {
    let server = Kafka::start().unwrap();
    let rig = rig(&server).await;
    let mut events = Vec::new();
    for n in 0..8 {
        events.push(rig.open(&format!("event-{n}")).await);
    }
    let (one, other) = (rig.persist(), rig.persist());
    for round in 0..3 {
        for event in &events {
            rig.issue(event, round * 10..round * 10 + 10).await;
            relay(&rig, event).await;
        }
        if round == 1 {
            stopped(&one).await;
        }
    }
    for event in &events {
        rig.settled(event).await;
        let report = rig.verify(event).await;
        assert_eq!((report.issued.ledger, report.unexplained), (30, 0));
    }
    stopped(&other).await;
}
