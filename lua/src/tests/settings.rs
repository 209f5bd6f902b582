//! Redis as it may be found: wrongly set, away, slow, full, read-only; and what the callers are told of it.

use std::process::Command;
use std::time::Duration;

use domain::event::AckLevel;
use domain::place::PlaceState;
use domain::{EventId, Seq};

use super::installation::Named;
use super::{Rig, id, place, redeem};
use crate::{Awake, Entered, Lease, Recovery, Redeemed, Settings, Store, StoreError};

async fn configure(rig: &Rig, setting: &str, value: &str) {
    redis::cmd("CONFIG")
        .arg(&["SET", setting, value])
        .exec_async(&mut rig.store.connection())
        .await
        .unwrap();
}

async fn made(rig: &Rig) -> EventId {
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    id("demo")
}

#[tokio::test]
async fn settings_that_break_a_promise_are_named() {
    let rig = Rig::start().await;
    rig.store.ping().await.unwrap();
    assert_eq!(
        rig.store.faults().await.unwrap(),
        [],
        "the private one is as it must be"
    );
    configure(&rig, "maxmemory-policy", "allkeys-lru").await;
    assert_eq!(
        rig.store.faults().await.unwrap(),
        [],
        "without a memory limit nothing is evicted"
    );
    configure(&rig, "maxmemory", "100mb").await;
    for (setting, wrong, right) in [
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("appendfsync", "everysec", "always"),
        ("appendonly", "no", "yes"),
    ] {
        configure(&rig, setting, wrong).await;
        let faults = rig.store.faults().await.unwrap();
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        assert_eq!(
            (fault.setting.as_str(), fault.held.as_str()),
            (setting, wrong)
        );
        assert!(
            fault.mend.contains(&format!("`{setting} {right}`")),
            "{}",
            fault.mend
        );
        // Turning the append-only file on again would begin a rewrite in another process, which would outlive the test.
        if setting != "appendonly" {
            configure(&rig, setting, right).await;
        }
    }
}

#[tokio::test]
async fn a_redis_that_hides_its_settings_is_one_fault() {
    let rig = Rig::start().await;
    let user = [
        "SETUSER", "shy", "on", "nopass", "~*", "&*", "+@all", "-config",
    ];
    redis::cmd("ACL")
        .arg(&user)
        .exec_async(&mut rig.store.connection())
        .await
        .unwrap();
    let url = format!("{}?user=shy&pass=any", rig.redis.settings().url);
    let store = Store::connect(&Settings::new(url)).await.unwrap();
    let faults = store.faults().await.unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].setting, "CONFIG GET");
}

#[tokio::test]
async fn a_redis_that_is_away_is_unavailable() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    let settings = rig.redis.settings();
    let Rig {
        store,
        redis,
        _folder,
    } = rig;
    redis.stop().await.unwrap();
    // The first call may still find the broken connection; after it, nobody answers.
    let _ = store.ping().await;
    let error = store.figures(&demo).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let error = Store::connect(&settings).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let error = Store::connect(&Settings::new("carrier-pigeon://loft"))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_late_reply_is_unknown_and_asking_again_tells() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    rig.enter(&demo, 1..=1).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    let settings = Settings {
        response_timeout: Duration::from_millis(200),
        ..rig.redis.settings()
    };
    let store = Store::connect(&settings).await.unwrap();
    // The script is known to Redis, so that the one call that follows carries it out.
    let elsewhere = store
        .redeem(&id("nothing"), redeem(&admitted, "CODE"))
        .await;
    assert_eq!(elsewhere.unwrap(), Redeemed::NoSuchEvent);
    signal("STOP", rig.redis.pid());
    let error = store
        .redeem(&demo, redeem(&admitted, "CODE"))
        .await
        .unwrap_err();
    signal("CONT", rig.redis.pid());
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    let again = store
        .redeem(&demo, redeem(&admitted, "OTHER"))
        .await
        .unwrap();
    let Redeemed::Replayed(issue) = again else {
        panic!("{again:?}")
    };
    assert_eq!(issue.coupon.code, "CODE", "it was carried out");
}

#[tokio::test]
async fn a_full_outbox_issues_nothing_until_the_log_has_taken_some() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    rig.enter(&demo, 1..=3).await;
    let admitted = rig.admitted(&demo, 2).await;
    let waiting = rig.store.outbox_length(&demo).await.unwrap();
    let settings = Settings {
        outbox_max: waiting + 1,
        ..rig.redis.settings()
    };
    let store = Store::connect(&settings).await.unwrap();
    let ask = |n: usize| store.redeem(&demo, redeem(&admitted[n], ["A", "B"][n]));
    let first = ask(0).await.unwrap();
    assert!(matches!(first, Redeemed::Pass(_)), "{first:?}");
    assert_eq!(ask(1).await.unwrap(), Redeemed::OutboxFull);
    let again = ask(0).await.unwrap();
    assert!(matches!(again, Redeemed::Replayed(_)), "{again:?}");
    let entered = store.enter(&demo, &place(9)).await.unwrap();
    assert_eq!(entered, Entered::New(Seq(4)), "the line goes on");
    let held = rig.store.outbox_length(&demo).await.unwrap();
    assert_eq!(held, waiting + 1, "and the outbox does not grow");
    let figures = rig.store.figures(&demo).await.unwrap().unwrap();
    assert_eq!((figures.redeemed, figures.remaining), (1, 4));
    rig.store.trim_outbox(&demo, waiting).await.unwrap();
    let second = ask(1).await.unwrap();
    assert!(
        matches!(second, Redeemed::Pass(_)),
        "nothing was lost: {second:?}"
    );
}

