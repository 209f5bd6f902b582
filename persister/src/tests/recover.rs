//! Redis loses all it held, or the last of it, and what log and ledger know is put back without anybody's help.

use domain::place::{AdmittedPlace, GoneReason, PlaceState};
use domain::{EventId, Seq};
use kafka::{Producer, Settings, ensure_topics};
use lua::private::PrivateRedis;
use lua::{Entered, Look, OutboxReader, Recovery, Redeem, Redeemed, Standing, StoreError};
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, eventually, place, stopped};

/// Waits until Redis is recognised after what happened to it.
async fn recognised(rig: &Rig, incarnation: u64) {
    eventually("redis is recognised", async || {
        rig.store.standing().await == Ok(Standing::Known(incarnation))
    })
    .await;
}

/// What a call answers once Redis serves again; "try again" is all that anybody hears before.
async fn served<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let serving = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(StoreError::Unavailable(_)) => {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    };
    tokio::time::timeout(SOON, serving).await.unwrap()
}

/// Forty coupons issued; then of five more people the first is let in, the second left, and three wait.
async fn in_full_swing(rig: &Rig) -> (EventId, AdmittedPlace) {
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..40).await;
    for n in 40..45 {
        rig.store.enter(&demo, &place(n)).await.unwrap();
    }
    let mut admitted = Vec::new();
    while admitted.is_empty() {
        let round = rig.store.admit(&demo, "key", 1).await.unwrap();
        admitted = round.admitted;
    }
    rig.store.leave(&demo, &place(41)).await.unwrap();
    (demo, admitted.remove(0))
}

/// Everybody is where they were, nothing is given twice, and service goes on.
async fn assert_as_before(rig: &Rig, demo: &EventId, admitted: &AdmittedPlace) {
    let looked = served(async || rig.store.look(demo, &place(43)).await).await;
    assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(44) }));
    let reason = GoneReason::Left;
    let looked = rig.store.look(demo, &place(41)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Gone { reason }));
    let looked = rig.store.look(demo, &place(7)).await.unwrap();
    let Look::Known(PlaceState::Redeemed(issue)) = looked else {
        panic!("{looked:?}")
    };
    assert_eq!(issue.coupon.code, "CODE-7");
    let figures = rig.store.figures(demo).await.unwrap().unwrap();
    assert_eq!((figures.waiting, figures.outstanding), (3, 1));
    assert_eq!((figures.redeemed, figures.remaining), (40, 99_960));
    assert_eq!((figures.admitted, figures.left), (41, 1));

    let ask = |jti: String, code: &str| Redeem {
        place: admitted.place.clone(),
        holder: (&admitted.place).into(),
        jti,
        begins_at: domain::Millis(0),
        ends_at: admitted.expires_at,
        code: code.to_owned(),
    };
    let taken = rig.store.redeem(demo, ask(admitted.jti(), "CODE-7")).await;
    assert_eq!(taken.unwrap(), Redeemed::CodeTaken);
    let passed = rig.store.redeem(demo, ask(admitted.jti(), "CODE-40")).await;
    let Redeemed::Pass(issue) = passed.unwrap() else {
        panic!("the ticket was good before")
    };
    assert_eq!(issue.coupon.serial.0, 41);
    let entered = rig.store.enter(demo, &place(50)).await.unwrap();
    assert_eq!(entered, Entered::New(Seq(46)), "behind everyone");
    rig.issue(demo, 60..70).await;
}

#[tokio::test]
async fn an_emptied_redis_is_put_back_by_itself_line_and_all() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let (demo, admitted) = in_full_swing(&rig).await;
    rig.settled(&demo).await;
    rig.redis_cli(&["FLUSHALL"]);
    recognised(&rig, 1).await;
    assert_as_before(&rig, &demo, &admitted).await;
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (51, 0));
    assert!(rig.ledger.anomalies(&demo).await.unwrap().is_empty());

    // And again: epochs and ordinals only rise.
    rig.redis_cli(&["FLUSHALL"]);
    recognised(&rig, 2).await;
    rig.issue(&demo, 70..80).await;
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (61, 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn what_a_file_lost_at_its_end_is_put_back_and_a_whole_one_is_left_as_it_is() {
    let mut rig = Rig::embedded().await;
    let persister = rig.persist();
    let (demo, admitted) = in_full_swing(&rig).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    let before = rig.store.event(&demo).await.unwrap().unwrap();
    let folder = rig.folder.path().join("redis");
    for (cut, incarnation, epoch) in [(false, 2, 1), (true, 3, 3)] {
        // Its last byte written, since what is cut off is for the test to say.
        rig.redis_cli_ends(&["SHUTDOWN"]).await;
        if cut {
            let files = std::fs::read_dir(folder.join("appendonlydir")).unwrap();
            let mut files = files.map(|entry| entry.unwrap().path());
            let file = files
                .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
                .unwrap();
            let file = std::fs::File::options().write(true).open(file).unwrap();
            let half = file.metadata().unwrap().len() / 2;
            file.set_len(half).unwrap();
        }
        rig.redis = restarted(rig.redis, &folder).await;
        let persister = rig.persist();
        recognised(&rig, incarnation).await;
        let after = served(async || rig.store.event(&demo).await).await.unwrap();
        assert_eq!((after.epoch, &after.event), (epoch, &before.event));
        stopped(&persister).await;
    }
    assert_as_before(&rig, &demo, &admitted).await;
}

/// Starts Redis on the same folder again.
async fn restarted(redis: PrivateRedis, folder: &std::path::Path) -> PrivateRedis {
    drop(redis);
    PrivateRedis::start(folder).await.unwrap()
}

#[tokio::test]
async fn recovery_waits_for_what_is_in_the_log_alone() {
    let server = Kafka::start().unwrap();
    let settings = Settings::new(server.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = Postgres::shared().database().unwrap();
    let rig = Rig::with(&url, Some(settings.clone())).await;
    let (demo, admitted) = in_full_swing(&rig).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader
        .next(&[(demo.clone(), 0)], 10_000, SOON)
        .await
        .unwrap();
    let producer = Producer::new(&settings).unwrap();
    producer.send(&read[0].records).await.unwrap();
    rig.redis_cli(&["FLUSHALL"]);
    // The ledger knows of nothing yet; only the log does.
    let persister = rig.persist();
    recognised(&rig, 1).await;
    assert_as_before(&rig, &demo, &admitted).await;
    stopped(&persister).await;
}

#[tokio::test]
async fn a_recovery_that_was_killed_half_way_is_made_whole_by_the_next() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let (demo, admitted) = in_full_swing(&rig).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    let event = rig.store.event(&demo).await.unwrap().unwrap().event;
    rig.redis_cli(&["FLUSHALL"]);
    let begun = Recovery::begin(&rig.redis.settings()).await.unwrap();
    begun.unwrap().lay_issues(&event, &[]).await.unwrap();
    // Nobody gives its lease back.
    let persister = rig.persist();
    recognised(&rig, 1).await;
    assert_as_before(&rig, &demo, &admitted).await;
    stopped(&persister).await;
}
