//! Many at once: the bounds hold whoever calls, and everyone gets their own answer.

use std::collections::BTreeSet;

use domain::event::AdmissionChange;
use domain::place::AdmittedPlace;
use domain::record::Fact;
use domain::{EventId, Seq};
use futures_util::future::join_all;

use super::state::now_us;
use super::{ADMIN, Rig, SOON, id, place, redeem};
use crate::keys::Keys;
use crate::{Entered, OutboxReader, Redeemed, Store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_enters_at_once_gets_dense_seqs_and_each_its_own() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    // Everyone asks twice, as with two tabs.
    let asking = (0..1_000).map(|n| {
        let (store, demo) = (rig.store.clone(), demo.clone());
        tokio::spawn(async move { (n / 2, store.enter(&demo, &place(n / 2)).await.unwrap()) })
    });
    let mut given = std::collections::BTreeMap::new();
    for answer in join_all(asking).await {
        let (n, entered) = answer.unwrap();
        let (new, seq) = match entered {
            Entered::New(seq) => (true, seq),
            Entered::Held(domain::place::PlaceState::Waiting { seq }) => (false, seq),
            other => panic!("{other:?}"),
        };
        let place: &mut Vec<(bool, Seq)> = given.entry(n).or_default();
        place.push((new, seq));
    }
    let seqs: BTreeSet<Seq> = given.values().map(|answers| answers[0].1).collect();
    assert_eq!(seqs, (1..=500).map(Seq).collect());
    for (n, answers) in given {
        assert_eq!(answers[0].1, answers[1].1, "the two tabs of place {n}");
        assert_eq!(
            answers.iter().filter(|(new, _)| *new).count(),
            1,
            "place {n} is new once"
        );
        let looked = rig.store.look(&demo, &place(n)).await.unwrap();
        let waiting = domain::place::PlaceState::Waiting { seq: answers[0].1 };
        assert_eq!(looked, crate::Look::Known(waiting));
    }
}

/// Admits from several callers at once until `until_us`; gives all they let in.
async fn admit_from_all_sides(
    store: &Store,
    event: &EventId,
    callers: usize,
    until_us: i64,
) -> Vec<AdmittedPlace> {
    let callers = (0..callers).map(|_| async {
        let mut admitted = Vec::new();
        while now_us(store).await < until_us {
            admitted.extend(store.admit(event, "key", 100).await.unwrap().admitted);
        }
        admitted
    });
    join_all(callers).await.concat()
}

#[tokio::test]
async fn several_admitters_together_keep_the_rate() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let began = now_us(&rig.store).await;
    rig.make(
        "demo",
        r#"{"title":"Demo","stock":1000,"phase":"open","admission":{"rate_per_s":200}}"#,
    )
    .await;
    rig.enter(&demo, 1..=800).await;
    let mut admitted = admit_from_all_sides(&rig.store, &demo, 4, began + 1_500_000).await;
    let ended = now_us(&rig.store).await;

    admitted.sort_by_key(|one| one.admitted_at);
    let whole: i64 = admitted.len().try_into().unwrap();
    let ceiling = (ended - began) * 200 / 1_000_000;
    assert!(
        whole <= ceiling + 1,
        "{whole} let in, at most {ceiling} tokens came"
    );
    for (n, one) in admitted.iter().enumerate() {
        let within = admitted[n..]
            .iter()
            .take_while(|other| other.admitted_at < one.admitted_at.plus(1_000))
            .count();
        assert!(
            within <= 401,
            "{within} in one second: more than the rate and a second of burst"
        );
    }
    let seqs: BTreeSet<Seq> = admitted.iter().map(|one| one.seq).collect();
    assert_eq!(
        seqs,
        (1..=whole.try_into().unwrap()).map(Seq).collect(),
        "from the head, nobody twice"
    );
}

#[tokio::test]
async fn several_admitters_together_keep_capacity_and_stock() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":30,"phase":"open","admission":{"rate_per_s":1000000,"capacity":20}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=100).await;
    let until = now_us(&rig.store).await + 100_000;
    let first = admit_from_all_sides(&rig.store, &demo, 4, until).await;
    assert_eq!(first.len(), 20, "as many as the capacity");
    let change = AdmissionChange {
        capacity: Some(1_000),
        ..AdmissionChange::default()
    };
    rig.store
        .change_admission(&demo, change, ADMIN)
        .await
        .unwrap();
    let until = now_us(&rig.store).await + 100_000;
    let second = admit_from_all_sides(&rig.store, &demo, 4, until).await;
    assert_eq!(second.len(), 10, "as many as the stock");
}

async fn take_stock_by_hand(store: &Store, event: &EventId, left: u64) {
    redis::cmd("SET")
        .arg(Keys::of(event).stock())
        .arg(left)
        .exec_async(&mut store.connection())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_500_redeems_at_once_on_50_coupons_exactly_50_pass() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":500,"phase":"open","admission":{"rate_per_s":1000000,"capacity":500}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=500).await;
    let admitted = rig.admitted(&demo, 500).await;
    // More tickets are out than coupons are left: admission never lets it come to that.
    take_stock_by_hand(&rig.store, &demo, 50).await;
    let asking = admitted.iter().enumerate().map(|(n, one)| {
        let (store, demo, asked) = (
            rig.store.clone(),
            demo.clone(),
            redeem(one, &format!("CODE-{n}")),
        );
        tokio::spawn(async move { (asked.clone(), store.redeem(&demo, asked).await.unwrap()) })
    });
    let mut serials = BTreeSet::new();
    let mut sold_out = 0;
    for answer in join_all(asking).await {
        match answer.unwrap() {
            (asked, Redeemed::Pass(issue)) => {
                assert_eq!(
                    (&issue.holder, &issue.coupon.code),
                    (&asked.holder, &asked.code),
                    "its own answer"
                );
                assert!(
                    serials.insert(issue.coupon.serial.0),
                    "serial {} twice",
                    issue.coupon.serial.0
                );
            }
            (_, Redeemed::SoldOut) => sold_out += 1,
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(serials, (1..=50).collect());
    assert_eq!(sold_out, 450);
    assert_eq!(
        rig.store.figures(&demo).await.unwrap().unwrap().redeemed,
        50
    );
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(demo, 0)], 10_000, SOON).await.unwrap();
    let issued = read[0]
        .records
        .iter()
        .filter(|record| matches!(record.fact, Fact::Issued { .. }));
    assert_eq!(issued.count(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ticket_shown_many_times_at_once_is_one_coupon() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    rig.enter(&demo, 1..=1).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    let asking = (0..100).map(|n| {
        let (store, demo, asked) = (
            rig.store.clone(),
            demo.clone(),
            redeem(&admitted, &format!("CODE-{n}")),
        );
        tokio::spawn(async move { store.redeem(&demo, asked).await.unwrap() })
    });
    let (mut passes, mut issues) = (0, BTreeSet::new());
    for answer in join_all(asking).await {
        match answer.unwrap() {
            Redeemed::Pass(issue) => {
                passes += 1;
                issues.insert(issue.record_id);
            }
            Redeemed::Replayed(issue) => {
                issues.insert(issue.record_id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((passes, issues.len()), (1, 1));
    assert_eq!(
        rig.store.figures(&demo).await.unwrap().unwrap().remaining,
        4
    );
}