#[tokio::test]
async fn a_full_redis_refuses_whole_calls() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    rig.enter(&demo, 1..=1).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    configure(&rig, "maxmemory", "1").await;
    let entering = rig.store.enter(&demo, &place(2)).await;
    assert!(
        matches!(entering, Err(StoreError::Unavailable(_))),
        "{entering:?}"
    );
    let redeeming = rig.store.redeem(&demo, redeem(&admitted, "CODE")).await;
    assert!(
        matches!(redeeming, Err(StoreError::Unavailable(_))),
        "{redeeming:?}"
    );
    configure(&rig, "maxmemory", "0").await;
    assert_eq!(
        rig.store.enter(&demo, &place(2)).await.unwrap(),
        Entered::New(Seq(2))
    );
    assert!(matches!(
        rig.redeem(&demo, &admitted, "CODE").await,
        Redeemed::Pass(_)
    ));
}

#[tokio::test]
async fn a_full_redis_forgets_what_the_log_has_and_says_so() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    rig.enter(&demo, 1..=3).await;
    let waiting = rig.store.outbox_length(&demo).await.unwrap();
    configure(&rig, "maxmemory", "1").await;
    let levels = [AckLevel::Log, AckLevel::Ledger];
    let done = rig.store.raise_and_forget(&demo, &levels, waiting - 1);
    done.await.unwrap();
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), 1);
    let marks = rig.store.watermarks(&demo).await.unwrap();
    assert_eq!((marks.log, marks.ledger), (waiting - 1, waiting - 1));
    // Whoever moves records on can begin with it, too: it is they who make room.
    let lease = Lease::new(&rig.store, "mover", &Named(1));
    for _ in ["taken", "renewed"] {
        assert!(lease.hold().await.unwrap());
    }
    let mut awake = Awake::begin(&rig.store, &rig.redis.settings())
        .await
        .unwrap();
    assert!(awake.events().await.unwrap().contains(&demo));
}

#[tokio::test]
async fn a_replica_refuses_whole_calls() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    let replica = |of: [&'static str; 2]| redis::cmd("REPLICAOF").arg(&of).to_owned();
    let mut connection = rig.store.connection();
    replica(["127.0.0.1", "1"])
        .exec_async(&mut connection)
        .await
        .unwrap();
    let entering = rig.store.enter(&demo, &place(1)).await;
    assert!(
        matches!(entering, Err(StoreError::Unavailable(_))),
        "{entering:?}"
    );
    replica(["NO", "ONE"])
        .exec_async(&mut connection)
        .await
        .unwrap();
    let entering = rig.store.enter(&demo, &place(1)).await;
    assert!(
        matches!(entering, Err(StoreError::Unavailable(_))),
        "it may have missed something: {entering:?}"
    );
    Recovery::of_nothing(&rig.redis.settings()).await.unwrap();
    let seq = rig.serving(async || rig.store.enter(&demo, &place(1)).await);
    assert_eq!(seq.await, Entered::New(Seq(1)));
}

#[tokio::test]
async fn a_redis_that_forgot_the_scripts_is_given_them_again() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    let flush = redis::cmd("SCRIPT").arg("FLUSH").to_owned();
    flush.exec_async(&mut rig.store.connection()).await.unwrap();
    let held = Entered::Held(PlaceState::Waiting { seq: Seq(1) });
    assert_eq!(
        rig.store.enter(&demo, &place(1)).await.unwrap(),
        Entered::New(Seq(1))
    );
    flush.exec_async(&mut rig.store.connection()).await.unwrap();
    assert_eq!(rig.store.enter(&demo, &place(1)).await.unwrap(), held);
}

#[tokio::test]
async fn what_is_not_ours_is_unexpected() {
    let rig = Rig::start().await;
    let demo = made(&rig).await;
    let key = crate::keys::Keys::of(&demo).acked();
    redis::cmd("SET")
        .arg(key)
        .arg("a text")
        .exec_async(&mut rig.store.connection())
        .await
        .unwrap();
    let error = rig
        .store
        .raise_watermark(&demo, AckLevel::Log, 1)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unexpected(_)), "{error:?}");
}
