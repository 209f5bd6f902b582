//! Direct events: claims without a line, under any concurrency and any name.

use std::collections::BTreeSet;

use domain::event::AckLevel;
use domain::{EventId, Holder, Phase};
use futures_util::future::join_all;

use super::{ADMIN, Rig, SOON, id, place};
use crate::{AckFeed, Claim, Claimed, Entered, Store};

const OPEN: &str = r#"{"title":"Demo","stock":50,"line":false,"phase":"open"}"#;

fn holder(n: usize) -> Holder {
    format!("user {n}").parse().unwrap()
}

async fn claim(store: &Store, event: &EventId, n: usize, code: usize) -> Claimed {
    let asked = Claim {
        holder: holder(n),
        code: format!("CODE-{code}"),
    };
    store.claim(event, asked).await.unwrap()
}

/// Everyone who claimed, in order.
async fn claims(store: &Store, event: &EventId) -> Vec<Holder> {
    let mut claims = store.direct_event(event).await.unwrap().unwrap().claims;
    let mut all = Vec::new();
    while let Some(page) = claims.next().await.unwrap() {
        all.extend(page);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_500_claims_at_once_on_50_coupons_exactly_50_are_issued_and_listed_in_their_order() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", OPEN).await;
    let asking = (0..500).map(|n| {
        let (store, demo) = (rig.store.clone(), demo.clone());
        tokio::spawn(async move { (n, claim(&store, &demo, n, n).await) })
    });
    let (mut won, mut sold_out) = (Vec::new(), 0);
    for answer in join_all(asking).await {
        match answer.unwrap() {
            (n, Claimed::Claimed { issue, remaining }) => {
                assert_eq!(issue.holder, holder(n), "its own answer");
                assert_eq!(issue.coupon.serial.0 + remaining, 50);
                won.push((issue.coupon.serial.0, issue.holder));
            }
            (_, Claimed::SoldOut) => sold_out += 1,
            (_, other) => panic!("{other:?}"),
        }
    }
    won.sort();
    let serials: Vec<u64> = won.iter().map(|(serial, _)| *serial).collect();
    assert_eq!((serials, sold_out), ((1..=50).collect(), 450));
    let holders: Vec<Holder> = won.into_iter().map(|(_, holder)| holder).collect();
    assert_eq!(claims(&rig.store, &demo).await, holders);
    let event = rig.store.direct_event(&demo).await.unwrap().unwrap();
    assert_eq!((event.total, event.remaining, event.claimed), (50, 0, 50));
    assert_eq!(
        rig.store.outbox_length(&demo).await.unwrap(),
        51,
        "made, and 50 issues"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_claims_many_times_at_once_has_one_coupon_and_hears_of_it_when_all_are_gone() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", &OPEN.replace("50", "2")).await;
    let asking = (0..100).map(|code| {
        let (store, demo) = (rig.store.clone(), demo.clone());
        tokio::spawn(async move { claim(&store, &demo, 1, code).await })
    });
    let (mut first, mut issues) = (0, BTreeSet::new());
    for answer in join_all(asking).await {
        match answer.unwrap() {
            Claimed::Claimed { issue, .. } => {
                first += 1;
                issues.insert(issue.record_id);
            }
            Claimed::AlreadyClaimed(issue) => {
                issues.insert(issue.record_id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((first, issues.len()), (1, 1));
    let last = claim(&rig.store, &demo, 2, 200).await;
    assert!(matches!(last, Claimed::Claimed { remaining: 0, .. }));
    let again = claim(&rig.store, &demo, 1, 201).await;
    assert!(matches!(again, Claimed::AlreadyClaimed(_)), "{again:?}");
    assert_eq!(claim(&rig.store, &demo, 3, 202).await, Claimed::SoldOut);
    rig.store.add_stock(&demo, 1, ADMIN).await.unwrap();
    let taken = claim(&rig.store, &demo, 3, 200).await;
    assert_eq!(taken, Claimed::CodeTaken, "nothing happened");
    let new = claim(&rig.store, &demo, 3, 203).await;
    assert!(matches!(new, Claimed::Claimed { .. }), "{new:?}");
    assert_eq!(
        rig.store.issue_of(&demo, &holder(9)).await.unwrap(),
        None,
        "who never claimed has none"
    );
}

#[tokio::test]
async fn only_an_open_event_without_a_line_gives_coupons_to_claim() {
    let rig = Rig::start().await;
    let demo = id("demo");
    assert_eq!(claim(&rig.store, &demo, 1, 1).await, Claimed::NoSuchEvent);
    rig.make("demo", r#"{"title":"Demo","stock":5,"line":false}"#)
        .await;
    for phase in [Phase::Draft, Phase::Lobby, Phase::Open, Phase::Paused] {
        rig.phase(&demo, phase).await;
        let claimed = claim(&rig.store, &demo, 1, 1).await;
        match phase {
            Phase::Open => assert!(matches!(claimed, Claimed::Claimed { .. }), "{claimed:?}"),
            Phase::Paused => assert!(matches!(claimed, Claimed::AlreadyClaimed(_))),
            _ => assert_eq!(claimed, Claimed::NotOpen(phase)),
        }
    }
    let paused = claim(&rig.store, &demo, 2, 2).await;
    assert_eq!(paused, Claimed::NotOpen(Phase::Paused));
    rig.make("line", r#"{"title":"Line","stock":5,"phase":"open"}"#)
        .await;
    let line = id("line");
    assert_eq!(claim(&rig.store, &line, 1, 1).await, Claimed::HasALine);
    assert!(rig.store.direct_event(&line).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_enters_a_direct_event_and_admission_keeps_its_schedule_alone() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make(
        "demo",
        r#"{"title":"Demo","stock":5,"line":false,"phase":"open","closes_at":"2026-01-01T00:00:00Z"}"#,
    )
    .await;
    let entered = rig.store.enter(&demo, &place(1)).await.unwrap();
    assert_eq!(entered, Entered::NoLine);
    let round = rig.store.admit(&demo, "key", 10).await.unwrap();
    assert!(round.admitted.is_empty());
    let live = rig.store.event(&demo).await.unwrap().unwrap();
    assert_eq!(live.event.phase, Phase::Closed, "its time had come");
}

#[tokio::test]
async fn a_name_of_any_kind_is_one_event_whose_acknowledgements_are_heard() {
    let rig = Rig::start().await;
    let mut feed = AckFeed::connect(&rig.redis.settings()).await.unwrap();
    for name in ["Black Friday {50%}", "}", "券 7 8", "demo", "DEMO"] {
        let event = domain::event::Event::direct(id(name), 5, AckLevel::Redis);
        rig.store.put_event(&event, 0, ADMIN).await.unwrap();
        let claimed = claim(&rig.store, &id(name), 1, 1).await;
        let Claimed::Claimed { issue, remaining } = claimed else {
            panic!("{name}: {claimed:?}");
        };
        assert_eq!((issue.ordinal, remaining), (2, 4), "{name}");
        rig.store
            .raise_watermark(&id(name), AckLevel::Log, 2)
            .await
            .unwrap();
        let told = tokio::time::timeout(SOON, feed.next()).await.unwrap();
        let told = told.unwrap();
        assert_eq!(told.event, id(name));
        assert_eq!(told.marks.log, 2);
    }
}

#[tokio::test]
async fn a_long_list_of_claims_is_read_in_pieces_up_to_where_it_was() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", &OPEN.replace("50", "3000")).await;
    for first in (0..2_500).step_by(50) {
        let asking = (first..first + 50).map(|n| claim(&rig.store, &demo, n, n));
        join_all(asking).await;
    }
    let event = rig.store.direct_event(&demo).await.unwrap().unwrap();
    claim(&rig.store, &demo, 2_999, 2_999).await;
    let (mut claims, mut all, mut pieces) = (event.claims, Vec::new(), 0);
    while let Some(page) = claims.next().await.unwrap() {
        all.extend(page);
        pieces += 1;
    }
    assert_eq!((all.len(), pieces), (2_500, 3), "none that came later");
    let distinct: BTreeSet<&Holder> = all.iter().collect();
    assert_eq!(distinct.len(), 2_500);
    for holder in [&all[0], &all[1_000], &all[2_499]] {
        let issue = rig.store.issue_of(&demo, holder).await.unwrap().unwrap();
        let nth = all.iter().position(|one| one == holder).unwrap();
        assert_eq!(issue.coupon.serial.0, nth as u64 + 1);
    }
}
