//! Events of given codes: what the line issues is the book's, each code once, and nobody else gets one.

use std::collections::BTreeSet;

use domain::book::{BookFact, CouponState};
use domain::event::{AckLevel, Event, EventPut};
use domain::record::Fact;
use domain::{EventId, Holder, Phase};
use futures_util::future::join_all;

use super::books::{add, codes, free, make, wants};
use super::{ADMIN, Rig, SOON, id, redeem};
use crate::{
    Assigned, Begun, BookStep, Change, Claim, Claimed, OutboxReader, PutOutcome, Redeemed,
    StepAsked, SteppedCoupon, StockOutcome, Store,
};

/// Puts an event in front of a book with so many free codes.
async fn put(store: &Store, event: &EventId, body: &str, codes: u64) -> PutOutcome {
    let put: EventPut = serde_json::from_str(body).unwrap();
    let event = Event::create_with_codes(event.clone(), put, AckLevel::Redis, codes).unwrap();
    store.put_event(&event, 0, ADMIN).await.unwrap()
}

async fn cancelled(store: &Store, book: &EventId, code: &str) -> SteppedCoupon {
    let asked = StepAsked {
        by: "admin".into(),
        code: code.into(),
        holder: None,
        step: BookStep::Cancel,
        metadata: None,
        once: None,
    };
    store.step_coupon(book, &asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_issues_the_codes_of_its_book_each_once_and_in_random_order() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    let rules = make(store, &spring, r#"{"title":"x"}"#).await;
    let all = codes(0..40);
    add(store, &spring, &all).await;
    let body = r#"{"title":"x","phase":"open","admission":{"rate_per_s":1000}}"#;
    let wrong = put(store, &spring, body, 39).await;
    assert_eq!(wrong, PutOutcome::Conflict, "there are 40");
    let made = put(store, &spring, body, 40).await;
    assert!(matches!(made, PutOutcome::Created(live) if live.remaining == 40));
    rig.enter(&spring, 1..=60).await;
    let admitted = rig.admitted(&spring, 40).await;
    let asking = admitted.iter().map(|place| {
        let (store, spring, asked) = (store.clone(), spring.clone(), redeem(place, "UNUSED"));
        tokio::spawn(async move { store.redeem(&spring, asked).await.unwrap() })
    });
    let mut issues = Vec::new();
    for answer in join_all(asking).await {
        match answer.unwrap() {
            Redeemed::Pass(issue) => issues.push(issue),
            other => panic!("{other:?}"),
        }
    }
    issues.sort_by_key(|issue| issue.coupon.serial);
    let given: Vec<String> = issues
        .iter()
        .map(|issue| issue.coupon.code.clone())
        .collect();
    let distinct: BTreeSet<&String> = given.iter().collect();
    assert_eq!(distinct, all.iter().collect(), "each of them, once");
    assert_ne!(given, all, "at random");
    assert!(free(store, &spring).await.is_empty());
    let again = rig.redeem(&spring, &admitted[0], "UNUSED").await;
    assert!(
        matches!(again, Redeemed::Replayed(issue) if issue.holder == (&admitted[0].place).into())
    );
    for issue in &issues {
        let held = store.book_coupon(&spring, &issue.coupon.code, &issue.holder);
        let (coupon, now) = held.await.unwrap().unwrap();
        assert_eq!(coupon.state(&rules, now), CouponState::Assigned);
    }
    told_before_issued(&rig, &spring).await;
}

/// Whoever waits for the record of an issue waits for the step of its coupon, too.
async fn told_before_issued(rig: &Rig, book: &EventId) {
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(book.clone(), 0)], 1_000, SOON)
        .await
        .unwrap();
    let mut assigned = BTreeSet::new();
    let mut passes = 0;
    for record in &read[0].records {
        match &record.fact {
            Fact::Book(told) => {
                if let BookFact::Stepped(step) = &**told {
                    assert_eq!(step.by, "line");
                    assigned.insert((step.code.clone(), step.holder.clone()));
                }
            }
            Fact::Issued { coupon, holder } => {
                passes += 1;
                assert!(assigned.contains(&(coupon.code.clone(), holder.clone())));
            }
            _ => {}
        }
    }
    assert_eq!((assigned.len(), passes), (40, 40));
}

