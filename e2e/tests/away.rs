//! A store goes away in mid-drop. Without Kafka level `redis` does not notice, `log` and `ledger` answer pending; without
//! PostgreSQL neither `redis` nor `log` notices; and everything is true afterwards. `STANCHION_AWAY_S` and
//! `STANCHION_REDEEMS_PER_S` make it longer and harder; the figures go to stderr. `bench away` is the long form.
#![cfg(test)]

use std::time::Duration;

use e2e::chance::Chance;
use e2e::checker::{Case, Violation, check};
use e2e::history::{Answer, Asked, Ms, Said, now};
use e2e::nemesis::{Stack, Way};
use e2e::proxy::Link;
use e2e::redis::Redis;
use e2e::stand::Stand;
use e2e::trial::{Scene, Trial};
use serde_json::json;
use tokio::time::sleep;

/// A redeem that waits for its level is told `pending` after this long.
const PENDING_AFTER_MS: Ms = 5_000;

fn setting(name: &str, otherwise: u32) -> u32 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |given| given.parse().unwrap())
}

fn trial(level: &'static str, per_s: u32, lasts_s: u32) -> Trial {
    Trial {
        seed: Chance::seed(level),
        stack: Stack::Full,
        event: level,
        ack: Some(level),
        people_per_s: per_s,
        stock: Some(u64::from(per_s * (lasts_s + 60))),
        plan: Vec::new(),
    }
}

/// The redeems that were asked for the first time between these moments.
fn redeems(case: &Case, from: Ms, to: Ms) -> Vec<&Said> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |said: &&Said| said.asked == Asked::Redeem && seen.insert(said.who.clone());
    let asked = case.history.iter().filter(first);
    asked
        .filter(|said| (from..to).contains(&said.asked_at))
        .collect()
}

fn p99_ms(redeems: &[&Said]) -> Ms {
    let mut took: Vec<Ms> = redeems
        .iter()
        .map(|said| said.heard_at - said.asked_at)
        .collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

/// Events of these levels are open while `way` is cut, at so many redeems a second altogether; those of `noticing` wait.
async fn cut_off(way: Way, levels: &[&'static str], noticing: &[&str]) {
    let away_s = setting("STANCHION_AWAY_S", 8);
    let per_s = setting("STANCHION_REDEEMS_PER_S", 30) / u32::try_from(levels.len()).unwrap();
    let mut stand = Stand::full(Redis::start().unwrap(), 1, &[]).await.unwrap();
    let mut scenes = Vec::new();
    for level in levels {
        let trial = trial(level, per_s, away_s);
        scenes.push(Scene::begin(&stand, &trial).await.unwrap());
    }
    sleep(Duration::from_secs(3)).await;
    let from = now();
    stand.way(way).unwrap().set(Link::Cut);
    sleep(Duration::from_secs(away_s.into())).await;
    let organiser = stand.server(0).unwrap().organiser().unwrap();
    let mut lags = Vec::new();
    for level in levels {
        let event = organiser.event(level).await.unwrap();
        lags.push((event.outbox_lag, event.ledger_lag));
    }
    let to = now();
    stand.way(way).unwrap().set(Link::Whole);

    for ((level, scene), (outbox, ledger)) in levels.iter().zip(scenes).zip(lags) {
        let case = scene.end(&stand).await.unwrap();
        let found: Vec<_> = check(&case).iter().map(Violation::name).collect();
        assert_eq!(found, Vec::<String>::new(), "{level}");
        let notices = noticing.contains(level);
        // The store comes back while the last of those who wait still wait.
        let waits = if notices { PENDING_AFTER_MS } else { 0 };
        let meanwhile = redeems(&case, from + 500, to - waits - 500);
        assert!(!meanwhile.is_empty(), "{level}");
        for said in &meanwhile {
            let right = match said.answer {
                Answer::Pass { .. } => !notices,
                Answer::Pending => notices,
                _ => false,
            };
            assert!(right, "{level}: {said:?}");
        }
        assert!(ledger > 0, "{level}: the ledger goes on");
        let figures = json!({
            "level": level, "redeems": meanwhile.len(), "p99_ms": p99_ms(&meanwhile),
            "outbox": outbox, "ledger_lag": ledger, "away_s": away_s, "per_s": per_s, "rows": case.rows.len(),
        });
        eprintln!("{figures}");
    }
    stand.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn level_redis_does_not_notice_that_kafka_is_away_and_the_others_tell_the_truth_later() {
    cut_off(Way::Kafka, &["redis", "log", "ledger"], &["log", "ledger"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_at_levels_redis_and_log_that_postgresql_is_away() {
    cut_off(Way::Postgres(0), &["redis", "log"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeem_that_waits_through_a_recovery_is_not_answered_by_another_coupons_mark() {
    let mut stand = Stand::full(Redis::start().unwrap(), 2, &[]).await.unwrap();
    let trial = trial("log", setting("STANCHION_REDEEMS_PER_S", 30), 10);
    // Redeems wait for the log, which is away. The one process that has their records in hand dies, and so does Redis, which
    // loses them; everything is back while the other process's redeems still wait.
    let losing = async |stand: &mut Stand| {
        sleep(Duration::from_secs(3)).await;
        stand.way(Way::Kafka)?.set(Link::Cut);
        sleep(Duration::from_secs(2)).await;
        let relays = |server: &e2e::Server| server.log().contains("relays the outbox to the log");
        let relaying = stand.servers().position(relays).unwrap();
        stand.down(relaying).await?;
        stand.redis()?.kill()?;
        stand.redis()?.truncate(20_000)?;
        stand.redis()?.start_again()?;
        stand.way(Way::Kafka)?.set(Link::Whole);
        sleep(Duration::from_secs(6)).await;
        stand.up(relaying).await
    };
    let outcome = trial.run_under(&mut stand, losing).await.unwrap();
    let mut lost: Vec<_> = outcome.names();
    lost.retain(|name| name == "lost-pass" || name == "pass-differs-from-row");
    assert_eq!(lost, Vec::<String>::new(), "{outcome:#?}");
    assert!(outcome.heard > 0, "{outcome:#?}");
    stand.stop().await.unwrap();
}
