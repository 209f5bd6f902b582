//! The outbox as the log.

use domain::Serial;
use domain::event::AckLevel;
use ledger::{Batch, Step};
use lua::OutboxReader;
use testbed::Postgres;

use super::{Rig, SOON, eventually, stopped};
use crate::source::outbox::{OutboxSource, topic_of};

#[tokio::test]
async fn every_coupon_becomes_a_row_is_told_and_is_forgotten_by_the_outbox() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let (spring, summer) = (rig.open("spring").await, rig.open("summer").await);
    rig.issue(&spring, 0..150).await;
    rig.issue(&summer, 150..300).await;
    for event in [&spring, &summer] {
        rig.settled(event).await;
        assert_eq!(rig.ledger.issued(event).await.unwrap(), 150);
        eventually("the outbox is empty", async || {
            rig.store.outbox_length(event).await.unwrap() == 0
        })
        .await;
        let marks = rig.store.watermarks(event).await.unwrap();
        assert_eq!(marks.log, marks.ledger);
        let report = rig.verify(event).await;
        assert_eq!((report.unexplained, report.differences.len()), (0, 0));
        assert_eq!(
            (report.issued.redis, report.issued.log, report.issued.ledger),
            (150, 150, 150)
        );
    }
    let rows = rig.ledger.issuances(&spring, Serial(0), 1).await.unwrap();
    assert_eq!(
        (rows[0].serial, rows[0].code.as_str()),
        (Serial(1), "CODE-0")
    );
    let events = rig.ledger.events().await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].event.definition.title, "Demo");
    stopped(&persister).await;
}

#[tokio::test]
async fn the_stop_hands_over_what_the_last_request_wrote() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.settled(&demo).await;
    rig.issue(&demo, 0..100).await;
    stopped(&persister).await;
    assert_eq!(rig.ledger.issued(&demo).await.unwrap(), 100);
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), 0);
}

#[tokio::test]
async fn a_killed_persister_is_followed_by_one_that_repeats_and_loses_nothing() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    for round in 0..5 {
        let lifecycle = chassis::Lifecycle::new();
        let killed = tokio::spawn(OutboxSource::new(rig.parts(&lifecycle)).run());
        rig.issue(&demo, round * 50..round * 50 + 50).await;
        killed.abort();
        let _ = killed.await;
        // Its lease dies with it, three seconds later; the next one takes over at once here.
        rig.redis_cli(&["DEL", "lease:persister"]);
    }
    let persister = rig.persist();
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (250, 0));
    assert!(rig.ledger.anomalies(&demo).await.unwrap().is_empty());
    stopped(&persister).await;
}

#[tokio::test]
async fn what_was_committed_but_never_told_is_told_by_the_next_persister() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..10).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(demo.clone(), 0)], 100, SOON).await.unwrap();
    let step = Step {
        topic: topic_of(&demo),
        partition: 0,
        from: 0,
        to: read[0].records.last().unwrap().ordinal + 1,
    };
    let batch = Batch {
        records: &read[0].records.iter().collect::<Vec<_>>(),
        step: &step,
    };
    let staged = rig.ledger.stage(batch).await.unwrap();
    staged.commit().await.unwrap();
    assert_eq!(rig.store.watermarks(&demo).await.unwrap().ledger, 0);

    let persister = rig.persist();
    rig.settled(&demo).await;
    eventually("the outbox is empty", async || {
        rig.store.outbox_length(&demo).await.unwrap() == 0
    })
    .await;
    stopped(&persister).await;
}

#[tokio::test]
async fn two_persisters_do_the_work_once() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let (one, other) = (rig.persist(), rig.persist());
    rig.issue(&demo, 0..100).await;
    rig.settled(&demo).await;
    // Whoever holds the lease stops: the other one takes over.
    stopped(&one).await;
    rig.issue(&demo, 100..200).await;
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (200, 0));
    stopped(&other).await;
}

#[tokio::test]
async fn two_persisters_without_a_lease_between_them_do_no_harm() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    let (one, other) = (rig.persist(), rig.persist());
    for round in 0..10 {
        // Each loss of the lease makes a second owner while the first still writes.
        rig.redis_cli(&["DEL", "lease:persister"]);
        rig.issue(&demo, round * 20..round * 20 + 20).await;
    }
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (200, 0));
    assert!(rig.ledger.anomalies(&demo).await.unwrap().is_empty());
    stopped(&one).await;
    stopped(&other).await;
}

#[tokio::test]
async fn a_database_that_is_away_costs_time_and_nothing_else() {
    let server = Postgres::start().unwrap();
    let rig = Rig::with(&server.url(), None).await;
    let demo = rig.open("demo").await;
    let persister = rig.persist();
    rig.issue(&demo, 0..20).await;
    rig.settled(&demo).await;
    let before = rig.store.watermarks(&demo).await.unwrap().ledger;
    server.stop().unwrap();
    rig.issue(&demo, 20..60).await;
    let marks = rig.store.watermarks(&demo).await.unwrap();
    assert_eq!(marks.ledger, before);
    assert!(rig.store.outbox_length(&demo).await.unwrap() >= 40);
    server.start_again().unwrap();
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (60, 0));
    assert!(rig.ledger.dead_letters(0, 10).await.unwrap().is_empty());
    stopped(&persister).await;
}

#[tokio::test]
async fn a_record_that_the_ledger_refuses_is_isolated_and_kept() {
    let rig = Rig::embedded().await;
    let demo = rig.open("demo").await;
    // The ledger takes no coupon without a code.
    let code = |n: u64| {
        if n == 37 {
            String::new()
        } else {
            format!("CODE-{n}")
        }
    };
    rig.issue_codes(&demo, (0..100).map(|n| (n, code(n)))).await;
    let persister = rig.persist();
    rig.settled(&demo).await;
    assert_eq!(rig.ledger.issued(&demo).await.unwrap(), 99);
    let letters = rig.ledger.dead_letters(0, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let record = domain::record::Record::from_json(&letters[0].letter.payload).unwrap();
    assert_eq!(record.ordinal, letters[0].letter.offset);
    assert_eq!(rig.store.buried(&demo).await.unwrap(), [record.ordinal]);
    assert_eq!(letters[0].topic, "outbox:demo");
    stopped(&persister).await;
}

#[tokio::test]
async fn a_waiting_redeem_hears_of_the_commit() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let mut feed = lua::AckFeed::connect(&rig.redis.settings()).await.unwrap();
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..1).await;
    loop {
        let news = tokio::time::timeout(SOON, feed.next())
            .await
            .unwrap()
            .unwrap();
        let issued = rig.ledger.issued(&demo).await.unwrap();
        if news.marks.reached(AckLevel::Ledger, 2) && issued == 1 {
            break;
        }
    }
    stopped(&persister).await;
}
