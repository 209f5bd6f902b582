//! The brake: what issuers told, and what admission makes of it.

use serde_json::json;

use super::state::let_pass;
use super::{Rig, id};
use crate::{AdmitRound, LiveEvent, Strain, Why};

const MOST_FAILED: Option<f64> = Some(0.05);

fn strain(all: u64, failed: u64, late: u64) -> Strain {
    Strain { all, failed, late }
}

async fn open(rig: &Rig) {
    let put = r#"{"title":"Demo","stock":9000,"phase":"open","admission":{"rate_per_s":160}}"#;
    rig.make("demo", put).await;
}

/// Issuers tell of this, and admission does a round.
async fn told(rig: &Rig, told: Strain) -> AdmitRound {
    let demo = id("demo");
    rig.store.tell_strain(&demo, told).await.unwrap();
    round(rig).await
}

async fn round(rig: &Rig) -> AdmitRound {
    let demo = id("demo");
    let round = rig.store.admit_braked(&demo, "key", 9, MOST_FAILED).await;
    round.unwrap()
}

async fn held(rig: &Rig) -> LiveEvent {
    rig.store.event(&id("demo")).await.unwrap().unwrap()
}

/// The audit's entries by the brake, oldest first.
async fn audited(rig: &Rig) -> Vec<(serde_json::Value, serde_json::Value)> {
    let page = rig.store.audit(&id("demo"), None, 50).await.unwrap();
    let by_brake = page.entries.into_iter().filter(|entry| entry.by == "brake");
    by_brake.rev().map(|entry| (entry.from, entry.to)).collect()
}

/// Redeems fail until the brake is as hard as it gets.
async fn braked_to_the_floor() -> Rig {
    let rig = Rig::start().await;
    let demo = id("demo");
    open(&rig).await;
    assert_eq!(
        told(&rig, strain(1_000, 49, 0)).await.divisor,
        1,
        "below the share"
    );
    let_pass(&rig.store, &demo, 1_000).await;
    for divisor in [2, 4, 8, 16, 16] {
        let round = told(&rig, strain(100, 60, 0)).await;
        assert_eq!(round.divisor, divisor);
        assert!(round.next_in_ms <= 1_000, "it is looked after: {round:?}");
        // Not judged again before what came after this step can be known.
        let_pass(&rig.store, &demo, 5_000).await;
        assert_eq!(told(&rig, strain(100, 100, 0)).await.divisor, divisor);
        let_pass(&rig.store, &demo, 5_500).await;
    }
    rig
}

#[tokio::test]
async fn redeems_that_fail_halve_the_rate_again_and_again_down_to_a_floor() {
    let rig = braked_to_the_floor().await;
    let braked = held(&rig).await;
    let set = braked.event.admission.rate_per_s;
    assert_eq!(set.to_bits(), 160_f64.to_bits());
    assert_eq!(braked.rate_in_force_per_s.to_bits(), 10_f64.to_bits());
    let brake = braked.brake.unwrap();
    assert_eq!((brake.divisor, brake.why), (16, Why::Failed));
    assert!(brake.share > 0.5 && brake.since < braked.at, "{brake:?}");
}

#[tokio::test]
async fn calm_gives_the_rate_back_step_by_step_and_the_audit_tells_both_ends() {
    let rig = braked_to_the_floor().await;
    let demo = id("demo");
    let version = held(&rig).await.version;
    let_pass(&rig.store, &demo, 20_000).await;
    for divisor in [8, 4, 2, 1] {
        assert_eq!(told(&rig, strain(100, 0, 0)).await.divisor, divisor);
        assert_eq!(round(&rig).await.divisor, divisor, "one step at a time");
        let_pass(&rig.store, &demo, 10_500).await;
    }
    let free = held(&rig).await;
    assert_eq!(
        (free.brake, free.version),
        (None, version),
        "nobody changed the event"
    );
    assert_eq!(free.rate_in_force_per_s.to_bits(), 160_f64.to_bits());
    let audited = audited(&rig).await;
    let share = audited[0].1["share"].clone();
    let begun = json!({ "divided_by": 2, "why": "failed", "share": share });
    assert_eq!(
        audited,
        [
            (json!({ "divided_by": 1 }), begun),
            (json!({ "divided_by": 2 }), json!({ "divided_by": 1 })),
        ]
    );
}

#[tokio::test]
async fn redeems_that_are_late_brake_when_they_are_more_than_half() {
    let rig = Rig::start().await;
    open(&rig).await;
    assert_eq!(told(&rig, strain(100, 0, 50)).await.divisor, 1);
    let_pass(&rig.store, &id("demo"), 1_000).await;
    assert_eq!(told(&rig, strain(20, 0, 20)).await.divisor, 2);
    assert_eq!(held(&rig).await.brake.unwrap().why, Why::Late);
}

#[tokio::test]
async fn a_few_bad_redeems_say_nothing_and_old_ones_are_forgotten() {
    let rig = Rig::start().await;
    let demo = id("demo");
    open(&rig).await;
    assert_eq!(told(&rig, strain(4, 4, 4)).await.divisor, 1);
    let_pass(&rig.store, &demo, 11_000).await;
    assert_eq!(told(&rig, strain(4, 4, 4)).await.divisor, 1);
    let_pass(&rig.store, &demo, 1_000).await;
    assert_eq!(
        told(&rig, strain(1, 1, 1)).await.divisor,
        2,
        "five within ten seconds"
    );
}

#[tokio::test]
async fn failures_do_not_count_where_the_brake_is_off_and_the_end_of_an_event_lets_go() {
    let rig = Rig::start().await;
    let demo = id("demo");
    open(&rig).await;
    rig.store
        .tell_strain(&demo, strain(100, 100, 0))
        .await
        .unwrap();
    assert_eq!(rig.store.admit(&demo, "key", 9).await.unwrap().divisor, 1);
    let_pass(&rig.store, &demo, 1_000).await;
    assert_eq!(told(&rig, strain(100, 100, 0)).await.divisor, 2);
    rig.phase(&demo, domain::Phase::Closed).await;
    assert_eq!(round(&rig).await.divisor, 1);
    assert_eq!(held(&rig).await.brake, None);
    assert_eq!(audited(&rig).await.len(), 2);
}

#[tokio::test]
async fn what_came_before_the_brake_came_at_the_old_rate() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":9,"phase":"open","admission":{"rate_per_s":0.001}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=3).await;
    let_pass(&rig.store, &demo, 500_000).await;
    assert_eq!(told(&rig, strain(10, 10, 0)).await.divisor, 2);
    let_pass(&rig.store, &demo, 9_000).await;
    // 0.5 tokens came before; at half the rate 1000 s more are needed for the rest, but for what passes when it lets go.
    assert_eq!(round(&rig).await.admitted.len(), 0);
    let tokens: f64 = redis::cmd("HGET")
        .arg("line:{demo}:pace")
        .arg("tokens")
        .query_async(&mut rig.store.connection())
        .await
        .unwrap();
    assert!((0.49..=0.52).contains(&tokens), "{tokens}");
}
