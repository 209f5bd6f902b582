//! A drop over a Redis Cluster, every role in a process of its own, while a primary is killed and its replica takes over: no pass that
//! was heard is missing, and nothing is sold twice.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{Pass, Phase, Redemption, Visitor};
use e2e::people::{self, Turn};
use e2e::server::event_put;
use e2e::{PATIENCE, Server, Setup, ledger, until};
use serde_json::json;
use testbed::{Kafka, Postgres, RedisCluster};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{sleep, timeout};

/// Coupons of an event, and twice as many people come.
const STOCK: u64 = 40;
/// So many passes are heard of an event before its primary is killed.
const BEFORE: usize = 10;

/// Where people enter, where they redeem, and how many of an event have heard a pass.
#[derive(Clone)]
struct Doors {
    line: Visitor,
    desk: Visitor,
    event: String,
    heard: Arc<AtomicUsize>,
}

impl Doors {
    /// A whole visit of somebody who comes back until they know.
    async fn visit(self) -> Option<Pass> {
        let token = people::new_token().unwrap();
        let (event, mut pause) = (self.event.as_str(), Duration::ZERO);
        let turn = loop {
            sleep(pause).await;
            pause = Duration::from_millis(50);
            match self.line.enter(event, Some(&token)).await {
                Ok(_) => {}
                Err(error) if error.is("sold-out") || error.is("line-closed") => return None,
                Err(_) => continue,
            }
            let watched = people::watch(&self.line, event, &token, &mut Vec::new()).await;
            if let Ok(turn) = watched {
                break turn;
            }
        };
        let Turn::Ticket { ticket, .. } = turn else {
            return None;
        };
        loop {
            match self.desk.redeem(event, &ticket, &token).await {
                Ok(Redemption::Pass(pass)) => {
                    self.heard.fetch_add(1, Ordering::SeqCst);
                    return Some(pass);
                }
                Ok(Redemption::Fail(problem)) => panic!("{problem:?}"),
                Ok(Redemption::Pending { .. }) | Err(_) => sleep(pause).await,
            }
        }
    }
}

/// An event at each primary, and a second one at the first, each with its ack level.
fn events(cluster: &RedisCluster) -> Vec<(String, &'static str)> {
    let mut free = (0..1_000).map(|n| {
        let event = format!("drop-{n}");
        let port = cluster.primary_of(&format!("event:{{{event}}}"));
        (event, port.unwrap())
    });
    let (mut events, mut ports) = (Vec::new(), Vec::new());
    for ack in ["log", "ledger", "log"] {
        let (event, port) = free.find(|(_, port)| !ports.contains(port)).unwrap();
        ports.push(port);
        events.push((event, ack));
    }
    let (event, _) = free.find(|(_, port)| *port == ports[0]).unwrap();
    events.push((event, "log"));
    events
}

async fn make(organiser: &Server, event: &str, ack: &str) {
    let mut put = event_put(STOCK, 20.0, Phase::Open);
    put.others.insert("ack".into(), json!(ack));
    let organiser = organiser.organiser().unwrap();
    organiser.put_event(event, &put).await.unwrap();
}

/// The stores of the roles.
struct Stores {
    cluster: RedisCluster,
    kafka: Kafka,
    database: String,
}

impl Stores {
    fn start() -> Self {
        Self {
            cluster: RedisCluster::start().unwrap(),
            kafka: Kafka::start().unwrap(),
            database: Postgres::shared().database().unwrap(),
        }
    }

    /// A process of one role.
    async fn role(&self, name: &str) -> Server {
        let setup = Setup::new()
            .unwrap()
            .env("STANCHION_REDIS_URL", &self.cluster.url())
            .env("STANCHION_KAFKA_BROKERS", self.kafka.brokers())
            .env("STANCHION_DATABASE_URL", &self.database)
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
            .with("--roles", name)
            .with("--public-url", "http://drop.example");
        setup.start().await.unwrap()
    }

    /// Kills the primary of an event; when its replica has taken over, it comes back as the replica.
    fn fail_over(&self, event: &str) {
        let key = format!("event:{{{event}}}");
        let port = self.cluster.primary_of(&key).unwrap();
        self.cluster.stop(port).unwrap();
        self.cluster.until_taken_over(&key, port).unwrap();
        self.cluster.start_again(port).unwrap();
    }
}

/// Everybody's pass, by event, when they know how it ended: nobody has two, and nothing is sold twice.
async fn passes(mut people: JoinSet<(String, Option<Pass>)>) -> BTreeMap<String, BTreeSet<u64>> {
    let (mut serials, mut holders) = (BTreeMap::<_, BTreeSet<u64>>::new(), BTreeSet::new());
    while let Some(visited) = people.join_next().await {
        let (event, pass) = visited.unwrap();
        if let Some(pass) = pass {
            assert!(holders.insert((event.clone(), pass.holder)), "one for each");
            let is_new = serials.entry(event).or_default().insert(pass.coupon.serial);
            assert!(is_new, "sold twice");
        }
    }
    serials
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_in_a_drop_takes_no_heard_pass_along() {
    let stores = block_in_place(Stores::start);
    let (gateway, admission, issuer, persister) = tokio::join!(
        stores.role("gateway"),
        stores.role("admission"),
        stores.role("issuer"),
        stores.role("persister"),
    );
    let events = events(&stores.cluster);
    let (mut people, mut heard) = (JoinSet::new(), Vec::new());
    for (event, ack) in &events {
        make(&admission, event, ack).await;
        let doors = Doors {
            line: gateway.visitor().unwrap(),
            desk: issuer.visitor().unwrap(),
            event: event.clone(),
            heard: Arc::default(),
        };
        heard.push(Arc::clone(&doors.heard));
        for _ in 0..2 * STOCK {
            let (event, doors) = (event.clone(), doors.clone());
            let visit = timeout(2 * PATIENCE, doors.visit());
            people.spawn(async { (event, visit.await.expect("a visit comes to an end")) });
        }
    }
    let many = async || (heard[0].load(Ordering::SeqCst) >= BEFORE).then_some(());
    until(many).await.unwrap();
    block_in_place(|| stores.fail_over(&events[0].0));

    let serials = passes(people).await;
    for (event, _) in &events {
        assert_eq!(serials[event].len() as u64, STOCK, "{event}");
        ledger::agrees(&admission, event, STOCK).await.unwrap();
    }
    for server in [gateway, admission, issuer, persister] {
        server.stop().await.unwrap();
    }
}
