//! The scripts and their callers on a real Redis.

mod absence;
mod books;
mod cluster;
mod direct;
mod draw;
mod fence;
mod full;
mod given;
mod installation;
mod jobs;
mod life;
mod limits;
mod model;
mod once;
mod pace;
mod path;
mod private;
mod races;
mod rounds;
mod sequences;
mod settings;
mod state;
mod steps;
mod strain;
mod streams;
mod uploads;
mod users;
mod waiting;
mod waits;

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::event::{AckLevel, Event, EventPut};
use domain::place::{AdmittedPlace, PlaceState};
use domain::{EventId, Millis, PlaceId};
use tempfile::TempDir;

use crate::private::PrivateRedis;
use crate::{
    Change, Entered, LiveEvent, Look, PutOutcome, Recovery, Redeem, Redeemed, SetOutcome, Store,
    StoreError,
};

/// Long enough for anything that a test waits for.
const SOON: Duration = Duration::from_secs(30);

const ADMIN: Change<'static> = Change { by: "admin" };

/// A private Redis in a folder of its own, and the store on it.
struct Rig {
    store: Store,
    redis: PrivateRedis,
    _folder: TempDir,
}

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(&folder.path().join("redis"))
            .await
            .unwrap();
        Recovery::of_nothing(&redis.settings()).await.unwrap();
        let store = Store::connect(&redis.settings()).await.unwrap();
        Self {
            store,
            redis,
            _folder: folder,
        }
    }

    /// Makes an event from the body of a PUT.
    async fn make(&self, id: &str, put: &str) -> LiveEvent {
        let event = event(id, put);
        match self.store.put_event(&event, 0, ADMIN).await.unwrap() {
            PutOutcome::Created(live) => live,
            other => panic!("{other:?}"),
        }
    }

    /// Lays a PUT over an event that is there.
    async fn change(&self, event: &EventId, put: &str) -> LiveEvent {
        let held = self.store.event(event).await.unwrap().unwrap();
        let put: EventPut = serde_json::from_str(put).unwrap();
        let after = held.event.changed(put, held.at).unwrap();
        match self.store.put_event(&after, held.version, ADMIN).await {
            Ok(PutOutcome::Held(live)) => live,
            other => panic!("{other:?}"),
        }
    }

    /// Moves an event to a phase that it may move to.
    async fn phase(&self, event: &EventId, phase: domain::Phase) -> LiveEvent {
        match self.store.move_phase(event, phase, ADMIN).await.unwrap() {
            SetOutcome::Set(live) => live,
            other => panic!("{other:?}"),
        }
    }

    /// Enters places, in order, all of them new.
    async fn enter(&self, event: &EventId, places: RangeInclusive<u64>) {
        for n in places {
            let entered = self.store.enter(event, &place(n)).await.unwrap();
            assert!(matches!(entered, Entered::New(_)), "{entered:?}");
        }
    }

    /// Runs rounds until `count` are let in.
    async fn admitted(&self, event: &EventId, count: usize) -> Vec<AdmittedPlace> {
        let mut admitted = Vec::new();
        let waiting = async {
            while admitted.len() < count {
                let round = self.store.admit(event, "key", count - admitted.len()).await;
                admitted.extend(round.unwrap().admitted);
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap();
        admitted
    }

    /// What a call answers once Redis serves again.
    async fn serving<T>(&self, call: impl AsyncFn() -> Result<T, StoreError>) -> T {
        let serving = async {
            loop {
                match call().await {
                    Ok(answer) => return answer,
                    Err(StoreError::Unavailable(_)) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        };
        tokio::time::timeout(SOON, serving).await.unwrap()
    }

    /// The ticket of the `n`-th place, if it has one.
    async fn ticket(&self, event: &EventId, n: u64) -> Option<String> {
        match self.store.look(event, &place(n)).await.unwrap() {
            Look::Known(PlaceState::Admitted { ticket, .. }) => ticket,
            _ => None,
        }
    }

    /// Redeems the ticket of an admission.
    async fn redeem(&self, event: &EventId, admitted: &AdmittedPlace, code: &str) -> Redeemed {
        let asked = redeem(admitted, code);
        self.store.redeem(event, asked).await.unwrap()
    }
}

/// What the holder of an admission asks.
fn redeem(admitted: &AdmittedPlace, code: &str) -> Redeem {
    Redeem {
        place: admitted.place.clone(),
        holder: (&admitted.place).into(),
        jti: admitted.jti(),
        begins_at: Millis(admitted.admitted_at.seconds() * 1_000),
        ends_at: admitted.expires_at,
        code: code.to_owned(),
    }
}

fn id(text: &str) -> EventId {
    text.parse().unwrap()
}

fn event(name: &str, put: &str) -> Event {
    let put: EventPut = serde_json::from_str(put).unwrap();
    Event::create(id(name), put, AckLevel::Redis).unwrap()
}

/// The `n`-th place of a test.
fn place(n: u64) -> PlaceId {
    // 22 characters of base64url for 16 bytes: the last one carries two bits only.
    format!("{n:021}A").parse().unwrap()
}
