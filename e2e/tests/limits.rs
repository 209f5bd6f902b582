//! Limits per client address that ops set live: in every process, over restarts, and back to the flags.
#![cfg(test)]

use client::LimitsChange;
use e2e::people;
use e2e::redis::Redis;
use e2e::{Server, Setup, until};

/// How often somebody enters whom a server may turn away, before it is taken for one that turns nobody away.
const TRIES: usize = 30;

/// Is the caller slowed down when they enter again and again?
async fn is_limited(server: &Server) -> bool {
    let visitor = server.visitor().unwrap();
    let token = people::new_token().unwrap();
    for _ in 0..TRIES {
        match visitor.enter("drop", Some(&token)).await {
            Ok(_) => {}
            Err(error) => {
                let problem = error.problem().expect("an answer");
                assert_eq!(problem.status, 429, "{problem:?}");
                return true;
            }
        }
    }
    false
}

async fn limited(server: &Server, expected: bool) {
    until(async || (is_limited(server).await == expected).then_some(()))
        .await
        .unwrap();
}

fn change(limits: &[(&str, Option<&str>)]) -> LimitsChange {
    let texts = limits.iter();
    texts
        .map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_set_live_hold_in_every_process_and_outlive_restarts() {
    let redis = Redis::start().unwrap();
    let with_others = |setup: Setup| {
        setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
    };
    let whole = with_others(Setup::new().unwrap()).start().await.unwrap();
    let other = with_others(Setup::new().unwrap()).with("--roles", "gateway");
    let mut other = other.start().await.unwrap();
    whole.open_event("drop", 10, 0.0).await.unwrap();
    for server in [&whole, &other] {
        assert!(
            !is_limited(server).await,
            "this machine is exempt by its flag"
        );
    }
    let ops = whole.organiser().unwrap();
    let set = change(&[("enters", Some("1/5")), ("exempt", Some("off"))]);
    let limits = ops.set_limits(&set).await.unwrap();
    assert_eq!(
        (limits.enters.as_str(), limits.exempt.as_str()),
        ("1/5", "off")
    );
    assert_eq!(limits.set, ["enters", "exempt"]);
    limited(&whole, true).await;
    limited(&other, true).await;
    other.kill().await.unwrap();
    let other = other.start_again().await.unwrap();
    limited(&other, true).await;

    let url = whole.ops.as_str();
    let back = ["ctl", "--ops-url", url, "limits", "--exempt", "flag"];
    let (said, worked) = whole.run(&back).await.unwrap();
    assert!(worked && said.contains("127.0.0.0/8"), "{said}");
    limited(&whole, false).await;
    limited(&other, false).await;
    assert_eq!(ops.limits().await.unwrap().set, ["enters"]);
    other.stop().await.unwrap();
    whole.stop().await.unwrap();
}
