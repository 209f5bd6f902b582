//! A real Redis Cluster: everything does there what it does on one Redis, and the loss of one primary is the matter of its events alone.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::EventId;
use domain::place::PlaceState;
use domain::{Phase, Seq};
use testbed::RedisCluster;

use super::sequences::sequences_agree;
use super::{ADMIN, SOON, event, id, place, redeem};
use crate::keys::{EVENTS, Keys};
use crate::{
    Entered, Lease, Look, Moves, OutboxReader, PutOutcome, Recovery, Redeemed, Settings, Standing,
    Store, StoreError, Wakes,
};

const OPEN: &str = r#"{"title":"Demo","stock":5,"phase":"open","admission":{"rate_per_s":1000}}"#;

struct Rig {
    cluster: RedisCluster,
    settings: Settings,
    store: Store,
    /// One event at each primary; the first where the list of events is.
    events: Vec<EventId>,
}

impl Rig {
    async fn start() -> Self {
        let cluster = RedisCluster::start().unwrap();
        let settings = Settings::new(cluster.url());
        Recovery::of_nothing(&settings).await.unwrap();
        let store = Store::connect(&settings).await.unwrap();
        let mut events = Vec::new();
        let mut ports = BTreeSet::new();
        let home = cluster.primary_of(EVENTS).unwrap();
        for n in 0..1_000 {
            let name = id(&format!("event-{n}"));
            let port = cluster.primary_of(&Keys::of(&name).event()).unwrap();
            if (events.is_empty() && port != home) || !ports.insert(port) {
                continue;
            }
            make(&store, &name).await;
            events.push(name);
            if events.len() == 3 {
                break;
            }
        }
        Self {
            cluster,
            settings,
            store,
            events,
        }
    }

    fn primary_of(&self, event: &EventId) -> u16 {
        let key = Keys::of(event).event();
        self.cluster.primary_of(&key).unwrap()
    }

    /// Kills the primary of an event; its replica takes over.
    fn fail_over(&self, event: &EventId) {
        let port = self.primary_of(event);
        self.cluster.stop(port).unwrap();
        self.taken_over(event, port);
    }

    fn taken_over(&self, event: &EventId, port: u16) {
        let key = Keys::of(event).event();
        self.cluster.until_taken_over(&key, port).unwrap();
    }

