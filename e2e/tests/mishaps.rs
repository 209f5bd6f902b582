//! Every point between two durable steps is crossed with a lost reply and with a kill, and nothing that was heard is lost;
//! then errors are planted, and the checker finds each of them. The points and the errors are in builds with debug
//! assertions alone.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::chance::Chance;
use e2e::nemesis::{Stack, Way};
use e2e::proxy::Link;
use e2e::redis::Redis;
use e2e::stand::Stand;
use e2e::trial::{Outcome, Trial};
use tokio::time::{Duration, sleep};

/// The points on the way of a coupon on the embedded default.
const EMBEDDED: &[&str] = &[
    "enter.answered",
    "admit.answered",
    "admit.minted",
    "redeem.answered",
    "redeem.passed",
    "ledger.commit",
    "ledger.committed",
    "outbox.told",
    "outbox.marked",
];
/// Those that only a log has, and those on the way from the log.
const FULL: &[&str] = &[
    "relay.read",
    "relay.produced",
    "relay.told",
    "relay.marked",
    "ledger.commit",
    "ledger.committed",
];

/// A trial without a schedule of its own, and with coupons for everybody.
fn trial(test: &str, stack: Stack, ack: Option<&'static str>) -> Trial {
    Trial {
        seed: Chance::seed(test),
        stack,
        event: "drop",
        ack,
        people_per_s: 15,
        stock: Some(2_000),
        plan: Vec::new(),
    }
}

/// Crosses each point: the second crossing loses its reply, the fourth kills the process.
async fn cross(stand: &mut Stand, points: &[&str]) -> anyhow::Result<()> {
    for point in points {
        let mishaps = format!("{point}=lost@2 {point}=kill@4");
        let log = stand.dies_of(0, &mishaps).await?;
        for what in ["lost", "killed"] {
            let said = format!("mishap: {what} at {point}");
            anyhow::ensure!(log.contains(&said), "never {what} at {point}:\n{log}");
        }
    }
    stand.up(0).await
}

fn proven(outcome: &Outcome) {
    eprintln!("{}", serde_json::to_string(outcome).unwrap());
    assert_eq!(outcome.names(), Vec::<String>::new(), "{outcome:#?}");
    assert!(outcome.heard > 0, "{outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_or_a_lost_reply_at_any_point_loses_nothing_on_the_embedded_default() {
    let mut stand = Stand::start(Stack::Embedded, &[]).await.unwrap();
    let trial = trial("points", Stack::Embedded, None);
    let crossing = async |stand: &mut Stand| cross(stand, EMBEDDED).await;
    proven(&trial.run_under(&mut stand, crossing).await.unwrap());
    stand.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_or_a_lost_reply_at_any_point_loses_nothing_on_the_way_through_the_log() {
    let mut stand = Stand::full(Redis::start().unwrap(), 1, &[]).await.unwrap();
    let trial = trial("points of the log", Stack::Full, Some("log"));
    let crossing = async |stand: &mut Stand| cross(stand, FULL).await;
    proven(&trial.run_under(&mut stand, crossing).await.unwrap());
    stand.stop().await.unwrap();
}

/// The points that stand in the sources.
fn points(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            points(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let calls = source.split("mishaps::cross(\"").skip(1);
            found.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
        }
    }
}

#[test]
fn every_point_in_the_sources_is_crossed() {
    let mut found = BTreeSet::new();
    for room in [
        "lua",
        "kafka",
        "ledger",
        "gateway",
        "admission",
        "issuer",
        "persister",
    ] {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room);
        points(&room.join("src"), &mut found);
    }
    let crossed = EMBEDDED.iter().chain(FULL).map(|&point| point.to_owned());
    assert_eq!(found, crossed.collect());
}

/// Runs a trial on one process with an error in it that loses the answer at every `nth` crossing of `point` and then dies there,
/// and wants the checker to name `violation`. One loss may hit what nobody heard of; ten do not.
async fn caught(error: &str, point: &str, nth: usize, violation: &str) {
    let mut stand = Stand::full(Redis::start().unwrap(), 1, &[]).await.unwrap();
    let trial = trial(error, Stack::Full, Some("log"));
    let lost: Vec<_> = (10..30)
        .step_by(nth)
        .map(|crossing| format!("{point}=lost@{crossing}"))
        .collect();
    let mishaps = format!("plant={error} {} {point}=kill@30", lost.join(" "));
    let dying = async |stand: &mut Stand| {
        stand.dies_of(0, &mishaps).await?;
        stand.up(0).await
    };
    let outcome = trial.run_under(&mut stand, dying).await.unwrap();
    named(&outcome, violation);
}

fn named(outcome: &Outcome, violation: &str) {
    eprintln!("{}", serde_json::to_string(outcome).unwrap());
    let names = outcome.names();
    assert!(names.iter().any(|name| name == violation), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_trims_before_the_log_has_it_is_caught() {
    caught("relay-trims-early", "relay.read", 2, "lost-pass").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persister_that_commits_offsets_first_is_caught() {
    // A batch holds much when the machine is busy, so each of the twenty is lost.
    caught("offsets-first", "ledger.commit", 1, "lost-pass").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeem_that_does_not_look_whether_the_ticket_is_spent_is_caught() {
    let forgetful = "if held then=>if false then\nif not record or jti ~=>if false and jti ~";
    let settings = [("MISHAPS_SCRIPT", forgetful)];
    let mut stand = Stand::start(Stack::Embedded, &settings).await.unwrap();
    let trial = trial("forgetful", Stack::Embedded, Some("redis"));
    let nothing = async |_: &mut Stand| Ok(());
    let outcome = trial.run_under(&mut stand, nothing).await.unwrap();
    named(&outcome, "two-coupons-heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn level_redis_on_a_disk_that_lags_is_caught() {
    let redis = Redis::start_syncing("everysec").unwrap();
    let accepted = [("STANCHION_ACCEPT_LOSS_WINDOW", "yes")];
    let mut stand = Stand::full(redis, 1, &accepted).await.unwrap();
    let trial = trial("everysec", Stack::Full, Some("redis"));
    // Passes are heard while the log is away; then Redis dies, and the end of its file was never on the disk.
    let losing = async |stand: &mut Stand| {
        stand.way(Way::Kafka)?.set(Link::Cut);
        sleep(Duration::from_secs(4)).await;
        stand.redis()?.kill()?;
        stand.redis()?.truncate(30_000)?;
        stand.redis()?.start_again()?;
        stand.way(Way::Kafka)?.set(Link::Whole);
        Ok(())
    };
    let outcome = trial.run_under(&mut stand, losing).await.unwrap();
    named(&outcome, "lost-pass");
}
