//! Redis is lost while a lobby is drawn, or afterwards: the draw comes to the same, and anybody can still check it.

use domain::draw::{List, Seed};
use domain::event::{AckLevel, Event, EventPut};
use domain::place::PlaceState;
use domain::{EventId, Phase, PlaceId, Seq};
use lua::{Change, Draw, Drawn, Look};

use super::recover::{recognised, served};
use super::{Rig, place, stopped};

const BY: Change<'_> = Change { by: "test" };

/// A lobby of thirty from which one left early, opened.
async fn opened(rig: &Rig) -> EventId {
    let put: EventPut = serde_json::from_str(
        r#"{"title":"Demo","stock":100,"phase":"lobby","order":"draw","admission":{"rate_per_s":0}}"#,
    )
    .unwrap();
    let event = Event::create("demo".parse().unwrap(), put, AckLevel::Ledger).unwrap();
    rig.store.put_event(&event, 0, BY).await.unwrap();
    for n in 1..=31 {
        rig.store.enter(&event.event, &place(n)).await.unwrap();
    }
    rig.store.leave(&event.event, &place(31)).await.unwrap();
    let opening = rig.store.move_phase(&event.event, Phase::Open, BY);
    opening.await.unwrap();
    event.event
}

/// The draw, its seed fixed to this one unless it was fixed before.
async fn seeded(rig: &Rig, demo: &EventId, byte: &str) -> Draw {
    let seed: Seed = byte.repeat(32).parse().unwrap();
    let draw = rig.store.seed_draw(demo, &seed, "test").await.unwrap();
    draw.unwrap()
}

async fn order(rig: &Rig, demo: &EventId, draw: &Draw) -> Vec<PlaceId> {
    draw.seed.order(rig.store.lobby(demo, draw).await.unwrap())
}

/// One of the drawn leaves; another leaves and enters again.
async fn come_and_go(rig: &Rig, demo: &EventId) {
    for n in [4, 7] {
        rig.store.leave(demo, &place(n)).await.unwrap();
    }
    rig.store.enter(demo, &place(7)).await.unwrap();
}

/// Where everybody stands.
async fn seqs(rig: &Rig, demo: &EventId) -> Vec<Option<Seq>> {
    let mut seqs = Vec::new();
    for n in 1..=32 {
        let looked = served(async || rig.store.look(demo, &place(n)).await).await;
        seqs.push(match looked {
            Look::Known(PlaceState::Waiting { seq }) => Some(seq),
            _ => None,
        });
    }
    seqs
}

async fn lose_redis(rig: &Rig, demo: &EventId) {
    rig.settled(demo).await;
    rig.redis_cli(&["FLUSHALL"]);
    recognised(rig, 2).await;
}

#[tokio::test]
async fn a_draw_can_be_checked_after_redis_was_lost_and_everybody_stands_where_they_stood() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let demo = opened(&rig).await;
    rig.store.leave(&demo, &place(2)).await.unwrap();
    let draw = seeded(&rig, &demo, "5a").await;
    come_and_go(&rig, &demo).await;
    let list = List::of(&order(&rig, &demo, &draw).await);
    assert!(rig.store.draw(&demo, &draw, &list).await.unwrap());
    let ended = rig.store.end_draw(&demo, &list.digest()).await.unwrap();
    assert_eq!(ended, Drawn::Ended);
    rig.store.enter(&demo, &place(32)).await.unwrap();
    let (before, record) = (
        seqs(&rig, &demo).await,
        rig.store.draw_record(&demo).await.unwrap(),
    );
    assert!(record.is_some());

    lose_redis(&rig, &demo).await;
    assert_eq!(seqs(&rig, &demo).await, before);
    assert_eq!(rig.store.draw_record(&demo).await.unwrap(), record);
    let held = rig.store.draw_list(&demo, &draw).await.unwrap();
    assert_eq!(held.as_deref(), Some(list.as_str()));
    assert!(rig.store.is_drawn(&demo).await.unwrap());
    assert_eq!(rig.verify(&demo).await.unexplained, 0);
    stopped(&persister).await;
}

#[tokio::test]
async fn a_draw_that_was_under_way_is_finished_with_the_same_seed_after_redis_was_lost() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let demo = opened(&rig).await;
    let draw = seeded(&rig, &demo, "5a").await;
    let before = order(&rig, &demo, &draw).await;
    let part = List::of(&before[..10]);
    assert!(rig.store.draw(&demo, &draw, &part).await.unwrap());
    come_and_go(&rig, &demo).await;

    lose_redis(&rig, &demo).await;
    let again = served(async || rig.store.seed_draw(&demo, &draw.seed, "later").await).await;
    assert_eq!(again, Some(draw.clone()), "the first seed stays");
    assert_eq!(order(&rig, &demo, &draw).await, before, "all who took part");
    finish(&rig, &demo, &draw).await;
    stopped(&persister).await;
}

#[tokio::test]
async fn a_lobby_that_was_not_drawn_when_redis_was_lost_is_drawn_afterwards() {
    let rig = Rig::embedded().await;
    let persister = rig.persist();
    let demo = opened(&rig).await;
    come_and_go(&rig, &demo).await;
    lose_redis(&rig, &demo).await;
    served(async || rig.store.is_drawn(&demo).await).await;
    assert!(!rig.store.is_drawn(&demo).await.unwrap());
    let draw = seeded(&rig, &demo, "a5").await;
    assert_eq!((draw.after, draw.people), (Seq(31), 30));
    finish(&rig, &demo, &draw).await;
    stopped(&persister).await;
}

/// Draws to the end: whoever left is on the list and not in line, whoever entered again stands behind all.
async fn finish(rig: &Rig, demo: &EventId, draw: &Draw) {
    let order = order(rig, demo, draw).await;
    let list = List::of(&order);
    assert!(rig.store.draw(demo, draw, &list).await.unwrap());
    let ended = rig.store.end_draw(demo, &list.digest()).await.unwrap();
    assert_eq!(ended, Drawn::Ended);
    let seqs = seqs(rig, demo).await;
    for (seq, place_id) in (draw.after.0 + 1..).zip(&order) {
        let n = (1..=30).find(|&n| place(n) == *place_id).unwrap();
        let expected = match n {
            4 => None,
            7 => Some(Seq(62)),
            _ => Some(Seq(seq)),
        };
        assert_eq!(seqs[usize::try_from(n).unwrap() - 1], expected, "{n}");
    }
    let held = rig.store.draw_list(demo, draw).await.unwrap();
    assert_eq!(held.as_deref(), Some(list.as_str()));
}
