//! The absent: passed over at once, next when they come back in time, gone when they do not.

use domain::place::{GoneReason, PlaceState};
use domain::{EventId, PlaceId, Seq};

use super::state::let_pass;
use super::{Rig, id, place};
use crate::{Entered, Look};

/// An open event with `people` waiting, all of them near the head for long enough, and absent by now.
async fn deserted(rig: &Rig, people: u64, settings: &str) -> EventId {
    let put = format!(
        r#"{{"title":"Demo","stock":9000,"phase":"open","admission":{{"rate_per_s":0}},{settings}}}"#
    );
    rig.make("demo", &put).await;
    let demo = id("demo");
    rig.enter(&demo, 1..=people).await;
    for _ in 0..8 {
        rig.store.admit(&demo, "key", 9).await.unwrap();
        let_pass(&rig.store, &demo, 3_000).await;
    }
    rig.store.admit(&demo, "key", 9).await.unwrap();
    let fast = domain::event::AdmissionChange {
        rate_per_s: Some(1_000_000.0),
        ..Default::default()
    };
    let changed = rig.store.change_admission(&demo, fast, super::ADMIN);
    changed.await.unwrap();
    demo
}

async fn present(rig: &Rig, event: &EventId, people: &[u64]) {
    let places: Vec<PlaceId> = people.iter().copied().map(place).collect();
    rig.store.present(event, &places).await.unwrap();
}

async fn seqs(rig: &Rig, event: &EventId, most: usize) -> Vec<u64> {
    let round = rig.store.admit(event, "key", most).await.unwrap();
    round.admitted.iter().map(|one| one.seq.0).collect()
}

fn waiting(seq: u64) -> Look {
    Look::Known(PlaceState::Waiting { seq: Seq(seq) })
}

fn no_show() -> Look {
    let reason = GoneReason::NoShow;
    Look::Known(PlaceState::Gone { reason })
}

#[tokio::test]
async fn half_the_line_absent_slows_nobody_who_is_there() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 400, r#""presence_s":20"#).await;
    let there: Vec<u64> = (1..=400).filter(|n| n % 2 == 0).collect();
    present(&rig, &demo, &there).await;
    assert_eq!(seqs(&rig, &demo, 200).await, there, "one round, in order");
    assert_eq!(rig.store.look(&demo, &place(1)).await.unwrap(), waiting(1));
    let figures = rig.store.figures(&demo).await.unwrap().unwrap();
    assert_eq!((figures.waiting, figures.outstanding), (200, 200));
}

#[tokio::test]
async fn who_comes_back_in_time_is_next_and_in_order() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 9, r#""grace_s":300"#).await;
    present(&rig, &demo, &[5]).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [5]);
    let_pass(&rig.store, &demo, 299_000).await;
    present(&rig, &demo, &[6, 4, 2]).await;
    assert_eq!(seqs(&rig, &demo, 9).await, [2, 4, 6]);
    assert_eq!(rig.store.look(&demo, &place(3)).await.unwrap(), waiting(3));
}

#[tokio::test]
async fn who_does_not_come_back_is_gone_and_may_enter_at_the_back() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 3, r#""grace_s":60"#).await;
    present(&rig, &demo, &[3]).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [3]);
    let_pass(&rig.store, &demo, 60_000).await;
    present(&rig, &demo, &[1]).await;
    assert_eq!(seqs(&rig, &demo, 9).await, [] as [u64; 0], "too late");
    for n in [1, 2] {
        assert_eq!(rig.store.look(&demo, &place(n)).await.unwrap(), no_show());
    }
    let figures = rig.store.figures(&demo).await.unwrap().unwrap();
    assert_eq!((figures.no_shows, figures.waiting), (2, 0));
    let again = rig.store.enter(&demo, &place(1)).await.unwrap();
    assert_eq!(again, Entered::New(Seq(4)));
    assert_eq!(
        seqs(&rig, &demo, 9).await,
        [4],
        "entering is a sign of life"
    );
}

#[tokio::test]
async fn nobody_is_passed_over_before_gateways_had_time_to_tell() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 5, r#""presence_s":20"#).await;
    // As after an outage of the store: nobody could tell anything for a while, and no round was run.
    let_pass(&rig.store, &demo, 60_000).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [] as [u64; 0]);
    present(&rig, &demo, &[3]).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [] as [u64; 0], "1 may be there");
    let_pass(&rig.store, &demo, 3_000).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [3]);
}

#[tokio::test]
async fn a_mirror_that_loads_finds_those_who_were_passed_over() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 7, r#""grace_s":300"#).await;
    present(&rig, &demo, &[4]).await;
    assert_eq!(seqs(&rig, &demo, 1).await, [4]);
    present(&rig, &demo, &[2]).await;
    for limit in [1, 2, 3, 100] {
        let (mut in_line, mut passed, mut after) = (Vec::new(), Vec::new(), Some(Seq(0)));
        while let Some(from) = after {
            let page = rig.store.waiting(&demo, from, limit).await.unwrap();
            in_line.extend(page.seqs.iter().map(|seq| seq.0));
            passed.extend(page.passed.iter().map(|seq| seq.0));
            after = page.next;
        }
        assert_eq!((in_line, passed), (vec![5, 6, 7], vec![1, 2, 3]), "{limit}");
    }
}

#[tokio::test]
async fn a_crowd_of_absent_is_passed_over_in_a_few_short_rounds() {
    let rig = Rig::start().await;
    let demo = deserted(&rig, 990, r#""grace_s":300"#).await;
    present(&rig, &demo, &[990]).await;
    let mut rounds = 0;
    let admitted = loop {
        rounds += 1;
        let round = rig.store.admit(&demo, "key", 1).await.unwrap();
        if let Some(one) = round.admitted.first() {
            break one.seq;
        }
        assert_eq!(round.next_in_ms, 0, "more at once");
    };
    assert_eq!((admitted, rounds), (Seq(990), 2));
}
