//! Redis loses all it held, or the last of it, and what log and ledger know is put back without anybody's help.

use std::ops::Range;

use domain::coupon::Issue;
use domain::event::AckLevel;
use domain::place::{AdmittedPlace, GoneReason, PlaceState};
use domain::{EventId, Seq, Serial};
use kafka::{Producer, Settings, ensure_topics};
use lua::private::PrivateRedis;
use lua::{Entered, Look, OutboxReader, Recovery, Redeem, Redeemed, Standing, StoreError};
use testbed::{Kafka, Postgres};

use super::{Rig, SOON, eventually, place, stopped};

/// Waits until Redis is recognised after what happened to it.
pub(super) async fn recognised(rig: &Rig, incarnation: u64) {
    eventually("redis is recognised", async || {
        rig.store.standing().await == Ok(Standing::Known(incarnation))
    })
    .await;
}

/// What a call answers once Redis serves again; "try again" is all that anybody hears before.
pub(super) async fn served<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> T {
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
    recognised(&rig, 2).await;
    assert_as_before(&rig, &demo, &admitted).await;
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (51, 0));
    assert!(rig.ledger.anomalies(&demo).await.unwrap().is_empty());

    // And again: epochs and ordinals only rise.
    rig.redis_cli(&["FLUSHALL"]);
    recognised(&rig, 3).await;
    rig.issue(&demo, 70..80).await;
    rig.settled(&demo).await;
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (61, 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn what_a_file_lost_at_its_end_is_put_back_and_a_whole_one_goes_on_as_it_is() {
    let mut rig = Rig::embedded().await;
    let persister = rig.persist();
    let (demo, admitted) = in_full_swing(&rig).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    let before = rig.store.event(&demo).await.unwrap().unwrap();
    let folder = rig.folder.path().join("redis");
    for (cut, incarnation, epoch) in [(false, 2, 2), (true, 3, 3)] {
        // Its last byte written, since what is cut off is for the test to say.
        rig.redis_cli_ends(&["SHUTDOWN"]).await;
        if cut {
            let file = append_only_file(&folder);
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

/// The file in which Redis notes what it does.
fn append_only_file(folder: &std::path::Path) -> std::fs::File {
    let files = std::fs::read_dir(folder.join("appendonlydir")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let file = files
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .unwrap();
    std::fs::File::options().write(true).open(file).unwrap()
}

/// The coupons of these people, each with its record.
async fn issues(rig: &Rig, demo: &EventId, people: Range<u64>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for n in people {
        match rig.store.look(demo, &place(n)).await.unwrap() {
            Look::Known(PlaceState::Redeemed(issue)) => issues.push(issue),
            other => panic!("{other:?}"),
        }
    }
    issues
}

#[tokio::test]
async fn what_redis_lost_and_nobody_else_knew_gives_its_record_ids_and_marks_to_nobody() {
    let mut rig = Rig::embedded().await;
    let persister = rig.persist();
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..5).await;
    rig.settled(&demo).await;
    stopped(&persister).await;
    rig.issue(&demo, 5..8).await;
    let waiting = issues(&rig, &demo, 5..8).await;
    let folder = rig.folder.path().join("redis");
    let length = append_only_file(&folder).metadata().unwrap().len();
    rig.issue(&demo, 8..11).await;
    let lost = issues(&rig, &demo, 8..11).await;
    rig.redis_cli_ends(&["SHUTDOWN"]).await;
    append_only_file(&folder).set_len(length).unwrap();
    rig.redis = restarted(rig.redis, &folder).await;

    let persister = rig.persist();
    recognised(&rig, 2).await;
    served(async || rig.store.event(&demo).await).await;
    rig.issue(&demo, 20..26).await;
    rig.settled(&demo).await;
    let marks = rig.store.watermarks(&demo).await.unwrap();
    for issue in &waiting {
        assert!(marks.reached(AckLevel::Ledger, issue.ordinal), "{issue:?}");
    }
    for issue in &lost {
        assert!(!marks.reached(AckLevel::Ledger, issue.ordinal), "{issue:?}");
    }
    let after = issues(&rig, &demo, 20..26).await;
    for new in &after {
        assert!(marks.reached(AckLevel::Ledger, new.ordinal));
        let twice = lost.iter().find(|old| old.record_id == new.record_id);
        assert!(twice.is_none(), "{new:?} {twice:?}");
        assert!(lost.iter().all(|old| old.ordinal != new.ordinal));
        assert!(new.record_id.0.starts_with("demo:2:"), "{new:?}");
    }
    let report = rig.verify(&demo).await;
    assert_eq!((report.issued.ledger, report.unexplained), (14, 0));
    stopped(&persister).await;
}

#[tokio::test]
async fn what_a_relay_brings_from_before_a_recovery_takes_nothing_from_anybody() {
    let server = Kafka::start().unwrap();
    let settings = Settings::new(server.brokers());
    ensure_topics(&settings).await.unwrap();
    let url = Postgres::shared().database().unwrap();
    let rig = Rig::with(&url, Some(settings.clone())).await;
    let persister = rig.persist();
    let demo = rig.open("demo").await;
    rig.issue(&demo, 0..8).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let known = reader.next(&[(demo.clone(), 0)], 10_000, SOON).await;
    let known = known.unwrap().remove(0).records;
    let producer = Producer::new(&settings).unwrap();
    producer.send(&known).await.unwrap();
    rig.issue(&demo, 8..11).await;
    let last = known.last().unwrap().ordinal;
    let slept = reader.next(&[(demo.clone(), last)], 10_000, SOON).await;
    let slept = slept.unwrap().remove(0).records;

    rig.redis_cli(&["FLUSHALL"]);
    recognised(&rig, 2).await;
    served(async || rig.store.event(&demo).await).await;
    // The relay wakes up, and is faster than the one that took its place.
    producer.send(&slept).await.unwrap();
    producer.send(&known).await.unwrap();
    rig.issue(&demo, 20..26).await;
    let new = reader.next(&[(demo.clone(), last)], 10_000, SOON).await;
    producer.send(&new.unwrap()[0].records).await.unwrap();

    eventually("everybody's coupon is a row", async || {
        rig.ledger.issued(&demo).await.unwrap() == 14
    })
    .await;
    let serials: Vec<u64> = issues(&rig, &demo, 20..26)
        .await
        .iter()
        .map(|issue| issue.coupon.serial.0)
        .collect();
    assert_eq!(serials, [9, 10, 11, 12, 13, 14], "the serials of the lost");
    let rows = rig.ledger.issuances(&demo, Serial(8), 100).await.unwrap();
    for (row, n) in rows.iter().zip(20..26) {
        assert_eq!(row.holder.as_str(), place(n).as_str());
    }
    let noted = rig.ledger.anomalies(&demo).await.unwrap();
    let kinds: Vec<&str> = noted.iter().map(|noted| noted.kind.as_str()).collect();
    assert_eq!(kinds, ["late", "late", "late"]);
    let report = rig.verify(&demo).await;
    let issued = (report.issued.log, report.issued.ledger);
    assert_eq!((issued, report.unexplained), ((14, 14), 0));
    stopped(&persister).await;
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
    recognised(&rig, 2).await;
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
    recognised(&rig, 2).await;
    assert_as_before(&rig, &demo, &admitted).await;
    stopped(&persister).await;
}
