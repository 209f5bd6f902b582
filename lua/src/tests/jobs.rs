//! Jobs: codes kept for a distribution are nobody else's, and no round is dealt twice.

use domain::Holder;
use domain::job::JobId;

use super::books::{add, codes, free, make, wants};
use super::{Rig, id};
use crate::{Assigned, Begun, Deal, Dealt};

fn job(letter: &str) -> JobId {
    format!("job_{}A", letter.repeat(21)).parse().unwrap()
}

fn users(names: &[&str]) -> Vec<Holder> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[tokio::test]
async fn what_is_kept_for_a_job_is_nobody_elses_until_it_ends() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    let nowhere = store.begin_job(&spring, &job("a"), 1, true).await.unwrap();
    assert_eq!(nowhere, Begun::NoSuchBook);
    make(store, &spring, r#"{"title":"x","max_per_person":9}"#).await;
    add(store, &spring, &codes(0..4)).await;
    let begin = async |letter, needed, whole| {
        let begun = store.begin_job(&spring, &job(letter), needed, whole).await;
        begun.unwrap()
    };
    assert_eq!(begin("a", 5, true).await, Begun::TooFew(4));
    assert_eq!(begin("a", 3, true).await, Begun::Begun(3));
    assert_eq!(begin("a", 3, true).await, Begun::Begun(3), "the same again");
    assert_eq!(begin("b", 1, true).await, Begun::Busy(job("a")));
    let two = store.assign(&spring, &wants(1, 2, None)).await.unwrap();
    assert_eq!(two, Assigned::NoneLeft(1));
    let one = store.assign(&spring, &wants(1, 1, None)).await.unwrap();
    assert!(matches!(one, Assigned::Assigned { .. }));
    store.end_job(&spring, &job("b")).await.unwrap();
    assert_eq!(begin("b", 1, true).await, Begun::Busy(job("a")));
    store.end_job(&spring, &job("a")).await.unwrap();
    assert_eq!(begin("a", 1, true).await, Begun::Ended);
    let rest = store.assign(&spring, &wants(1, 3, None)).await.unwrap();
    assert!(matches!(rest, Assigned::Assigned { .. }));
    assert_eq!(begin("b", 5, false).await, Begun::Begun(0));
}

#[tokio::test]
async fn a_round_is_dealt_once_however_often_it_is_asked_for() {
    let rig = Rig::start().await;
    let (store, spring) = (&rig.store, id("spring"));
    make(store, &spring, r#"{"title":"x","max_per_person":2}"#).await;
    add(store, &spring, &codes(0..5)).await;
    let (some, deal_job) = (users(&["ann", "ben"]), job("a"));
    let deal = async |round, users: &[Holder]| {
        let deal = Deal {
            job: &deal_job,
            by: "admin",
            round,
            users,
        };
        store.deal(&spring, deal).await.unwrap()
    };
    assert_eq!(deal(1, &some).await, Dealt::Gone, "it has not the turn");
    store.begin_job(&spring, &deal_job, 4, true).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(deal(1, &some).await, Dealt::Dealt { have: 2, .. }));
        assert_eq!(free(store, &spring).await.len(), 3);
    }
    for _ in 0..2 {
        assert!(matches!(deal(2, &some).await, Dealt::Dealt { have: 2, .. }));
    }
    let over = Dealt::Dealt {
        have: 0,
        ordinal: None,
    };
    assert_eq!(deal(3, &some).await, over, "the limit");
    let late = users(&["cem", "dan"]);
    assert!(matches!(deal(1, &late).await, Dealt::Dealt { have: 1, .. }));
    let all = [some, late].concat();
    let dealt = store.dealt(&spring, &all).await.unwrap();
    let counts: Vec<_> = dealt.iter().map(|got| got.as_ref().map(Vec::len)).collect();
    let none = "none-left".to_owned();
    assert_eq!(counts, [Ok(2), Ok(2), Ok(1), Err(&none)]);
    assert_eq!(free(store, &spring).await.len(), 0);
}
