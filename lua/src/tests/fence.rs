//! Redis as it may come back: restarted, emptied, or a replica that lacks the last writes. Nothing is decided on it before it
//! is recognised, and what the ledger knows of an event takes the place of what is left of it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::coupon::Issue;
use domain::event::AckLevel;
use domain::place::{AdmittedPlace, GoneReason, PlaceState};
use domain::{EventId, Phase, Seq};

use super::{ADMIN, Rig, SOON, event, id, place, redeem};
use crate::private::PrivateRedis;
use crate::{
    Entered, Line, Look, Moves, MovesGap, PutOutcome, Recovery, Redeemed, Restored, Settings,
    Standing, Store, StoreError,
};

const OPEN: &str = r#"{"title":"Demo","stock":5,"phase":"open","admission":{"rate_per_s":1000}}"#;

/// Everything that anybody may ask of an event is answered by "try again".
async fn assert_refused(store: &Store, demo: &EventId, admitted: &AdmittedPlace) {
    let refused = [
        store.enter(demo, &place(9)).await.err(),
        store.look(demo, &place(1)).await.err(),
        store.redeem(demo, redeem(admitted, "X")).await.err(),
        store.admit(demo, "key", 1).await.err(),
        store.event(demo).await.err(),
        store.figures(demo).await.err(),
        store.move_phase(demo, Phase::Closed, ADMIN).await.err(),
        store.put_event(&event("new", OPEN), 0, ADMIN).await.err(),
    ];
    for error in refused {
        assert!(
            matches!(error, Some(StoreError::Unavailable(_))),
            "{error:?}"
        );
    }
}

/// An open event with three people in line, the first of them let in.
async fn first_let_in(rig: &Rig) -> (EventId, AdmittedPlace) {
    rig.make("demo", OPEN).await;
    let demo = id("demo");
    rig.enter(&demo, 1..=3).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    (demo, admitted)
}

#[tokio::test]
async fn after_a_restart_nothing_is_decided_until_redis_is_recognised() {
    let rig = Rig::start().await;
    let (demo, admitted) = first_let_in(&rig).await;
    assert_eq!(rig.store.standing().await.unwrap(), Standing::Known(1));
    let Rig {
        store,
        redis,
        _folder: folder,
    } = rig;
    drop(redis);
    let redis = PrivateRedis::start(&folder.path().join("redis"))
        .await
        .unwrap();
    let rig = Rig {
        store,
        redis,
        _folder: folder,
    };
    // The first answer of a connection that broke is another one.
    let _ = rig.store.ping().await;
    let newcomer = Store::connect(&rig.redis.settings()).await.unwrap();
    for store in [&rig.store, &newcomer] {
        assert_refused(store, &demo, &admitted).await;
        assert_eq!(store.standing().await.unwrap(), Standing::Changed(1));
    }
    let recovery = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let mut recovery = recovery.unwrap();
    assert_eq!(recovery.noted(), 1);
    assert_eq!(recovery.records(&demo).await.unwrap(), 5);
    let another = Recovery::begin(&rig.redis.settings()).await.unwrap();
    assert!(another.is_none(), "one at a time");
    assert_refused(&rig.store, &demo, &admitted).await;
    recovery.finish(2).await.unwrap();
    for store in [&rig.store, &newcomer] {
        assert_eq!(store.standing().await.unwrap(), Standing::Known(2));
        let looked = store.look(&demo, &place(2)).await.unwrap();
        assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(2) }));
    }
    assert!(matches!(
        rig.redeem(&demo, &admitted, "CODE").await,
        Redeemed::Pass(_)
    ));
}

/// What the ledger would tell of [`first_let_in`], had the first redeemed, the second left and the third been let in.
fn told(admitted: &AdmittedPlace) -> (Line, Issue) {
    let third = AdmittedPlace {
        place: place(3),
        seq: Seq(3),
        ..admitted.clone()
    };
    let line = Line {
        waiting: vec![(place(4), Seq(4))],
        admitted: vec![third],
        gone: vec![(place(2), GoneReason::Left)],
        last_seq: Seq(4),
        ever_admitted: 2,
        no_shows: 0,
        left: 1,
        draw: None,
    };
    let issue = Issue {
        coupon: domain::coupon::Coupon {
            code: "CODE".into(),
            serial: domain::Serial(1),
        },
        holder: (&place(1)).into(),
        issued_at: admitted.admitted_at,
        record_id: domain::RecordId::new(&id("demo"), 1, 6),
        ordinal: 6,
        jti: admitted.jti(),
    };
    (line, issue)
}