    /// What a call answers once the answer is neither a refusal nor unknown.
    async fn answered<T>(&self, call: impl AsyncFn() -> Result<T, StoreError>) -> T {
        let answering = async {
            loop {
                match call().await {
                    Ok(answer) => return answer,
                    Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(SOON, answering).await.unwrap()
    }

    /// The recovery of the primary that was lost.
    async fn recovery(&self) -> Recovery {
        self.answered(async || {
            let begun = Recovery::begin(&self.settings).await?;
            begun.ok_or_else(|| StoreError::Unavailable("nothing is lost".to_owned()))
        })
        .await
    }

    /// Someone has a coupon, a second is let in, and a third waits.
    async fn go_on(&self, event: &EventId) {
        for n in 1..=3 {
            self.store.enter(event, &place(n)).await.unwrap();
        }
        let mut admitted = Vec::new();
        while admitted.len() < 2 {
            let round = self.store.admit(event, "key", 2 - admitted.len()).await;
            admitted.extend(round.unwrap().admitted);
        }
        let passed = self.store.redeem(event, redeem(&admitted[0], "CODE")).await;
        assert!(matches!(passed, Ok(Redeemed::Pass(_))), "{passed:?}");
    }
}

async fn make(store: &Store, name: &EventId) {
    let made = store.put_event(&event(name.as_str(), OPEN), 0, ADMIN).await;
    assert!(matches!(made, Ok(PutOutcome::Created(_))), "{made:?}");
}

#[test]
fn any_sequence_of_calls_does_on_a_cluster_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cluster = RedisCluster::start().unwrap();
    let settings = Settings::new(cluster.url());
    let store = runtime.block_on(async {
        Recovery::of_nothing(&settings).await.unwrap();
        Store::connect(&settings).await.unwrap()
    });
    sequences_agree(&runtime, &store);
}

#[tokio::test]
async fn what_is_told_at_any_primary_is_heard_and_read() {
    let rig = Rig::start().await;
    assert_eq!(rig.events.len(), 3);
    assert_eq!(rig.store.faults().await.unwrap(), []);
    // Two of them are at one primary, in different slots.
    let mut listed = rig.events.clone();
    listed.push(id("neighbour"));
    make(&rig.store, &listed[3]).await;
    listed.sort_unstable();
    assert_eq!(rig.store.events().await.unwrap(), listed);
    let mut moves = Moves::connect(&rig.settings).await.unwrap();
    let mut outbox = OutboxReader::connect(&rig.settings).await.unwrap();
    let mut wakes = Wakes::of_lines(&rig.settings).await.unwrap();
    for event in &listed {
        rig.go_on(event).await;
        rig.store
            .move_phase(event, Phase::Paused, ADMIN)
            .await
            .unwrap();
    }
    wakes.catch_up().await.unwrap();
    let mut woken = BTreeSet::new();
    while let Some(told) = wakes.told() {
        woken.insert(told.unwrap());
    }
    assert!(
        listed.iter().all(|event| woken.contains(event)),
        "{woken:?}"
    );

    let followed: Vec<_> = listed.iter().map(|event| (event.clone(), 0)).collect();
    let (mut heard, mut recorded) = (BTreeSet::new(), BTreeSet::new());
    let reading = async {
        while heard.len() < 4 {
            for read in moves.next(&followed, SOON).await.unwrap() {
                heard.insert(read.unwrap().event);
            }
        }
        while recorded.len() < 4 {
            for batch in outbox.next(&followed, 100, SOON).await.unwrap() {
                assert!(batch.records.len() >= 5, "{batch:?}");
                recorded.insert(batch.event);
            }
        }
    };
    tokio::time::timeout(SOON, reading).await.unwrap();
    let all = outbox.next(&followed, 100, Duration::ZERO).await.unwrap();
    assert_eq!(all.len(), 4, "without waiting all are asked");
    let end = rig.store.last_ticket_end().await.unwrap();
    assert!(end.unwrap() > rig.store.key_times().await.unwrap().now);
}

#[tokio::test]
async fn a_primary_that_is_lost_is_recovered_alone_while_the_others_serve() {
    let rig = Rig::start().await;
    let [_, lost, other] = &rig.events[..] else {
        panic!("three primaries")
    };
    for event in &rig.events {
        rig.go_on(event).await;
    }
    let lease = Lease::new(&rig.store, "relay", &super::installation::Named(1));
    let records = rig.store.figures(lost).await.unwrap().unwrap().outbox_lag;
    let port = rig.primary_of(lost);
    rig.cluster.stop(port).unwrap();
    while rig.primary_of(lost) == port {
        rig.store.look(other, &place(3)).await.unwrap();
    }
    rig.taken_over(lost, port);
    assert!(rig.answered(async || lease.hold().await).await);
    // Whoever knows of the new primary decides nothing on it, and whoever comes new neither.
    let newcomer = Store::connect(&rig.settings).await.unwrap();
    for store in [&rig.store, &newcomer] {
        let standing = rig.answered(async || store.standing().await).await;
        assert_eq!(standing, Standing::Changed(1));
        for refused in [
            store.look(lost, &place(9)).await.err(),
            store.enter(lost, &place(9)).await.err(),
            store.event(lost).await.err(),
        ] {
            let is_refused = matches!(refused, Some(StoreError::Unavailable(_)));
            assert!(is_refused, "{refused:?}");
        }
        let looked = store.look(other, &place(3)).await.unwrap();
        assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(3) }));
    }

    let mut recovery = rig.recovery().await;
    assert!(recovery.serves(lost) && !recovery.serves(other));
    assert_eq!(recovery.noted(), 1);
    assert_eq!(recovery.events().await.unwrap(), std::slice::from_ref(lost));
    assert_eq!(recovery.records(lost).await.unwrap(), records);
    recovery.resume(lost, 2).await.unwrap();
    recovery.finish(2).await.unwrap();
    assert!(Recovery::begin(&rig.settings).await.unwrap().is_none());
    for store in [&rig.store, &newcomer] {
        let looked = rig
            .answered(async || store.look(lost, &place(3)).await)
            .await;
        assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(3) }));
        assert_eq!(store.standing().await.unwrap(), Standing::Known(2));
    }
    let epoch = async |event| rig.store.event(event).await.unwrap().unwrap().epoch;
    assert_eq!((epoch(lost).await, epoch(other).await), (2, 1));
    let entered = rig.store.enter(lost, &place(4)).await.unwrap();
    assert_eq!(entered, Entered::New(Seq(4)));
}

