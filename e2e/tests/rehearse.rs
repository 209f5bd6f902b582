//! `stanchion rehearse`: its report is true, it fails when a promise is broken, and its endless crowd comes and goes.
#![cfg(test)]

use std::process::Stdio;

use client::{AdmissionChange, Phase};
use e2e::server::event_put;
use e2e::setup::command;
use e2e::waits::Waits;
use e2e::{PATIENCE, Server, process, until};
use serde_json::{Value, json};

/// Runs a rehearsal of `drop` with these arguments; the report and whether every promise was kept.
async fn rehearse(server: &Server, arguments: &str) -> (Value, bool) {
    let doors = format!("--url {} --ops-url {}", server.public, server.ops);
    let arguments = format!("rehearse {doors} --event drop --json {arguments}");
    let arguments: Vec<_> = arguments.split(' ').collect();
    let (report, kept) = server.run(&arguments).await.unwrap();
    (serde_json::from_str(&report).unwrap_or_default(), kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_with_every_limit_in_force_keeps_every_promise_and_says_so() {
    let setup = e2e::Setup::new().unwrap().without("--limit-exempt");
    let server = setup.start().await.unwrap();
    server.open_event("drop", 100, 200.0).await.unwrap();
    let (report, kept) = rehearse(&server, "--visitors 300 --over 500ms").await;
    assert!(kept, "{report:#}");
    assert_eq!(report["visitors"], 300, "{report:#}");
    assert_eq!(report["passes"], 100, "{report:#}");
    assert_eq!(report["distinct_codes"], 100, "{report:#}");
    assert_eq!(report["admissions"]["tickets"], 100, "{report:#}");
    assert_eq!(report["admissions"]["rate_per_s"], 200.0, "{report:#}");
    let shown = report["time_left"]["people"].as_u64().unwrap();
    assert!((1..=100).contains(&shown), "{report:#}");
    assert!(
        report["time_left"]["in_range_percent"].as_f64().unwrap() > 0.0,
        "{report:#}"
    );
    let measured = Waits::of(&server).await.unwrap();
    assert_eq!(measured.all, shown, "the server measures the same people");
    let coupons = json!({"issued": 100, "in_ledger": 100, "remaining": 0});
    assert_eq!(report["coupons"], coupons, "{report:#}");
    let others = ["told", "turned_away"].map(|way| report[way]["sold-out"].as_u64().unwrap_or(0));
    assert_eq!(others.iter().sum::<u64>(), 200, "{report:#}");
    assert!(
        !report["told_to_come_back"]
            .to_string()
            .contains("slow-down"),
        "{report:#}"
    );
    assert_eq!(
        (&report["errors"], &report["faults"]),
        (&json!({}), &json!([]))
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_of_the_last_coupon_whether_the_line_ends_or_waits_for_returns() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    for (on_sold_out, after) in [("close", Phase::Draining), ("keep", Phase::Open)] {
        let mut put = event_put(40, 20.0, Phase::Open);
        put.others.insert("on_sold_out".into(), json!(on_sold_out));
        ops.put_event(on_sold_out, &put).await.unwrap();
        let arguments = format!(
            "rehearse --url {} --ops-url {} --event {on_sold_out} --visitors 400 --over 500ms --json",
            server.public, server.ops
        );
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (report, kept) = server.run(&arguments).await.unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        // That it took two seconds at most is one of the promises.
        assert!(kept, "{report:#}");
        assert_eq!(report["told"], json!({"sold-out": 360}), "{report:#}");
        assert!(report["told_sold_out_within_ms"].is_u64(), "{report:#}");
        assert_eq!(ops.event(on_sold_out).await.unwrap().phase, after);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_that_ends_with_people_waiting_fails_and_says_how_many() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 0.0).await.unwrap();
    let (report, kept) = rehearse(&server, "--visitors 7 --over 100ms --patience 2s").await;
    assert!(!kept);
    assert_eq!(report["without_an_answer"], 7, "{report:#}");
    let fault = report["faults"][0].as_str().unwrap();
    assert!(
        fault.starts_with("7 people never learned their fate"),
        "{fault}"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_of_what_cannot_be_rehearsed_says_why_before_anybody_comes() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    let draft = event_put(10, 1.0, Phase::Draft);
    ops.put_event("drop", &draft).await.unwrap();
    let doors = ["--url", &server.public, "--ops-url", &server.ops];
    for (arguments, words) in [
        ("--event drop", "draft"),
        ("--event nowhere", "there is no event"),
        (
            "--event drop --absent 0.7 --leave 0.7",
            "more than everybody",
        ),
    ] {
        let mut command = command().unwrap();
        command
            .arg("rehearse")
            .args(doors)
            .args(arguments.split(' '));
        command.env("STANCHION_ADMIN_TOKEN", &server.token);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_crowd_keeps_the_line_alive_and_leaves_when_told_to() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 1_000, 5.0).await.unwrap();
    let ops = server.organiser().unwrap();
    let mut crowd = command()
        .unwrap()
        .args(["rehearse", "--keep", "--event", "drop", "--visitors", "30"])
        .args(["--url", &server.public, "--ops-url", &server.ops])
        .env("STANCHION_ADMIN_TOKEN", &server.token)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let alive = until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.waiting >= 15 && figures.admitted >= 10 && figures.left >= 3).then_some(())
    });
    alive.await.unwrap();
    let stop = AdmissionChange {
        rate_per_s: Some(0.0),
        ..AdmissionChange::default()
    };
    ops.set_admission("drop", &stop).await.unwrap();
    process::signal("TERM", &[crowd.id().unwrap()]).unwrap();
    let ended = tokio::time::timeout(PATIENCE, crowd.wait()).await.unwrap();
    assert!(ended.unwrap().success());
    let empty = until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.waiting == 0 && figures.outstanding == 0).then_some(())
    });
    empty.await.unwrap();
    server.stop().await.unwrap();
}