#[tokio::test]
async fn an_emptied_redis_is_believed_in_nothing_and_what_is_known_is_put_back() {
    let rig = Rig::start().await;
    let (demo, admitted) = first_let_in(&rig).await;
    let definition = rig.store.event(&demo).await.unwrap().unwrap().event;
    let head = rig.store.moves_head(&demo).await.unwrap().0;
    emptied(&rig.store).await;
    assert_refused(&rig.store, &demo, &admitted).await;

    let recovery = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let mut recovery = recovery.unwrap();
    assert_eq!(recovery.records(&demo).await.unwrap(), 0);
    let (told, issue) = told(&admitted);
    recovery
        .lay_issues(&definition, std::slice::from_ref(&issue))
        .await
        .unwrap();
    let restored = Restored {
        event: &definition,
        epoch: 2,
        seen: 9,
        serial: 1,
        line: &told,
    };
    recovery.restore(restored).await.unwrap();
    assert_refused(&rig.store, &demo, &admitted).await;
    recovery.finish(2).await.unwrap();

    let live = rig
        .serving(async || rig.store.event(&demo).await)
        .await
        .unwrap();
    assert_eq!((live.event, live.epoch, live.remaining), (definition, 2, 4));
    assert_eq!(
        rig.redeem(&demo, &admitted, "OTHER").await,
        Redeemed::Replayed(issue)
    );
    let looked = rig.store.look(&demo, &place(4)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(4) }));
    let reason = GoneReason::Left;
    let looked = rig.store.look(&demo, &place(2)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Gone { reason }));
    assert_goes_on(&rig, &demo, &told).await;
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let read = moves.next(&[(demo.clone(), head)], SOON).await.unwrap();
    assert_eq!(read, [Err(MovesGap { event: demo })], "mirrors load anew");
}

/// Redis forgets everything.
async fn emptied(store: &Store) {
    redis::cmd("FLUSHALL")
        .exec_async(&mut store.connection())
        .await
        .unwrap();
    assert_eq!(store.standing().await.unwrap(), Standing::Blank);
}

/// The event that was put back as `told` serves on, in epoch 2 and above the ninth record.
async fn assert_goes_on(rig: &Rig, demo: &EventId, told: &Line) {
    let entered = rig.store.enter(demo, &place(5)).await.unwrap();
    assert_eq!(entered, Entered::New(Seq(5)), "behind everyone");
    let round = rig.store.admit(demo, "key", 0).await.unwrap();
    assert_eq!(round.unminted, told.admitted, "the same tickets are minted");
    let Redeemed::Pass(next) = rig.redeem(demo, &told.admitted[0], "NEXT").await else {
        panic!("the ticket of one who was let in is good")
    };
    assert_eq!(next.coupon.serial.0, 2);
    assert!(next.ordinal > 9 && next.record_id.0.starts_with("demo:2:"));

    let marks = rig.store.watermarks(demo).await.unwrap();
    assert!(marks.reached(AckLevel::Ledger, 9));
    assert!(!marks.reached(AckLevel::Log, 10), "lost, if there was one");
    assert!(!marks.reached(AckLevel::Log, next.ordinal), "not yet");
}

#[tokio::test]
async fn whoever_was_too_slow_puts_nothing_back() {
    let rig = Rig::start().await;
    let (demo, admitted) = first_let_in(&rig).await;
    let definition = rig.store.event(&demo).await.unwrap().unwrap().event;
    redis::cmd("DEL")
        .arg("installation")
        .exec_async(&mut rig.store.connection())
        .await
        .unwrap();
    let slow = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let mut slow = slow.unwrap();
    let lease = async |command: &str, owner: &[&str]| {
        redis::cmd(command)
            .arg("lease:recovery")
            .arg(owner)
            .exec_async(&mut rig.store.connection())
            .await
            .unwrap();
    };
    lease("DEL", &[]).await;
    let other = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let mut other = other.unwrap();
    other.resume(&demo, 3).await.unwrap();
    other.finish(3).await.unwrap();
    let restored = Restored {
        event: &definition,
        epoch: 2,
        seen: 99,
        serial: 5,
        line: &Line::default(),
    };
    let error = slow.restore(restored).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    // Also when it has looked at its lease before it lost it: what it puts back is of an epoch that is over.
    lease("SET", &[&slow.owner]).await;
    let error = slow.restore(restored).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let error = slow.resume(&demo, 2).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    lease("DEL", &[]).await;
    let error = slow.finish(7).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let passed = rig
        .serving(async || rig.store.redeem(&demo, redeem(&admitted, "CODE")).await)
        .await;
    assert!(matches!(passed, Redeemed::Pass(_)), "{passed:?}");
}

