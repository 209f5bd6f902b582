//! Uploads that are decided on and carried in by steps: whole in the end, whoever goes on with them.

use domain::EventId;
use domain::book::BookFact;
use domain::event::{AckLevel, Event, EventPut};
use domain::once::Once;
use domain::record::Fact;
use futures_util::future::join_all;

use super::books::{add, codes, free, make};
use super::{ADMIN, Rig, SOON, id};
use crate::codes::Decided;
use crate::{Added, OutboxReader, PutOutcome, Staged, Store, Upload};

/// An upload of these codes that was decided on, by somebody who is gone before any was carried in.
async fn begun(store: &Store, book: &EventId, name: &str, codes: &[String], once: Option<&Once>) {
    let mut upload = Upload::new(book.clone(), name.into(), "test");
    let staged = store.stage_codes(&mut upload, codes).await.unwrap();
    assert_eq!(staged, Staged::Staged(vec![]));
    let decided = store.decide(&upload, true, once).await.unwrap();
    assert!(matches!(decided, Decided::Added));
}

/// How many codes each record of the book tells of that tells of any.
async fn told(rig: &Rig, book: &EventId) -> Vec<usize> {
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(book.clone(), 0)], 100, SOON).await.unwrap();
    let sizes = read[0].records.iter().filter_map(|record| {
        let Fact::Book(fact) = &record.fact else {
            return None;
        };
        match &**fact {
            BookFact::CodesAdded(codes) => Some(codes.len()),
            _ => None,
        }
    });
    sizes.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_is_finished_once_by_whoever_looks() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x"}"#).await;
    add(store, &spring, &codes(0..10)).await;
    assert_eq!(store.unfinished_uploads().await.unwrap(), []);
    begun(store, &spring, "two", &codes(10..260), None).await;
    let unfinished = store.unfinished_uploads().await.unwrap();
    assert_eq!(unfinished, std::slice::from_ref(&spring));
    assert_eq!(free(store, &spring).await.len(), 10, "a short step");

    let (left, _) = store.move_codes(&spring, 1).await.unwrap();
    assert_eq!((left, free(store, &spring).await.len()), (2, 110));
    let mut same = Upload::new(spring.clone(), "same".into(), "test");
    let again = ["CODE-5", "CODE-15", "CODE-255"].map(String::from);
    let staged = store.stage_codes(&mut same, &again).await.unwrap();
    assert_eq!(staged, Staged::Staged(vec![0, 1, 2]), "there or on its way");

    let finishing = (0..8).map(|_| {
        let (store, spring) = (store.clone(), spring.clone());
        tokio::spawn(async move { store.finish_upload(&spring).await.unwrap() })
    });
    for finished in join_all(finishing).await {
        finished.unwrap();
    }
    assert_eq!(free(store, &spring).await.len(), 260);
    assert_eq!(store.unfinished_uploads().await.unwrap(), []);
    assert_eq!(told(&rig, &spring).await, [10, 100, 100, 50], "each once");
}

#[tokio::test]
async fn an_upload_waits_for_the_one_before_it_and_carries_it_in() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x"}"#).await;
    begun(store, &spring, "one", &codes(0..150), None).await;
    add(store, &spring, &codes(150..160)).await;
    assert_eq!(told(&rig, &spring).await, [100, 50, 10]);
    assert_eq!(free(store, &spring).await.len(), 160);
}

#[tokio::test]
async fn the_same_call_again_finishes_what_it_began() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x"}"#).await;
    let once = |body: &str| Once::new("acc_a", "POST /here", "k", body.as_bytes());
    begun(store, &spring, "one", &codes(0..150), Some(&once("one"))).await;
    let mut again = Upload::new(spring.clone(), "again".into(), "test");
    let staged = store.stage_codes(&mut again, &codes(0..150)).await;
    assert!(matches!(staged, Ok(Staged::Staged(taken)) if taken.len() == 150));
    let other = store
        .add_codes_once(&again, false, Some(&once("two")))
        .await;
    assert_eq!(other, Ok(Added::Mismatch));
    let same = store
        .add_codes_once(&again, false, Some(&once("one")))
        .await;
    assert!(matches!(same, Ok(Added::Added(_))), "{same:?}");
    assert_eq!(free(store, &spring).await.len(), 150);
}

#[tokio::test]
async fn an_event_has_a_code_for_each_of_its_coupons_while_more_are_carried_in() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x"}"#).await;
    begun(store, &spring, "one", &codes(0..150), None).await;
    store.move_codes(&spring, 1).await.unwrap();
    let put = async |codes| {
        let put: EventPut = serde_json::from_str(r#"{"title":"x","phase":"open"}"#).unwrap();
        let event = Event::create_with_codes(spring.clone(), put, AckLevel::Redis, codes);
        store.put_event(&event.unwrap(), 0, ADMIN).await.unwrap()
    };
    assert_eq!(put(100).await, PutOutcome::Conflict, "more are coming");
    store.finish_upload(&spring).await.unwrap();
    let made = put(150).await;
    assert!(matches!(made, PutOutcome::Created(live) if live.remaining == 150));

    begun(store, &spring, "two", &codes(150..400), None).await;
    let stock = async || store.event(&spring).await.unwrap().unwrap().remaining;
    store.move_codes(&spring, 2).await.unwrap();
    assert_eq!(
        (free(store, &spring).await.len(), stock().await),
        (350, 150)
    );
    store.finish_upload(&spring).await.unwrap();
    assert_eq!(
        (free(store, &spring).await.len(), stock().await),
        (400, 400)
    );
    let audit = store.audit(&spring, None, 1).await.unwrap().entries;
    assert_eq!(
        (audit[0].by.as_str(), audit[0].action.as_str()),
        ("test", "stock")
    );
}
