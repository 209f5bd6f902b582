//! A full outbox: what would make a record for a caller waits, and nobody is held in line by it.

use domain::book::CouponState;
use domain::job::JobId;
use domain::once::Once;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Holder};

use super::books::{add, codes, free, make, wants};
use super::{Rig, id, place};
use crate::{
    Added, Assign, Assigned, BookStep, Deal, Dealt, Look, Settings, StepAsked, SteppedCoupon,
    Store, StoreError, Upload,
};

/// The store as a process sees it whose outboxes may hold no more than this one does.
async fn full(rig: &Rig, event: &EventId) -> (Store, u64) {
    let waiting = rig.store.outbox_length(event).await.unwrap();
    let settings = Settings {
        outbox_max: waiting,
        ..rig.redis.settings()
    };
    (Store::connect(&settings).await.unwrap(), waiting)
}

#[tokio::test]
async fn nobody_is_let_in_and_whoever_wants_to_leaves() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":9,"phase":"open","admission":{"rate_per_s":1000}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=5).await;
    let admitted = rig.admitted(&demo, 1).await;
    let (store, waiting) = full(&rig, &demo).await;
    for _ in 0..3 {
        let round = store.admit(&demo, "key", 9).await.unwrap();
        assert!(round.outbox_full && round.admitted.is_empty(), "{round:?}");
        assert!(round.next_in_ms > 0 && !round.drawing);
    }
    let left = Look::Known(PlaceState::Gone {
        reason: GoneReason::Left,
    });
    for who in [&place(3), &admitted[0].place] {
        assert_eq!(store.leave(&demo, who).await.unwrap(), left);
        assert_eq!(store.leave(&demo, who).await.unwrap(), left, "again");
    }
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), waiting);

    rig.store.trim_outbox(&demo, waiting).await.unwrap();
    let round = store.admit(&demo, "key", 1).await.unwrap();
    assert!(!round.outbox_full);
    let next: Vec<_> = round
        .admitted
        .iter()
        .map(|admitted| &admitted.place)
        .collect();
    assert_eq!(next, [&place(2)], "in order, without those who left");
}

/// A book with codes; somebody has two of them.
async fn book(rig: &Rig) -> (EventId, Vec<String>) {
    let spring = id("spring");
    make(&rig.store, &spring, r#"{"title":"x","max_per_person":5}"#).await;
    add(&rig.store, &spring, &codes(0..10)).await;
    match rig.store.assign(&spring, &wants(1, 2, None)).await.unwrap() {
        Assigned::Assigned { codes, .. } => (spring, codes),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_coupon_of_a_book_moves_until_there_is_room() {
    let rig = Rig::start().await;
    let (spring, held) = book(&rig).await;
    let (store, waiting) = full(&rig, &spring).await;
    let step = async |code: &str, step: BookStep| {
        let asked = StepAsked {
            by: "test".into(),
            code: code.to_owned(),
            holder: None,
            step,
            metadata: None,
            once: None,
        };
        store.step_coupon(&spring, &asked).await
    };
    let lock = BookStep::Lock {
        token: "t".into(),
        lock_s: None,
    };
    for each in [lock, BookStep::Redeem { token: None }, BookStep::Cancel] {
        let refused = step(&held[0], each).await;
        assert_eq!(refused, Err(StoreError::OutboxFull));
    }
    // What is refused anyway, or changes nothing, is answered as ever.
    let taken = store.assign(&spring, &wants(2, 1, Some(&held[1]))).await;
    assert_eq!(taken, Ok(Assigned::NoSuchCoupon));
    let unlocked = BookStep::Unlock { token: "t".into() };
    let unlocked = step(&held[0], unlocked).await;
    assert!(
        matches!(unlocked, Ok(SteppedCoupon::Done { ordinal: None, .. })),
        "{unlocked:?}"
    );
    assert_eq!(rig.store.outbox_length(&spring).await.unwrap(), waiting);

    rig.store.trim_outbox(&spring, waiting).await.unwrap();
    let redeemed = step(&held[0], BookStep::Redeem { token: None }).await;
    assert!(
        matches!(redeemed, Ok(SteppedCoupon::Done { .. })),
        "{redeemed:?}"
    );
    let moved = step(&held[0], BookStep::Redeem { token: None }).await;
    let from = CouponState::Redeemed;
    assert_eq!(moved, Ok(SteppedCoupon::Move { from, to: from }));
}

#[tokio::test]
async fn a_call_that_found_no_room_is_made_by_the_same_call_once_there_is() {
    let rig = Rig::start().await;
    let (spring, _) = book(&rig).await;
    let (store, waiting) = full(&rig, &spring).await;
    let once = Once::new("acc_a", "POST /here", "k", b"one");
    let asked = Assign {
        once: Some(once),
        ..wants(1, 1, None)
    };
    let refused = store.assign(&spring, &asked).await;
    assert_eq!(refused, Err(StoreError::OutboxFull));
    assert_eq!(free(&store, &spring).await.len(), 8);

    rig.store.trim_outbox(&spring, waiting).await.unwrap();
    let given = store.assign(&spring, &asked).await;
    assert!(
        matches!(given, Ok(Assigned::Assigned { .. })),
        "no refusal was kept: {given:?}"
    );
}

#[tokio::test]
async fn no_code_is_added_or_dealt_and_nothing_is_staged_or_kept_in_vain() {
    let rig = Rig::start().await;
    let (spring, _) = book(&rig).await;
    let job: JobId = format!("job_{}A", "a".repeat(21)).parse().unwrap();
    rig.store.begin_job(&spring, &job, 1, true).await.unwrap();
    let (store, waiting) = full(&rig, &spring).await;
    let mut upload = Upload::new(spring.clone(), "two".into(), "test");
    store
        .stage_codes(&mut upload, &codes(10..13))
        .await
        .unwrap();
    let users: [Holder; 1] = ["ann".parse().unwrap()];
    let deal = Deal {
        job: &job,
        by: "test",
        round: 1,
        users: &users,
    };
    assert_eq!(store.add_codes(&upload).await, Err(StoreError::OutboxFull));
    assert_eq!(store.deal(&spring, deal).await, Err(StoreError::OutboxFull));
    assert_eq!(rig.store.outbox_length(&spring).await.unwrap(), waiting);
    assert_eq!(free(&store, &spring).await.len(), 8);

    rig.store.trim_outbox(&spring, waiting).await.unwrap();
    let added = store.add_codes(&upload).await;
    assert!(matches!(added, Ok(Added::Added(_))), "{added:?}");
    let dealt = store.deal(&spring, deal).await;
    assert!(
        matches!(dealt, Ok(Dealt::Dealt { have: 1, .. })),
        "{dealt:?}"
    );
    assert_eq!(free(&store, &spring).await.len(), 10);
}
