//! Reading streams: gaps, trimming, patience, and readers that were cut off.

use std::time::{Duration, Instant};

use domain::event::AdmissionChange;
use domain::{EventId, Phase};

use super::{ADMIN, Rig, SOON, id, place};
use crate::keys::Keys;
use crate::private::PrivateRedis;
use crate::{Awake, Move, Moves, MovesGap, OutboxReader, Store};

/// Makes `count` changes of an event: each is a record and a move.
async fn change(store: &Store, event: &EventId, count: u32) {
    for n in 0..count {
        let held = store.event(event).await.unwrap().unwrap();
        let rate = AdmissionChange {
            rate_per_s: Some(held.event.admission.rate_per_s + f64::from(n + 1)),
            ..AdmissionChange::default()
        };
        store.change_admission(event, rate, ADMIN).await.unwrap();
    }
}

async fn made(rig: &Rig, name: &str) -> EventId {
    rig.make(name, r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    id(name)
}

#[tokio::test]
async fn a_reader_that_was_away_too_long_is_told_of_the_gap() {
    let rig = Rig::start().await;
    let (short, long) = (made(&rig, "short").await, made(&rig, "long").await);
    change(&rig.store, &short, 4).await;
    let trim = redis::cmd("XTRIM")
        .arg(Keys::of(&short).moves())
        .arg("MAXLEN")
        .arg(2)
        .to_owned();
    trim.exec_async(&mut rig.store.connection()).await.unwrap();

    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let told = moves
        .next(&[(short.clone(), 1), (long.clone(), 0)], SOON)
        .await
        .unwrap();
    assert_eq!(
        told[0],
        Err(MovesGap {
            event: short.clone()
        })
    );
    let entry = told[1].clone().unwrap();
    assert_eq!(
        (entry.event, entry.n, entry.change),
        (long, 1, Move::Event),
        "another event is read on"
    );

    let (head, _) = rig.store.moves_head(&short).await.unwrap();
    rig.phase(&short, Phase::Paused).await;
    let told = moves.next(&[(short, head)], SOON).await.unwrap();
    assert_eq!(
        told[0].clone().unwrap().n,
        head + 1,
        "after loading it goes on"
    );
}

#[tokio::test]
async fn the_moves_are_kept_in_bounds() {
    let rig = Rig::start().await;
    let demo = made(&rig, "demo").await;
    // Made by hand what 20,000 moves would make: the next one trims.
    let keys = Keys::of(&demo);
    let fill = redis::Script::new(
        "for n = 2, 20000 do redis.call('XADD', KEYS[1], n .. '-0', 'move', 'event', 'at', '1', 'last', '0') end
         redis.call('HSET', KEYS[2], 'moves', 20000)",
    );
    fill.key(keys.moves())
        .key(keys.counts())
        .invoke_async::<()>(&mut rig.store.connection())
        .await
        .unwrap();
    rig.phase(&demo, Phase::Paused).await;
    let kept: u64 = redis::cmd("XLEN")
        .arg(keys.moves())
        .query_async(&mut rig.store.connection())
        .await
        .unwrap();
    assert!((10_000..11_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn everyone_waiting_is_told_by_name_who_left() {
    let rig = Rig::start().await;
    let demo = made(&rig, "demo").await;
    rig.enter(&demo, 1..=3).await;
    rig.store.leave(&demo, &place(2)).await.unwrap();
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let told = moves.next(&[(demo, 1)], SOON).await.unwrap();
    let entry = told[0].clone().unwrap();
    let left = Move::Gone(domain::place::GoneReason::Left, vec![domain::Seq(2)]);
    assert_eq!((entry.change, entry.last_seq), (left, domain::Seq(3)));
}

#[tokio::test]
async fn the_outbox_begins_with_what_is_there_and_comes_in_order() {
    let rig = Rig::start().await;
    let (one, two) = (made(&rig, "one").await, made(&rig, "two").await);
    change(&rig.store, &one, 5).await;
    rig.store.trim_outbox(&one, 2).await.unwrap();
    assert_eq!(rig.store.outbox_length(&one).await.unwrap(), 4);
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let ordinals = |read: Vec<crate::OutboxBatch>| -> Vec<(String, Vec<u64>)> {
        read.into_iter()
            .map(|batch| {
                (
                    batch.event.to_string(),
                    batch.records.iter().map(|one| one.ordinal).collect(),
                )
            })
            .collect()
    };
    let read = reader
        .next(&[(one.clone(), 0), (two.clone(), 0)], 3, SOON)
        .await
        .unwrap();
    assert_eq!(
        ordinals(read),
        [("one".into(), vec![3, 4, 5]), ("two".into(), vec![1])]
    );
    let read = reader
        .next(&[(one.clone(), 5), (two.clone(), 1)], 3, SOON)
        .await
        .unwrap();
    assert_eq!(ordinals(read), [("one".into(), vec![6])]);

    // Trimming is by what was acknowledged, however far that is.
    rig.store.trim_outbox(&one, u64::MAX).await.unwrap();
    assert_eq!(rig.store.outbox_length(&one).await.unwrap(), 0);
    change(&rig.store, &one, 1).await;
    let read = reader.next(&[(one, 0)], 3, SOON).await.unwrap();
    assert_eq!(
        ordinals(read),
        [("one".into(), vec![7])],
        "ordinals go on after the outbox was empty"
    );
}

#[tokio::test]
async fn a_reader_wakes_for_a_record_and_waits_no_longer_than_its_patience() {
    let rig = Rig::start().await;
    let demo = made(&rig, "demo").await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    for patience in [
        Duration::ZERO,
        Duration::from_micros(10),
        Duration::from_millis(20),
    ] {
        assert_eq!(
            reader
                .next(&[(demo.clone(), 1)], 9, patience)
                .await
                .unwrap(),
            []
        );
        let began = Instant::now();
        assert_eq!(reader.next(&[], 9, patience).await.unwrap(), []);
        assert!(
            began.elapsed() >= patience,
            "following nothing takes patience too"
        );
    }
    let followed = [(demo.clone(), 1)];
    let (read, ()) = tokio::join!(
        reader.next(&followed, 9, SOON),
        change(&rig.store, &demo, 1)
    );
    assert_eq!(read.unwrap()[0].records[0].ordinal, 2);
}

#[tokio::test]
async fn an_abandoned_read_holds_nothing_up() {
    let rig = Rig::start().await;
    let (quiet, loud) = (made(&rig, "quiet").await, made(&rig, "loud").await);
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let followed = [(quiet, 1)];
    let abandoned = moves.next(&followed, Duration::from_hours(1));
    assert!(
        tokio::time::timeout(Duration::from_millis(20), abandoned)
            .await
            .is_err()
    );
    let told = tokio::time::timeout(SOON, moves.next(&[(loud, 0)], SOON))
        .await
        .unwrap();
    assert_eq!(told.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reader_goes_on_after_redis_was_killed() {
    let rig = Rig::start().await;
    let demo = made(&rig, "demo").await;
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let Rig {
        redis,
        _folder: folder,
        ..
    } = rig;
    drop(redis);
    assert!(
        moves.next(&[(demo.clone(), 0)], SOON).await.is_err(),
        "nobody is there"
    );
    let _redis = PrivateRedis::start(&folder.path().join("redis"))
        .await
        .unwrap();
    let told = moves.next(&[(demo, 0)], SOON).await.unwrap();
    assert_eq!(told[0].clone().unwrap().n, 1);
}

#[tokio::test]
async fn whoever_moves_records_on_hears_of_each_call_that_made_one() {
    let rig = Rig::start().await;
    let (early, late) = (id("early"), id("late"));
    made(&rig, "early").await;
    let settings = rig.redis.settings();
    let mut awake = Awake::begin(&rig.store, &settings).await.unwrap();
    let told = async |awake: &mut Awake| {
        tokio::time::timeout(SOON, awake.woken())
            .await
            .unwrap()
            .unwrap();
        awake.events().await.unwrap().clone()
    };
    assert_eq!(
        told(&mut awake).await,
        [early.clone()].into(),
        "all at first"
    );
    let last = rig.store.outbox_length(&early).await.unwrap();
    rig.store.trim_outbox(&early, last).await.unwrap();
    awake.keep(|_| false);
    assert!(awake.events().await.unwrap().is_empty(), "nothing happens");

    made(&rig, "late").await;
    assert_eq!(told(&mut awake).await, [late].into());
    awake.keep(|_| false);
    change(&rig.store, &early, 1).await;
    assert_eq!(told(&mut awake).await, [early.clone()].into());
    awake.keep(|_| false);
    change(&rig.store, &early, 1).await;
    assert_eq!(told(&mut awake).await, [early].into(), "whatever waits");
}
