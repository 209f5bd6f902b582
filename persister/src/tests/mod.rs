//! The persister on real stores: a private Redis, SQLite or PostgreSQL, Kafka.

mod books;
mod compared_books;
mod differences;
mod draw;
mod log;
mod outbox;
mod quiet;
mod recover;
mod repairs;

use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use chassis::admin::{AdminToken, OpsGuard};
use chassis::lifecycle::Ending;
use chassis::system::SystemRandom;
use domain::event::{AckLevel, Event, EventPut};
use domain::{EventId, Millis, PlaceId};
use ledger::Ledger;
use lua::private::PrivateRedis;
use lua::{Change, PutOutcome, Recovery, Redeem, Redeemed, Store};

use crate::reconcile::{EventReport, Memory, Stations};
use crate::{Parts, build};

/// How long anything may take before the test gives up.
const SOON: Duration = Duration::from_mins(2);

/// A Redis of its own and a ledger, with people who get coupons.
struct Rig {
    store: Store,
    redis: PrivateRedis,
    ledger: Ledger,
    kafka: Option<kafka::Settings>,
    folder: tempfile::TempDir,
}

impl Rig {
    /// With SQLite as the ledger and the outbox as the log.
    async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = ledger::sqlite_url(&folder.path().join("ledger.sqlite"));
        Self::new(folder, &url, None).await
    }

    /// With a ledger elsewhere.
    async fn with(ledger_url: &str, kafka: Option<kafka::Settings>) -> Self {
        Self::new(tempfile::tempdir().unwrap(), ledger_url, kafka).await
    }

    async fn new(
        folder: tempfile::TempDir,
        ledger_url: &str,
        kafka: Option<kafka::Settings>,
    ) -> Self {
        let redis = PrivateRedis::start(&folder.path().join("redis"))
            .await
            .unwrap();
        Recovery::of_nothing(&redis.settings()).await.unwrap();
        let ledger = Ledger::connect(ledger_url).await.unwrap();
        ledger.migrate().await.unwrap();
        // As the first persister would have noted it.
        assert_eq!(ledger.next_incarnation(1).await.unwrap(), 1);
        Self {
            store: Store::connect(&redis.settings()).await.unwrap(),
            redis,
            ledger,
            kafka,
            folder,
        }
    }

    fn parts(&self, lifecycle: &Lifecycle) -> Parts {
        Parts {
            store: self.store.clone(),
            redis: self.redis.settings(),
            ledger: self.ledger.clone(),
            kafka: self.kafka.clone(),
            lifecycle: lifecycle.clone(),
            random: Arc::new(SystemRandom),
            guard: OpsGuard::of_token(AdminToken::new("token")),
        }
    }

    /// Starts a persister; it runs until its lifecycle stops.
    fn persist(&self) -> Lifecycle {
        let lifecycle = Lifecycle::new();
        let role = build(self.parts(&lifecycle));
        assert_eq!(role.name, "persister");
        lifecycle
    }

    /// Makes an open event with plenty of coupons.
    async fn open(&self, name: &str) -> EventId {
        let put: EventPut = serde_json::from_str(
            r#"{"title":"Demo","stock":100000,"phase":"open",
                "admission":{"rate_per_s":1000000,"capacity":1000000,"ticket_ttl_s":600}}"#,
        )
        .unwrap();
        let event = Event::create(name.parse().unwrap(), put, AckLevel::Ledger).unwrap();
        let made = self
            .store
            .put_event(&event, 0, Change { by: "test" })
            .await
            .unwrap();
        assert!(matches!(made, PutOutcome::Created(_)), "{made:?}");
        event.event
    }

    /// Gives a coupon to each of `people`, with a code made from the number.
    async fn issue(&self, event: &EventId, people: std::ops::Range<u64>) {
        let codes = people.clone().map(|n| format!("CODE-{n}"));
        self.issue_codes(event, people.zip(codes)).await;
    }

    async fn issue_codes(&self, event: &EventId, people: impl IntoIterator<Item = (u64, String)>) {
        let (numbers, codes): (Vec<u64>, Vec<String>) = people.into_iter().unzip();
        for n in &numbers {
            self.store.enter(event, &place(*n)).await.unwrap();
        }
        let mut admitted = Vec::new();
        let all_in = async {
            while admitted.len() < numbers.len() {
                let round = self.store.admit(event, "key", 1_000).await.unwrap();
                admitted.extend(round.admitted);
            }
        };
        tokio::time::timeout(SOON, all_in).await.unwrap();
        for (place, code) in admitted.into_iter().zip(codes) {
            let redeem = Redeem {
                place: place.place.clone(),
                holder: (&place.place).into(),
                jti: place.jti(),
                begins_at: Millis(place.admitted_at.seconds() * 1_000),
                ends_at: place.expires_at,
                code,
            };
            let outcome = self.store.redeem(event, redeem).await.unwrap();
            assert!(matches!(outcome, Redeemed::Pass(_)), "{outcome:?}");
        }
    }

    /// Waits until the ledger has every record of the event, by what a waiting redeem would be told.
    async fn settled(&self, event: &EventId) {
        eventually("every record is told to be in the ledger", async || {
            let figures = self.store.figures(event).await.unwrap();
            figures.unwrap().ledger_lag == 0
        })
        .await;
    }

    async fn verify(&self, event: &EventId) -> EventReport {
        let redis = self.redis.settings();
        let mut memory = Memory::default();
        let stations = self.stations(&redis);
        let report = stations.reconcile(Some(event), &mut memory).await;
        report.unwrap().events.remove(0)
    }

    fn stations<'a>(&'a self, redis: &'a lua::Settings) -> Stations<'a> {
        Stations {
            store: &self.store,
            redis,
            ledger: &self.ledger,
            log: self.kafka.as_ref(),
        }
    }

    /// Statements to the embedded ledger behind everybody's back.
    fn sqlite(&self, sql: &str) {
        let output = std::process::Command::new("sqlite3")
            .arg(self.folder.path().join("ledger.sqlite"))
            .arg(sql)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// A command that ends Redis, and its end.
    async fn redis_cli_ends(&self, arguments: &[&str]) {
        let socket = self.redis.socket();
        let asked = std::process::Command::new("redis-cli")
            .arg("-s")
            .arg(socket)
            .args(arguments)
            .output();
        asked.unwrap();
        self.redis.ended().await;
    }

    /// A command to Redis behind everybody's back.
    fn redis_cli(&self, arguments: &[&str]) {
        let url = self.redis.settings().url;
        let socket = url.strip_prefix("redis+unix://").unwrap();
        let output = std::process::Command::new("redis-cli")
            .args(["-s", socket, "-e"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// The place of the `n`-th person.
fn place(n: u64) -> PlaceId {
    format!("{n:021}A").parse().unwrap()
}

/// Stops a persister as a process does whose doors have answered their last request, and waits for its end.
async fn stopped(lifecycle: &Lifecycle) {
    lifecycle.stop();
    lifecycle.set_drained();
    assert_eq!(lifecycle.finish(SOON).await, Ending::Clean);
}

/// Waits until `holds`, and names what did not come true otherwise.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(SOON, waiting).await;
    assert!(in_time.is_ok(), "not true in {SOON:?}: {what}");
}
