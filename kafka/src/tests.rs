//! The log on a real broker.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::coupon::Coupon;
use domain::record::{Fact, Record};
use domain::{EventId, Millis, RecordId, Serial};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use testbed::Kafka;

use crate::{
    Consumer, Dead, Heard, LogError, Producer, Settings, Topic, ensure_topics, faults, records_of,
};

async fn ready(server: &Kafka) -> Settings {
    let settings = Settings::new(server.brokers());
    ensure_topics(&settings).await.unwrap();
    settings
}

fn event(name: &str) -> EventId {
    name.parse().unwrap()
}

fn issue(event: &EventId, ordinal: u64) -> Record {
    Record {
        id: RecordId::new(event, 1, ordinal),
        event: event.clone(),
        ordinal,
        time: Millis(1_800_000_000_000),
        fact: Fact::Issued {
            coupon: Coupon {
                code: format!("CODE-{ordinal}"),
                serial: Serial(ordinal),
            },
            holder: format!("holder-{ordinal}").parse().unwrap(),
        },
    }
}

fn issues(event: &EventId, ordinals: std::ops::Range<u64>) -> Vec<Record> {
    ordinals.map(|ordinal| issue(event, ordinal)).collect()
}

async fn ordinals(settings: &Settings, event: &EventId) -> Vec<u64> {
    let mut ordinals = Vec::new();
    records_of(settings, &[event.clone()].into(), |record| {
        ordinals.push(record.unwrap().ordinal);
    })
    .await
    .unwrap();
    ordinals
}

/// The next thing heard, within patience.
async fn heard(consumer: &mut Consumer) -> Result<Heard, LogError> {
    tokio::time::timeout(Duration::from_mins(2), consumer.next(500))
        .await
        .expect("nothing heard")
}

async fn assigned(consumer: &mut Consumer) -> Vec<i32> {
    loop {
        if let Heard::Assigned(mut partitions) = heard(consumer).await.unwrap() {
            partitions.sort_unstable();
            return partitions;
        }
    }
}

/// Reads messages until `count` have come; their offsets by partition.
async fn read(consumer: &mut Consumer, count: usize) -> BTreeMap<i32, Vec<u64>> {
    let mut offsets: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
    while offsets.values().map(Vec::len).sum::<usize>() < count {
        let Heard::Messages(runs) = heard(consumer).await.unwrap() else {
            panic!("the shares changed");
        };
        for run in runs {
            let read = run.messages.into_iter().map(|message| message.offset);
            offsets.entry(run.partition).or_default().extend(read);
        }
    }
    offsets
}

#[tokio::test]
async fn topics_are_made_once_as_promised_and_one_broker_is_a_weakness() {
    let settings = Settings::new(Kafka::shared().brokers());
    let (one, other) = tokio::join!(ensure_topics(&settings), ensure_topics(&settings));
    one.unwrap();
    other.unwrap();
    let client: StreamConsumer = settings.client().set("group.id", "x").create().unwrap();
    for topic in Topic::ALL {
        let held = client
            .fetch_metadata(Some(topic.name()), Duration::from_secs(30))
            .unwrap();
        let partitions = i32::try_from(held.topics()[0].partitions().len()).unwrap();
        assert_eq!(partitions, topic.partitions());
    }
    let faults = faults(&settings).await.unwrap();
    let named: Vec<_> = faults
        .iter()
        .map(|fault| (fault.setting.as_str(), fault.held.as_str()))
        .collect();
    let expected = [
        ("replication of coupon.records", "1"),
        ("replication of coupon.records.dead", "1"),
    ];
    assert_eq!(named, expected);
}

#[tokio::test]
async fn every_record_sent_is_in_the_log_in_the_order_of_its_event() {
    let settings = ready(Kafka::shared()).await;
    let producer = Producer::new(&settings).unwrap();
    let (spring, summer) = (event("order-spring"), event("order-summer"));
    let mut mixed = Vec::new();
    for ordinal in 1..1_001 {
        mixed.push(issue(&spring, ordinal));
        mixed.push(issue(&summer, ordinal));
    }
    for batch in mixed.chunks(300) {
        producer.send(batch).await.unwrap();
    }
    for event in [&spring, &summer] {
        let expected: Vec<u64> = (1..1_001).collect();
        assert_eq!(ordinals(&settings, event).await, expected);
    }
    assert!(ordinals(&settings, &event("order-autumn")).await.is_empty());
}

#[tokio::test]
async fn an_event_is_in_the_partition_where_other_clients_look_for_it() {
    let settings = ready(Kafka::shared()).await;
    let producer = Producer::new(&settings).unwrap();
    // Hashes from the tests of Java's `Utils.murmur2`; the partition is the hash without its sign, modulo 6.
    let known = [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
    ];
    let reader: StreamConsumer = settings.client().set("group.id", "x").create().unwrap();
    for (name, hash) in known {
        let partition = (hash & i32::MAX) % Topic::Records.partitions();
        let end = || {
            let patience = Duration::from_secs(30);
            reader
                .fetch_watermarks(Topic::Records.name(), partition, patience)
                .unwrap()
                .1
        };
        let before = end();
        producer.send(&issues(&event(name), 1..2)).await.unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(Topic::Records.name(), partition, Offset::Offset(before))
            .unwrap();
        reader.assign(&list).unwrap();
        loop {
            let message = reader.recv().await.unwrap();
            if message.key() == Some(name.as_bytes()) {
                break;
            }
            assert!(
                message.offset() + 1 < end(),
                "{name} is not in partition {partition}"
            );
        }
    }
}