#[tokio::test]
async fn the_list_of_events_is_found_again_at_the_other_primaries() {
    let rig = Rig::start().await;
    let [home, one, other] = &rig.events[..] else {
        panic!("three primaries")
    };
    rig.fail_over(home);
    let promoted = rig.primary_of(home);
    // The replica lacked the last that was written.
    assert_eq!(rig.cluster.ask(promoted, &["DEL", EVENTS]).trim(), "1");
    let mut recovery = rig.recovery().await;
    assert!(recovery.serves(home));
    recovery.resume(home, 2).await.unwrap();
    recovery.finish(2).await.unwrap();
    let listed = rig.answered(async || rig.store.events().await).await;
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), [one, other].into());
    let served = rig.answered(async || rig.store.event(one).await).await;
    assert!(served.is_some());
}

#[tokio::test]
async fn a_primary_that_takes_over_again_runs_nothing_of_its_former_time() {
    let rig = Rig::start().await;
    let event = &rig.events[1];
    rig.go_on(event).await;
    let first = rig.primary_of(event);
    let told = rig.cluster.ask(first, &["INFO", "replication"]);
    let (_, replica) = told.split_once(",port=").unwrap();
    let second: u16 = replica.split(',').next().unwrap().parse().unwrap();
    let key = Keys::of(event).event();
    // Whoever asks nothing meanwhile knows the first alone, and the scripts that it was given.
    let idle = Store::connect(&rig.settings).await.unwrap();
    idle.look(event, &place(3)).await.unwrap();
    rig.cluster.hand_over(&key, second).unwrap();
    let mut recovery = rig.recovery().await;
    recovery.resume(event, 2).await.unwrap();
    recovery.finish(2).await.unwrap();
    rig.cluster.hand_over(&key, first).unwrap();
    for store in [&idle, &rig.store] {
        let looked = store.look(event, &place(3)).await;
        assert!(
            matches!(looked, Err(StoreError::Unavailable(_))),
            "{looked:?}"
        );
    }
}

#[tokio::test]
async fn an_event_is_followed_to_the_primary_that_its_slot_moved_to() {
    let rig = Rig::start().await;
    let [_, moved, other] = &rig.events[..] else {
        panic!("three primaries")
    };
    rig.go_on(moved).await;
    let mut asking = Vec::new();
    for _ in 0..3 {
        asking.push(Store::connect(&rig.settings).await.unwrap());
    }
    let (from, to) = (rig.primary_of(moved), rig.primary_of(other));
    let key = Keys::of(moved).event();
    let slot = rig.cluster.ask(from, &["CLUSTER", "KEYSLOT", &key]);
    let slot = slot.trim();
    let name = |port| {
        rig.cluster
            .ask(port, &["CLUSTER", "MYID"])
            .trim()
            .to_owned()
    };
    let (source, target) = (name(from), name(to));
    let set = |port, state: &[&str]| {
        let mut command = vec!["CLUSTER", "SETSLOT", slot];
        command.extend(state);
        assert_eq!(rig.cluster.ask(port, &command).trim(), "OK");
    };
    set(to, &["IMPORTING", &source]);
    set(from, &["MIGRATING", &target]);
    let keys = rig
        .cluster
        .ask(from, &["CLUSTER", "GETKEYSINSLOT", slot, "100"]);
    let (to_port, mut migrate) = (to.to_string(), Vec::new());
    migrate.extend(["MIGRATE", "127.0.0.1", &to_port, "", "0", "5000", "KEYS"]);
    migrate.extend(keys.lines());
    assert_eq!(rig.cluster.ask(from, &migrate).trim(), "OK");
    let refused = rig.store.look(moved, &place(3)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "on its way: {refused:?}"
    );
    set(to, &["NODE", &target]);
    set(from, &["NODE", &target]);
    // Whatever is asked first: a command, a pipeline, a transaction, a script.
    assert_eq!(asking[0].buried(moved).await.unwrap(), [] as [u64; 0]);
    assert_eq!(asking[1].watermarks(moved).await.unwrap().log, 0);
    assert_eq!(asking[2].moves_head(moved).await.unwrap().1, Seq(3));
    let looked = rig.store.look(moved, &place(3)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Waiting { seq: Seq(3) }));
    let looked = rig.store.look(moved, &place(9)).await.unwrap();
    assert_eq!(looked, Look::NoPlace);
}