#[tokio::test]
async fn a_recovery_that_asks_of_many_events_keeps_its_lease() {
    let rig = Rig::start().await;
    emptied(&rig.store).await;
    let recovery = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let mut recovery = recovery.unwrap();
    // Longer than the lease lasts unless it is renewed.
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(recovery.records(&id("demo")).await.unwrap(), 0);
    }
    recovery.finish(2).await.unwrap();
}

#[tokio::test]
async fn what_a_recovery_lays_is_never_added_to_by_one_after_a_restart_of_redis() {
    let rig = Rig::start().await;
    let (demo, admitted) = first_let_in(&rig).await;
    let definition = rig.store.event(&demo).await.unwrap().unwrap().event;
    emptied(&rig.store).await;
    let recovery = Recovery::begin(&rig.redis.settings()).await.unwrap();
    let (_, issue) = told(&admitted);
    recovery
        .unwrap()
        .lay_issues(&definition, std::slice::from_ref(&issue))
        .await
        .unwrap();
    let (server, laid): (String, Vec<String>) = redis::pipe()
        .cmd("INFO")
        .arg("server")
        .cmd("KEYS")
        .arg("*:connection-*")
        .query_async(&mut rig.store.connection())
        .await
        .unwrap();
    // The numbers of connections begin again with each process.
    let run_id = crate::installation::line(&server, "run_id").unwrap();
    assert_eq!(laid.len(), 3);
    assert!(laid.iter().all(|key| key.ends_with(run_id)), "{laid:?}");
}

/// A redis-server on a port, killed when dropped.
struct OnPort {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl OnPort {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
            ])
            .arg(folder.path())
            .args(["--repl-diskless-sync-delay", "0"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self {
            child,
            port,
            _folder: folder,
        };
        redis.until("PING", "PONG").await;
        redis
    }

    fn settings(&self) -> Settings {
        Settings::new(format!("redis://127.0.0.1:{}", self.port))
    }

    fn ask(&self, command: &str) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command.split(' '))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    async fn until(&self, command: &str, answer: &str) {
        let waiting = async {
            while !self.ask(command).contains(answer) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap();
    }
}

impl Drop for OnPort {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_replica_that_lacks_writes_is_locked_out_when_it_takes_over() {
    let (primary, mut replica) = (OnPort::start().await, OnPort::start().await);
    Recovery::of_nothing(&primary.settings()).await.unwrap();
    let store = Store::connect(&primary.settings()).await.unwrap();
    let made = store
        .put_event(&event("demo", OPEN), 0, ADMIN)
        .await
        .unwrap();
    assert!(matches!(made, PutOutcome::Created(_)));
    replica.ask(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
    let demo = id("demo");
    store.enter(&demo, &place(1)).await.unwrap();
    replica.until("ZCARD line:{demo}:places", "1").await;
    assert_eq!(
        store.standing().await.unwrap(),
        Standing::Known(1),
        "a replica that joins changes nothing"
    );
    // From here on the replica misses what is written.
    replica.ask("REPLICAOF NO ONE");
    store.enter(&demo, &place(2)).await.unwrap();
    let port = primary.port;
    drop(primary);
    replica.ask(&format!("CONFIG SET port {port}"));
    replica.port = port;
    replica.until("PING", "PONG").await;
    let _ = store.ping().await;
    let looked = store.look(&demo, &place(2)).await;
    assert!(
        matches!(looked, Err(StoreError::Unavailable(_))),
        "the place is not said to be none: {looked:?}"
    );
    assert_eq!(store.standing().await.unwrap(), Standing::Changed(1));
    let mut recovery = Recovery::begin(&replica.settings()).await.unwrap().unwrap();
    assert_eq!(
        recovery.records(&demo).await.unwrap(),
        2,
        "made, and one entered"
    );
}