#[tokio::test]
async fn a_dead_letter_says_where_it_came_from() {
    let settings = ready(Kafka::shared()).await;
    let dead = Dead {
        partition: 4,
        offset: 17,
        key: Some(b"demo".to_vec()),
        payload: vec![0, 255],
        reason: "not a record".to_owned(),
    };
    let producer = Producer::new(&settings).unwrap();
    producer
        .send_dead(std::slice::from_ref(&dead))
        .await
        .unwrap();
    let reader: StreamConsumer = settings
        .client()
        .set("group.id", "dead-reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    reader.subscribe(&[Topic::Dead.name()]).unwrap();
    let message = reader.recv().await.unwrap();
    assert_eq!(
        (message.key(), message.payload()),
        (Some(&b"demo"[..]), Some(&[0, 255][..]))
    );
    let headers = message.headers().unwrap();
    let held: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|header| (header.key, header.value.unwrap()))
        .collect();
    let expected: [(&str, &[u8]); 4] = [
        ("source-topic", b"coupon.records"),
        ("source-partition", b"4"),
        ("source-offset", b"17"),
        ("reason", b"not a record"),
    ];
    assert_eq!(held, expected);
}

#[tokio::test]
async fn a_message_that_is_no_record_is_given_as_such() {
    let settings = ready(Kafka::shared()).await;
    let strange = event("strange");
    let raw: FutureProducer = settings.client().create().unwrap();
    let message = FutureRecord::to(Topic::Records.name())
        .key("strange")
        .payload("{}");
    raw.send(message, Duration::from_secs(30)).await.unwrap();
    let mut found = Vec::new();
    records_of(&settings, &[strange].into(), |record| {
        found.push(record.is_err());
    })
    .await
    .unwrap();
    assert_eq!(found, [true]);
}

#[tokio::test]
async fn a_consumer_reads_from_where_it_is_told_whatever_the_group_was_told() {
    let server = Kafka::start().unwrap();
    let settings = ready(&server).await;
    let demo = event("demo");
    let producer = Producer::new(&settings).unwrap();
    producer.send(&issues(&demo, 1..101)).await.unwrap();

    let mut consumer = Consumer::join(&settings).unwrap();
    assert_eq!(assigned(&mut consumer).await, [0, 1, 2, 3, 4, 5]);
    consumer
        .read_from(&[0, 1, 2, 3, 4, 5].map(|partition| (partition, 0)))
        .unwrap();
    let offsets = read(&mut consumer, 100).await;
    let (&partition, all) = offsets.first_key_value().unwrap();
    assert_eq!(*all, (0..100).collect::<Vec<_>>());
    consumer.note_progress(partition, 100);

    consumer.read_from(&[(partition, 40)]).unwrap();
    let again = read(&mut consumer, 60).await;
    assert_eq!(again[&partition], (40..100).collect::<Vec<_>>());
    told(&settings, partition, 100).await;
    consumer.note_progress(partition, 50);

    consumer.read_from(&[(partition, 5_000)]).unwrap();
    let lost = heard(&mut consumer).await;
    assert!(matches!(lost, Err(LogError::OffsetLost(_))), "{lost:?}");
    consumer.leave().await.unwrap();
    told(&settings, partition, 50).await;
}

/// Waits until the group was told of this progress.
async fn told(settings: &Settings, partition: i32, next_offset: i64) {
    let group: StreamConsumer = settings
        .client()
        .set("group.id", "stanchion-persister")
        .create()
        .unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let mut list = TopicPartitionList::new();
        list.add_partition(Topic::Records.name(), partition);
        let held = group
            .committed_offsets(list, Duration::from_secs(30))
            .unwrap();
        let held = held.elements()[0].offset();
        if held == Offset::Offset(next_offset) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{held:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn partitions_are_shared_and_taken_over_when_a_member_leaves() {
    let server = Kafka::start().unwrap();
    let settings = ready(&server).await;
    let mut first = Consumer::join(&settings).unwrap();
    assert_eq!(assigned(&mut first).await.len(), 6);
    first.read_from(&[]).unwrap();

    let mut second = Consumer::join(&settings).unwrap();
    assert_eq!(heard(&mut first).await.unwrap(), Heard::Revoked);
    let (mine, yours) = tokio::join!(assigned(&mut first), assigned(&mut second));
    let mut shares = [mine.as_slice(), &yours].concat();
    shares.sort_unstable();
    assert_eq!(shares, [0, 1, 2, 3, 4, 5]);
    assert_eq!((mine.len(), yours.len()), (3, 3));

    first.read_from(&[]).unwrap();
    second.leave().await.unwrap();
    assert_eq!(assigned(&mut first).await.len(), 6);
    first.leave().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_in_between_costs_no_record_and_no_order() {
    let server = Kafka::start().unwrap();
    let settings = ready(&server).await;
    let demo = event("demo");
    let producer = Producer::new(&settings).unwrap();
    let crash = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::block_in_place(|| {
                server.stop().unwrap();
                server.start_again().unwrap();
            });
        }
    };
    let send = async {
        let mut failures = 0;
        for batch in issues(&demo, 1..20_001).chunks(100) {
            while producer.send(batch).await.is_err() {
                failures += 1;
            }
        }
        failures
    };
    let (failures, ()) = tokio::join!(send, crash);
    let read = ordinals(&settings, &demo).await;
    let mut expected = 1;
    for ordinal in &read {
        assert!(
            *ordinal <= expected,
            "{ordinal} came before {expected}, {failures} failures"
        );
        expected = expected.max(ordinal + 1);
    }
    assert_eq!(expected, 20_001);
}
