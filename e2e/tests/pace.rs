//! The pace: in a second no more are let in than the rate and one burst, however many pacemakers run.
#![cfg(test)]

use std::time::Duration;

use client::{AdmissionChange, Phase};
use e2e::people::{self, Temper};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, Story, until};

/// Most people let in within a second of the store's clock: tickets all last equally long, so those that end in the same
/// second were let in within the same second.
fn most_in_a_second(stories: &[Story]) -> usize {
    let mut ends: Vec<_> = stories
        .iter()
        .filter_map(|story| Some(story.expires_at?.unix_ms()))
        .collect();
    ends.sort_unstable();
    let within = |from: usize| ends.partition_point(|&end| end < ends[from] + 1_000) - from;
    (0..ends.len()).map(within).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_second_no_more_are_let_in_than_the_rate_and_one_burst() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 200, 40.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let over = Duration::from_millis(500);
    let stories = people::crowd(&visitor, "drop", 200, over, Temper::Strict)
        .await
        .unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 200);
    let most = most_in_a_second(&stories);
    assert!((20..=80).contains(&most), "{most} at 40 per second");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_below_one_lets_one_in_now_and_then() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.5).await.unwrap();
    let visitor = server.visitor().unwrap();
    let stories = people::crowd(&visitor, "drop", 3, Duration::ZERO, Temper::Strict)
        .await
        .unwrap();
    people::check(&stories).unwrap();
    let mut ends: Vec<_> = stories
        .iter()
        .filter_map(|story| Some(story.expires_at?.unix_ms()))
        .collect();
    ends.sort_unstable();
    // A full bucket lets the first in at once; after it two seconds pass for each, told here in whole seconds.
    assert_eq!(ends.len(), 3);
    assert!(ends[2] - ends[0] >= 3_000, "{ends:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pacemakers_keep_one_pace_and_one_of_them_may_die() {
    let redis = Redis::start().unwrap();
    let keys = tempfile::tempdir().unwrap();
    let with_others = |setup: Setup| {
        setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
            .with("--public-url", "http://drop.example")
            .with("--keys", keys.path().display().to_string())
    };
    let whole = with_others(Setup::new().unwrap()).start().await.unwrap();
    let second = with_others(Setup::new().unwrap()).with("--roles", "admission");
    let mut second = second.start().await.unwrap();
    whole.open_event("drop", 200, 40.0).await.unwrap();
    let visitor = whole.visitor().unwrap();
    let drop = tokio::spawn(async move {
        let over = Duration::from_millis(500);
        people::crowd(&visitor, "drop", 200, over, Temper::Strict).await
    });
    let ops = second.organiser().unwrap();
    let halfway = until(async || {
        let figures = ops.event("drop").await.ok()?;
        (figures.admitted >= 100).then_some(())
    });
    halfway.await.unwrap();
    second.kill().await.unwrap();
    let stories = drop.await.unwrap().unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 200);
    let most = most_in_a_second(&stories);
    assert!((20..=80).contains(&most), "{most} at 40 per second");
    whole.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pace_holds_for_everybody_from_then_on() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(100, 0.0, Phase::Open);
    put.admission.ticket_ttl_s = Some(600);
    ops.put_event("drop", &put).await.unwrap();
    let mut places = Vec::new();
    for _ in 0..20 {
        let token = people::new_token().unwrap();
        visitor.enter("drop", Some(&token)).await.unwrap();
        places.push(token);
    }
    let before = ops.event("drop").await.unwrap();
    assert_eq!((before.admitted, before.waiting), (0, 20));
    let faster = AdmissionChange {
        rate_per_s: Some(10.0),
        ticket_ttl_s: Some(60),
        ..AdmissionChange::default()
    };
    let now = ops.set_admission("drop", &faster).await.unwrap();
    assert_eq!(
        (now.rate_per_s, now.capacity, now.ticket_ttl_s),
        (10.0, 100, 60)
    );
    let changed = ops.audit("drop", None).await.unwrap().items[0].at;
    let mut ends = Vec::new();
    for token in &places {
        let turn = people::watch(&visitor, "drop", token, &mut Vec::new()).await;
        let Ok(people::Turn::Ticket { expires_at, .. }) = turn else {
            panic!("{turn:?}");
        };
        ends.push(expires_at.unix_ms());
    }
    let lasts = ends[0] - changed.unix_ms();
    assert!(
        lasts >= 60_000,
        "nobody was let in before the change: {lasts}"
    );
    assert!(ends.is_sorted(), "in the order of the line: {ends:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_goes_to_another_in_a_straight_line_and_everybody_sees_the_one_in_force() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 150, 1.0).await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let change = AdmissionChange {
        rate_per_s: Some(41.0),
        ramp_s: Some(10),
        ..AdmissionChange::default()
    };
    let set = ops.set_admission("drop", &change).await.unwrap();
    let ramp = set.ramp.unwrap();
    assert_eq!(
        (ramp.from_per_s, ramp.until.unix_ms() - ramp.since.unix_ms()),
        (1.0, 10_000)
    );
    let on_the_way = until(async || {
        let rate = visitor.status("drop").await.ok()?.rate_per_s;
        (rate > 5.0 && rate < 41.0).then_some(())
    });
    let crowd = people::crowd(&visitor, "drop", 150, Duration::ZERO, Temper::Strict);
    let (stories, on_the_way) = tokio::join!(crowd, on_the_way);
    on_the_way.unwrap();
    let stories = stories.unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 150);
    // A ticket of 120 s ends on the next whole second: whoever seems to be let in by a moment was.
    let let_in_s = |story: &Story| {
        let ends = story.expires_at.unwrap().unix_ms();
        u32::try_from((ends - 120_000 - ramp.since.unix_ms()) / 1_000).unwrap_or(0)
    };
    for second in 1..=10_u32 {
        let by_then = stories.iter().filter(|one| let_in_s(one) < second).count();
        let area = second + 2 * second * second;
        assert!(
            by_then <= 1 + area as usize,
            "{by_then} within {second} s of the ramp"
        );
    }
    let reached = until(async || {
        let event = ops.event("drop").await.ok()?;
        let over = event.admission.ramp.is_none() && event.rate_in_force_per_s.is_none();
        over.then_some(event.admission.rate_per_s)
    });
    let reached = reached.await.unwrap();
    assert!((reached - 41.0).abs() < f64::EPSILON, "{reached}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redeems_that_fail_halve_admission_until_they_no_longer_do() {
    let lost: Vec<String> = (1..=5).map(|n| format!("redeem.passed=lost@{n}")).collect();
    let setup = Setup::new().unwrap().env("MISHAPS", &lost.join(" "));
    let server = setup.start().await.unwrap();
    server.open_event("drop", 160, 20.0).await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let crowd = people::crowd(&visitor, "drop", 160, Duration::ZERO, Temper::Strict);
    let braked = async {
        let event = until(async || {
            let event = ops.event("drop").await.ok()?;
            event.brake.is_some().then_some(event)
        });
        let event = event.await.unwrap();
        let brake = event.brake.unwrap();
        assert_eq!((brake.divided_by, brake.why.as_str()), (2, "failed"));
        let rates = (event.admission.rate_per_s, event.rate_in_force_per_s);
        assert_eq!(rates, (20.0, Some(10.0)));
        until(async || (visitor.status("drop").await.ok()?.rate_per_s < 11.0).then_some(()))
            .await
            .unwrap();
        let gauge = r#"stanchion_admission_brake{event="drop"} 2"#;
        let url = format!("{}/metrics", server.ops);
        until(async || {
            let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
            metrics.lines().any(|line| line == gauge).then_some(())
        })
        .await
        .unwrap();
        until(async || ops.event("drop").await.ok()?.brake.is_none().then_some(()))
            .await
            .unwrap();
    };
    let (stories, ()) = tokio::join!(crowd, braked);
    let stories = stories.unwrap();
    people::check(&stories).unwrap();
    assert_eq!(people::codes(&stories).len(), 160, "nobody lost anything");
    let audit = ops.audit("drop", None).await.unwrap().items;
    let by_brake: Vec<_> = audit.iter().filter(|entry| entry.by == "brake").collect();
    assert_eq!(by_brake.len(), 2, "its beginning and its end");
    assert_eq!(by_brake[0].to["divided_by"], 1);
    assert_eq!(by_brake[1].to["why"], "failed");
    server.stop().await.unwrap();
}