#[tokio::test]
async fn what_an_event_issues_is_nobody_elses_and_grows_with_its_book() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x","on_cancel":"return"}"#).await;
    add(store, &spring, &codes(0..2)).await;
    let early = store.assign(&spring, &wants(1, 1, None)).await.unwrap();
    assert!(matches!(early, Assigned::Assigned { .. }));
    let job = format!("job_{}A", "a".repeat(21)).parse().unwrap();
    let begun = store.begin_job(&spring, &job, 1, false).await.unwrap();
    assert_eq!(begun, Begun::Begun(1));
    let body = r#"{"title":"x","phase":"open","line":false}"#;
    let busy = put(store, &spring, body, 1).await;
    assert_eq!(busy, PutOutcome::Conflict, "kept for a distribution");
    store.end_job(&spring, &job).await.unwrap();
    let made = put(store, &spring, body, 1).await;
    assert!(matches!(made, PutOutcome::Created(live) if live.remaining == 1));

    nobody_else_gets_one(store, &spring).await;
    add(store, &spring, &codes(10..12)).await;
    let live = store.event(&spring).await.unwrap().unwrap();
    assert_eq!((live.event.stock, live.remaining), (3, 3));

    let claim = async |holder: &str| {
        let holder: Holder = holder.parse().unwrap();
        let code = "UNUSED".to_owned();
        store.claim(&spring, Claim { holder, code }).await.unwrap()
    };
    assert_eq!(
        claim("user 1").await,
        Claimed::LimitReached,
        "has one of the book"
    );
    let Claimed::Claimed { issue, remaining } = claim("user 2").await else {
        panic!("one is free");
    };
    assert_eq!(remaining, 2);
    let code = &issue.coupon.code;
    let done = cancelled(store, &spring, code).await;
    assert!(
        matches!(done, SteppedCoupon::Done { coupon: Some(coupon), .. } if coupon.is_cancelled)
    );
    assert!(!free(store, &spring).await.contains(code), "issued once");
    assert!(matches!(claim("user 2").await, Claimed::AlreadyClaimed(_)));
    for user in ["user 3", "user 4"] {
        assert!(matches!(claim(user).await, Claimed::Claimed { .. }));
    }
    assert_eq!(claim("user 5").await, Claimed::SoldOut);
}

#[tokio::test]
async fn an_event_closes_with_the_book_whose_codes_it_issues() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    let now = store.now().await.unwrap();
    let rules = |ms| format!(r#"{{"title":"x","expires_at":"{}"}}"#, now.plus(ms));
    make(store, &spring, &rules(60_000)).await;
    add(store, &spring, &codes(0..2)).await;
    let body = r#"{"title":"x","phase":"open","admission":{"rate_per_s":1000}}"#;
    let later = body.replace(
        "\"phase\"",
        &format!("\"closes_at\":\"{}\",\"phase\"", now.plus(90_000)),
    );
    put(store, &spring, &later, 2).await;
    let idle = store.admit(&spring, "key", 1).await.unwrap().next_in_ms;
    assert!((501..=60_000).contains(&idle), "{idle}");
    rig.enter(&spring, 1..=2).await;
    let admitted = rig.admitted(&spring, 1).await;

    let held = store.book(&spring).await.unwrap().unwrap();
    let over = serde_json::from_str(&rules(-1)).unwrap();
    let over = held.book.changed(over).unwrap();
    store.put_book(&over, held.version).await.unwrap();
    let refused = rig.redeem(&spring, &admitted[0], "UNUSED").await;
    assert_eq!(refused, Redeemed::EventClosed, "at once");
    store.admit(&spring, "key", 1).await.unwrap();
    let live = store.event(&spring).await.unwrap().unwrap();
    assert_eq!(live.event.phase, Phase::Closed);
    let audit = store.audit(&spring, None, 1).await.unwrap().entries;
    assert_eq!(audit[0].by, "book");
}

/// What the event has not issued yet is not assigned, not dealt, and not added to by a number.
async fn nobody_else_gets_one(store: &Store, book: &EventId) {
    assert_eq!(store.free_codes(book).await.unwrap(), 0);
    for code in [None, Some("CODE-0"), Some("CODE-1")] {
        let asked = store.assign(book, &wants(2, 1, code)).await.unwrap();
        assert!(
            matches!(asked, Assigned::NoneLeft(0) | Assigned::NoSuchCoupon),
            "{asked:?}"
        );
    }
    let change = Change { by: "admin" };
    let refused = store.add_stock(book, 1, change).await.unwrap();
    assert_eq!(refused, StockOutcome::GivenCodes);
}
