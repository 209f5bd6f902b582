//! Calls with an idempotency key: the effect comes once, the reply as often as it is asked for.

use std::collections::BTreeSet;

use domain::EventId;
use domain::once::Once;
use futures_util::future::join_all;

use super::books::{add, codes, free, make, wants};
use super::{ADMIN, Rig, id};
use crate::keys::Keys;
use crate::{Assign, Assigned, BookStep, StepAsked, SteppedCoupon, StockOutcome, Store};

fn once(key: &str, body: &str) -> Once {
    Once::new("acc_a", "POST /here", key, body.as_bytes())
}

async fn given(
    store: &Store,
    book: &EventId,
    count: u32,
    once: impl Into<Option<Once>>,
) -> Assigned {
    let once = once.into();
    let asked = Assign {
        once,
        ..wants(1, count, None)
    };
    store.assign(book, &asked).await.unwrap()
}

async fn book(rig: &Rig) -> EventId {
    let spring = id("spring");
    let put = r#"{"title":"x","max_per_person":5}"#;
    make(&rig.store, &spring, put).await;
    add(&rig.store, &spring, &codes(0..10)).await;
    spring
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_under_one_key_have_one_effect_and_one_answer() {
    let rig = Rig::start().await;
    let spring = book(&rig).await;
    // One coupon is asked for together with others, two are not.
    for count in [1, 2] {
        let key = format!("k{count}");
        let asking = (0..50).map(|_| {
            let (store, spring, key) = (rig.store.clone(), spring.clone(), key.clone());
            tokio::spawn(async move { given(&store, &spring, count, once(&key, "some")).await })
        });
        let mut answers = join_all(asking).await.into_iter().map(Result::unwrap);
        let first = answers.next().unwrap();
        let Assigned::Assigned { codes, .. } = &first else {
            panic!("{first:?}")
        };
        let distinct: BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), count as usize);
        assert!(answers.all(|answer| answer == first));
    }
    assert_eq!(free(&rig.store, &spring).await.len(), 7);

    // Another key, and no key at all, is another call.
    given(&rig.store, &spring, 1, once("l", "some")).await;
    given(&rig.store, &spring, 1, None).await;
    assert_eq!(free(&rig.store, &spring).await.len(), 5);

    let kept = Keys::of(&spring).once(once("k1", "").name());
    let ttl_s: i64 = redis::cmd("TTL")
        .arg(kept)
        .query_async(&mut rig.store.connection())
        .await
        .unwrap();
    assert!((86_000..=86_400).contains(&ttl_s), "{ttl_s}");
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused_and_a_refusal_is_kept() {
    let rig = Rig::start().await;
    let spring = book(&rig).await;
    given(&rig.store, &spring, 1, once("k", "one")).await;
    let other = given(&rig.store, &spring, 2, once("k", "two")).await;
    assert_eq!(other, Assigned::Mismatch);
    assert_eq!(free(&rig.store, &spring).await.len(), 9);

    let over = given(&rig.store, &spring, 5, once("l", "five")).await;
    assert_eq!(over, Assigned::LimitReached);
    make_room(&rig.store, &spring).await;
    assert_eq!(given(&rig.store, &spring, 5, once("l", "five")).await, over);
    assert!(matches!(
        given(&rig.store, &spring, 5, None).await,
        Assigned::Assigned { .. }
    ));
}

/// Takes the one coupon back that was given away.
async fn make_room(store: &Store, book: &EventId) {
    let free = free(store, book).await;
    let code = codes(0..10)
        .into_iter()
        .find(|code| !free.contains(code))
        .unwrap();
    let cancel = StepAsked {
        by: "test".into(),
        code,
        holder: None,
        step: BookStep::Cancel,
        metadata: None,
        once: Some(once("cancel", "")),
    };
    let first = store.step_coupon(book, &cancel).await.unwrap();
    assert!(
        matches!(first, SteppedCoupon::Done { coupon: None, .. }),
        "{first:?}"
    );
    assert_eq!(store.step_coupon(book, &cancel).await.unwrap(), first);
}

#[tokio::test]
async fn stock_is_added_once_for_one_key() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"x","stock":5}"#).await;
    let add = async |count, once: Option<Once>| {
        let added = rig.store.add_stock_once(&demo, count, ADMIN, once.as_ref());
        added.await.unwrap()
    };
    let first = add(3, Some(once("k", "3"))).await;
    assert_eq!(
        first,
        StockOutcome::Added {
            total: 8,
            remaining: 8
        }
    );
    assert_eq!(add(3, Some(once("k", "3"))).await, first);
    assert_eq!(add(4, Some(once("k", "4"))).await, StockOutcome::Mismatch);
    assert_eq!(
        add(3, None).await,
        StockOutcome::Added {
            total: 11,
            remaining: 11
        }
    );
}
