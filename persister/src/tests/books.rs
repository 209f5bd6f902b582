//! Books in the ledger and back again: what Redis lost of one is put back with everything that its holders have.

use domain::Millis;
use domain::book::{Book, BookPut, CouponState};
use domain::event::AckLevel;
use lua::{
    Added, Assign, Assigned, BookStep, PutBook, Standing, StepAsked, SteppedCoupon, Store, Upload,
};

use super::{Rig, eventually, stopped};

fn wants(who: &str, code: &str) -> Assign {
    Assign {
        by: "test".into(),
        holder: who.parse().unwrap(),
        count: 1,
        code: Some(code.into()),
        once: None,
    }
}

fn step(who: Option<&str>, code: &str, step: BookStep) -> StepAsked {
    StepAsked {
        by: "test".into(),
        code: code.into(),
        holder: who.map(|who| who.parse().unwrap()),
        step,
        metadata: None,
        once: None,
    }
}

async fn redeem(store: &Store, book: &Book, who: &str, code: &str) -> SteppedCoupon {
    let redeem = BookStep::Redeem { token: None };
    let asked = step(Some(who), code, redeem);
    store.step_coupon(&book.book, &asked).await.unwrap()
}

/// Four codes: one of two uses used once, one locked, one taken back for good, one free. The book and its last ordinal.
async fn in_use(rig: &Rig) -> (Book, u64) {
    let put: BookPut = serde_json::from_str(
        r#"{"title":"Spring","redemptions_per_code":2,"max_redemptions_per_person":2,"on_cancel":"keep","ack":"redis"}"#,
    )
    .unwrap();
    let book = Book::create("spring".parse().unwrap(), put).unwrap();
    let (store, id) = (&rig.store, &book.book);
    let made = store.put_book(&book, 0).await.unwrap();
    assert!(matches!(made, PutBook::Created(_)));
    let mut upload = Upload::new(id.clone(), "one".into(), "test");
    let codes = ["A", "B", "C", "D"].map(String::from);
    store.stage_codes(&mut upload, &codes).await.unwrap();
    assert!(matches!(
        store.add_codes(&upload).await,
        Ok(Added::Added(_))
    ));
    for (who, code) in [("ann", "A"), ("bob", "B"), ("eve", "C")] {
        let given = store.assign(id, &wants(who, code)).await.unwrap();
        assert!(matches!(given, Assigned::Assigned { .. }), "{given:?}");
    }
    redeem(store, &book, "ann", "A").await;
    let lock = BookStep::Lock {
        token: "t".into(),
        lock_s: None,
    };
    let locked = store.step_coupon(id, &step(Some("bob"), "B", lock)).await;
    assert!(matches!(locked, Ok(SteppedCoupon::Done { .. })));
    let cancel = step(None, "C", BookStep::Cancel);
    let cancelled = store.step_coupon(id, &cancel).await.unwrap();
    let SteppedCoupon::Done { ordinal, .. } = cancelled else {
        panic!("it was eve's: {cancelled:?}");
    };
    (book, ordinal.unwrap())
}

/// Everybody has what they had, limits count on, and codes that are somebody's are not given again.
async fn assert_as_before(store: &Store, book: &Book) {
    let id = &book.book;
    assert_eq!(store.book(id).await.unwrap().unwrap().book, *book);
    let now = store.now().await.unwrap();
    for (who, code, state, uses) in [
        ("ann", "A", CouponState::Assigned, 1),
        ("bob", "B", CouponState::Assigned, 0),
        ("eve", "C", CouponState::Expired, 0),
    ] {
        let held = store.book_coupon(id, code, &who.parse().unwrap()).await;
        let (coupon, _) = held.unwrap().unwrap();
        let stands = (coupon.state(&book.rules, now), coupon.redemptions);
        assert_eq!(stands, (state, uses), "{code}");
        assert!(coupon.assigned_at > Millis(0));
    }
    let more = store.assign(id, &wants("ann", "D")).await.unwrap();
    assert_eq!(more, Assigned::LimitReached);
    let taken = store.assign(id, &wants("joe", "A")).await.unwrap();
    assert_eq!(taken, Assigned::NoSuchCoupon);
}

/// Waits until the ledger has the record with this ordinal.
async fn kept(store: &Store, book: &Book, ordinal: u64) {
    eventually("the ledger has it", async || {
        let marks = store.watermarks(&book.book).await;
        marks.is_ok_and(|marks| marks.ledger >= ordinal)
    })
    .await;
}

#[tokio::test]
async fn a_book_that_redis_lost_is_put_back_with_all_that_its_holders_have() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let (book, last) = in_use(&rig).await;
    let (store, id) = (&rig.store, &book.book);
    kept(store, &book, last).await;
    rig.redis_cli(&["FLUSHALL"]);
    eventually("redis is recognised", async || {
        store.standing().await == Ok(Standing::Known(2))
    })
    .await;
    eventually("the book is back", async || {
        store.book(id).await.is_ok_and(|held| held.is_some())
    })
    .await;
    assert_as_before(store, &book).await;
    let again = redeem(store, &book, "ann", "A").await;
    let SteppedCoupon::Done { ordinal, .. } = again else {
        panic!("{again:?}");
    };
    assert!(ordinal.unwrap() > last, "ordinals only rise");
    let given = store.assign(id, &wants("eve", "D")).await.unwrap();
    let Assigned::Assigned { ordinal, ack, .. } = given else {
        panic!("a cancelled coupon is nobody's: {given:?}");
    };
    assert_eq!(ack, Some(AckLevel::Redis), "the level of its own");
    kept(store, &book, ordinal).await;
    let history = rig.ledger.coupon_history(id, last, 10).await.unwrap();
    let told: Vec<(&str, &str)> = history
        .iter()
        .map(|row| (row.code.as_str(), row.to.as_str()))
        .collect();
    assert_eq!(told, [("A", "redeemed"), ("D", "assigned")]);
    assert_eq!(rig.verify(id).await.unexplained, 0, "its locks are gone");
    stopped(&persister).await;
}
