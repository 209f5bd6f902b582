//! The draw of a lobby: those who came before the opening get a random order. One replica at a time draws; one that dies
//! leaves a draw which the next finishes with the same result, because the seed is in the store before anybody is drawn.

use std::sync::Arc;

use domain::draw::{List, Seed};
use domain::{EventId, PlaceId, Random};
use lua::{Draw, Drawn, Lease, Store, StoreError};
use tokio::task::JoinError;

/// Where our seeds come from, as the audit names it: the operating system's random numbers.
const ORIGIN: &str = "random";

/// Why a draw did not get through; the next round goes on with it.
#[derive(Debug, thiserror::Error)]
pub enum DrawFailed {
    /// The store did not take part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order could not be worked out.
    #[error("the drawn order could not be worked out: {0}")]
    Order(#[from] JoinError),
}

/// Draws lobbies.
pub struct Drawer {
    store: Store,
    random: Arc<dyn Random>,
    lease: Lease,
}

impl Drawer {
    /// A drawer whose seeds come from `random`.
    pub fn new(store: Store, random: Arc<dyn Random>) -> Self {
        Self {
            lease: Lease::new(&store, "draw", random.as_ref()),
            store,
            random,
        }
    }

    /// Draws the lobby of `event`, or finishes what was begun; does nothing while another replica draws.
    pub async fn draw(&self, event: &EventId) -> Result<(), DrawFailed> {
        if !self.lease.hold().await? {
            return Ok(());
        }
        let drawn = tokio::select! {
            drawn = self.drawn(event) => drawn,
            () = self.lease.keep() => Ok(()),
        };
        self.lease.release().await;
        drawn
    }

    async fn drawn(&self, event: &EventId) -> Result<(), DrawFailed> {
        let seed = Seed::generate(self.random.as_ref());
        let Some(draw) = self.store.seed_draw(event, &seed, ORIGIN).await? else {
            return Ok(());
        };
        let lobby = self.store.lobby(event, &draw).await?;
        let (list, digest) = listed(&draw, lobby).await?;
        // When another replica has given out all seqs already, what is left is to put them in force.
        self.store.draw(event, &draw, &list).await?;
        match self.store.end_draw(event, &digest).await? {
            Drawn::Ended => {
                let (people, seed) = (draw.people, &draw.seed);
                tracing::info!(%event, people, %seed, digest, "the lobby is drawn");
            }
            Drawn::Unfinished => tracing::warn!(%event, "somebody is not drawn yet"),
            Drawn::Nothing => {}
        }
        Ok(())
    }
}

/// The list in drawn order and its digest, worked out where it keeps nobody waiting: a million people take a good part of a
/// second.
async fn listed(draw: &Draw, lobby: Vec<PlaceId>) -> Result<(List, String), JoinError> {
    let seed = draw.seed.clone();
    tokio::task::spawn_blocking(move || {
        let list = List::of(&seed.order(lobby));
        let digest = list.digest();
        (list, digest)
    })
    .await
}

#[cfg(test)]
mod tests {
    use domain::place::PlaceState;
    use serde_json::json;

    use super::*;
    use crate::stage::{Stage, id, until};

    /// Everyone's ordinal, in the order in which they came.
    async fn seqs(stage: &Stage, places: &[PlaceId]) -> Vec<u64> {
        let mut seqs = Vec::new();
        for place in places {
            match stage.state("demo", place).await {
                PlaceState::Waiting { seq } | PlaceState::Admitted { seq, .. } => seqs.push(seq.0),
                other => panic!("{other:?}"),
            }
        }
        seqs
    }

    #[tokio::test]
    async fn a_lobby_is_drawn_once_by_any_number_of_replicas_and_anybody_can_check_it() {
        let stage = Stage::set().await;
        let (one, two) = (stage.replica().await, stage.replica().await);
        let lobby = json!({ "stock": 500, "phase": "lobby", "order": "draw", "admission": { "rate_per_s": 0 } });
        one.make("demo", lobby).await;
        let places = stage.enter("demo", 300).await;
        two.post("demo", "phase", json!({ "phase": "open" })).await;
        let late = stage.enter("demo", 3).await;
        let entry = until("the draw", async || {
            let audit = one.get("/api/v1/admin/events/demo/audit").await.body;
            let items = audit["items"].as_array().unwrap().clone();
            items.into_iter().find(|entry| entry["action"] == "draw")
        })
        .await;
        let told = &entry["to"];
        assert_eq!(
            (&told["origin"], &told["people"]),
            (&json!("random"), &json!(300))
        );

        let seed: Seed = told["seed"].as_str().unwrap().parse().unwrap();
        let order = seed.order(places.clone());
        assert_eq!(told["digest"], List::of(&order).digest());
        assert_ne!(order, places);
        assert_eq!(seqs(&stage, &order).await, (301..=600).collect::<Vec<_>>());
        assert_eq!(
            seqs(&stage, &late).await,
            [601, 602, 603],
            "first come, first served"
        );

        let rate = json!({ "rate_per_s": 1_000 });
        one.patch("demo", rate).await;
        let tickets = stage.ticketed("demo", &order, 300).await;
        let admitted: Vec<i64> = order.iter().map(|place| tickets[place].iat).collect();
        assert!(admitted.is_sorted(), "let in as drawn");
        let audit = two.get("/api/v1/admin/events/demo/audit").await.body;
        let entries = audit["items"].as_array().unwrap();
        let draws = entries.iter().filter(|entry| entry["action"] == "draw");
        assert_eq!(draws.count(), 1);
    }

    #[tokio::test]
    async fn a_draw_whose_replica_died_is_finished_with_the_same_result() {
        let stage = Stage::set().await;
        let first = stage.replica().await;
        first
            .make(
                "demo",
                json!({ "stock": 500, "phase": "lobby", "order": "draw" }),
            )
            .await;
        first.stop().await;
        let places = stage.enter("demo", 100).await;
        let event = id("demo");
        let by = lua::Change { by: "test" };
        let opened = stage.store.move_phase(&event, domain::Phase::Open, by);
        opened.await.unwrap();
        let seed: Seed = "5a".repeat(32).parse().unwrap();
        let draw = stage.store.seed_draw(&event, &seed, "beacon").await;
        let draw = draw.unwrap().unwrap();
        let order = seed.order(places.clone());
        let part = List::of(&order[..40]);
        stage.store.draw(&event, &draw, &part).await.unwrap();

        let second = stage.replica().await;
        stage.ticketed("demo", &order, 10).await;
        assert_eq!(seqs(&stage, &order).await, (101..=200).collect::<Vec<_>>());
        let audit = second.get("/api/v1/admin/events/demo/audit").await.body;
        assert_eq!(audit["items"][0]["to"]["origin"], "beacon", "{audit}");
    }
}
