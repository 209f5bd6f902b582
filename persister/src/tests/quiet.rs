//! A comparison that listens: of events in which nothing happens nothing is asked, and nothing escapes it.

use domain::EventId;
use tokio::time::Instant;

use super::{Rig, SOON, place, stopped};
use crate::compared::Compared;
use crate::reconcile::{Cause, Memory, Report};

/// Thirty events with three coupons each, and nothing on its way.
async fn thirty(rig: &Rig) -> Vec<EventId> {
    let persister = rig.persist();
    let mut events = Vec::new();
    for n in 0..30 {
        let event = rig.open(&format!("quiet-{n}")).await;
        rig.issue(&event, 10 * n..10 * n + 3).await;
        rig.settled(&event).await;
        events.push(event);
    }
    stopped(&persister).await;
    events
}

/// What a report names.
fn named(report: &Report) -> Vec<(String, u64, Cause)> {
    let named = report.events.iter().flat_map(|event| {
        let each = event.differences.iter();
        each.map(|d| (event.event.to_string(), d.serial.0, d.cause))
    });
    named.collect()
}

#[tokio::test]
async fn of_quiet_events_nothing_is_asked_and_what_somebody_does_to_their_rows_is_named() {
    let rig = Rig::embedded().await;
    let events = thirty(&rig).await;
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let mut memory = Memory::default();
    memory.listen(&rig.store, &redis).await.unwrap();
    // What is named, and how many scripts and scans it took.
    let mut compared = async || {
        let asked = async || {
            let commands = rig.redis.commands().await.unwrap();
            ["evalsha", "hscan", "xread"].map(|name| commands.get(name).copied().unwrap_or(0))
        };
        let before = asked().await;
        let report = stations.reconcile(None, &mut memory).await.unwrap();
        let asked = asked().await.iter().sum::<u64>() - before.iter().sum::<u64>();
        assert_eq!(report.events.len(), 30);
        let named = named(&report);
        assert_eq!(named.len() as u64, report.unexplained, "{report:?}");
        (named, asked)
    };
    let (named, asked) = compared().await;
    assert!(named.is_empty() && asked > 30, "{named:?}, {asked} asked");
    assert_eq!(compared().await, (vec![], 0), "nothing happened");

    let foreign = "INSERT INTO coupon_issuances VALUES ('quiet-3', 9, 'FOREIGN', 'nobody', 'x:1:9', '2026-01-01T00:00:00.000Z')";
    let deleted = "DELETE FROM coupon_issuances WHERE event = 'quiet-5' AND serial = 2";
    let altered =
        "UPDATE coupon_issuances SET code = 'OTHER' WHERE event = 'quiet-7' AND serial = 1";
    for sql in [foreign, deleted, altered] {
        rig.sqlite(sql);
    }
    let planted = [
        ("quiet-3".to_owned(), 9, Cause::ForeignRow),
        ("quiet-5".to_owned(), 2, Cause::RowDeleted),
        ("quiet-7".to_owned(), 1, Cause::Unknown),
    ];
    for _ in ["found", "and found again"] {
        assert_eq!(compared().await.0, planted);
    }

    let persister = rig.persist();
    rig.issue(&events[11], 900..903).await;
    rig.settled(&events[11]).await;
    assert_eq!(compared().await.0, planted, "what is new is heard of");
    stopped(&persister).await;
}

#[tokio::test]
async fn a_comparison_holds_until_somebody_commits_or_a_record_is_told() {
    let rig = Rig::embedded().await;
    let events = thirty(&rig).await;
    let redis = rig.redis.settings();
    let stations = rig.stations(&redis);
    let (mut memory, mut compared) = (Memory::default(), Compared::default());
    memory.listen(&rig.store, &redis).await.unwrap();
    // Does the last one hold? If not, everything is compared.
    let mut holds = async || {
        memory.awake().unwrap().clear();
        let stamp = compared.stamp(&rig.ledger).await;
        let holds = memory.is_still() && compared.holds(stamp.as_deref());
        if !holds {
            let report = stations.reconcile(None, &mut memory).await.unwrap();
            compared.compared(&report, stamp, Instant::now());
        }
        holds
    };
    assert!(!holds().await, "nothing was compared yet");
    assert!(holds().await, "nothing happened");
    let code = |code: &str| {
        format!(
            "UPDATE coupon_issuances SET code = '{code}' WHERE serial = 1 AND event = 'quiet-0'"
        )
    };
    rig.sqlite(&code("OTHER"));
    assert!(!holds().await, "somebody committed");
    assert!(!holds().await, "what differs is looked at again and again");
    rig.sqlite(&code("CODE-0"));
    assert!(!holds().await);
    assert!(holds().await);
    rig.store.enter(&events[4], &place(900)).await.unwrap();
    let heard = async {
        while holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, heard).await.unwrap();
}

#[tokio::test]
async fn a_comparison_that_listens_is_right_while_drops_run() {
    let rig = Rig::embedded().await;
    let events = [rig.open("spring").await, rig.open("autumn").await];
    let persister = rig.persist();
    let drop = async {
        for round in 0..40 {
            // Now and then everything is at rest in between.
            let event = &events[round % 2];
            let first = 10 * round as u64;
            rig.issue(event, first..first + 10).await;
            if round % 3 == 0 {
                rig.settled(event).await;
            }
        }
    };
    let redis = rig.redis.settings();
    let mut memory = Memory::default();
    memory.listen(&rig.store, &redis).await.unwrap();
    let compare = async {
        let mut compared = 0;
        loop {
            let report = rig.stations(&redis).reconcile(None, &mut memory).await;
            let report = report.unwrap();
            assert_eq!(report.unexplained, 0, "{report:?}");
            compared += 1;
            if report.events.iter().all(|event| event.issued.ledger == 200) {
                return compared;
            }
        }
    };
    let ((), compared) = tokio::join!(drop, compare);
    assert!(compared > 10, "compared {compared} times");
    stopped(&persister).await;
}
