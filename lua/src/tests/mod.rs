//! The scripts and their callers on a real Redis.

mod model;
mod path;
mod sequences;
mod state;

use domain::event::{AckLevel, Event, EventPut};
use domain::{EventId, PlaceId};
use tempfile::TempDir;

use crate::private::PrivateRedis;
use crate::{Change, LiveEvent, PutOutcome, Store};

/// A private Redis in a folder of its own, and the store on it.
struct Rig {
    store: Store,
    redis: PrivateRedis,
    _folder: TempDir,
}

const ADMIN: Change<'static> = Change { by: "admin" };

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(&folder.path().join("redis"))
            .await
            .unwrap();
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
