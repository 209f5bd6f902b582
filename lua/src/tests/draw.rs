//! The draw of the lobby: one order for all who came before the opening, whoever finishes it.

use domain::draw::{List, Seed};
use domain::place::PlaceState;
use domain::{EventId, Phase, PlaceId, Seq};

use super::{Rig, SOON, id, place};
use crate::{Draw, Drawn, Look, Moves};

/// A lobby with `people` in it, opened: the draw is to be made.
async fn opened(rig: &Rig, people: u64) -> EventId {
    let put = r#"{"title":"Demo","stock":9000,"phase":"lobby","order":"draw","admission":{"rate_per_s":1000000}}"#;
    rig.make("demo", put).await;
    rig.enter(&id("demo"), 1..=people).await;
    assert!(!rig.store.is_drawn(&id("demo")).await.unwrap());
    rig.phase(&id("demo"), Phase::Open).await;
    id("demo")
}

fn seed(n: u8) -> Seed {
    format!("{n:02x}").repeat(32).parse().unwrap()
}

async fn begun(rig: &Rig, event: &EventId, n: u8) -> Draw {
    let draw = rig.store.seed_draw(event, &seed(n), "test").await.unwrap();
    draw.unwrap()
}

/// Gives these places their ordinals; false when there is nothing to draw any more.
async fn drawn(rig: &Rig, event: &EventId, draw: &Draw, order: &[PlaceId]) -> bool {
    let list = List::of(order);
    rig.store.draw(event, draw, &list).await.unwrap()
}

async fn seq(rig: &Rig, event: &EventId, place: &PlaceId) -> Option<u64> {
    match rig.store.look(event, place).await.unwrap() {
        Look::Known(PlaceState::Waiting { seq }) => Some(seq.0),
        _ => None,
    }
}

#[tokio::test]
async fn the_order_is_that_of_the_seed_and_late_comers_stand_behind_it() {
    let rig = Rig::start().await;
    let demo = opened(&rig, 20).await;
    rig.enter(&demo, 21..=22).await;
    let round = rig.store.admit(&demo, "key", 9).await.unwrap();
    assert!(round.drawing && round.admitted.is_empty(), "{round:?}");

    let draw = begun(&rig, &demo, 7).await;
    assert_eq!((draw.after, draw.people), (Seq(20), 20));
    let lobby = rig.store.lobby(&demo, &draw).await.unwrap();
    assert_eq!(lobby, (1..=20).map(place).collect::<Vec<_>>());
    let order = draw.seed.order(lobby);
    let list = List::of(&order);
    let early = rig.store.end_draw(&demo, "-").await.unwrap();
    assert_eq!(early, Drawn::Unfinished);
    for (first, piece) in (21..).step_by(12).zip(list.pieces(12)) {
        let drawn = rig.store.draw_piece(&demo, first, piece.to_owned());
        assert!(drawn.await.unwrap());
    }
    assert_eq!(rig.store.draw_record(&demo).await.unwrap(), None);
    let (head, _) = rig.store.moves_head(&demo).await.unwrap();
    let ended = rig.store.end_draw(&demo, &list.digest()).await.unwrap();
    assert_eq!(ended, Drawn::Ended);
    assert!(rig.store.is_drawn(&demo).await.unwrap());

    for (n, place) in (21..).zip(&order) {
        assert_eq!(seq(&rig, &demo, place).await, Some(n));
    }
    assert_eq!(seq(&rig, &demo, &place(21)).await, Some(41));
    let record = rig.store.draw_record(&demo).await.unwrap().unwrap();
    assert_eq!((&record.draw, &record.digest), (&draw, &list.digest()));
    let admitted = rig.admitted(&demo, 22).await;
    let admitted: Vec<PlaceId> = admitted.into_iter().map(|one| one.place).collect();
    assert_eq!(
        admitted,
        [order.as_slice(), &[place(21), place(22)]].concat()
    );

    let kept = rig.store.draw_list(&demo, &draw).await.unwrap();
    assert_eq!(kept.as_deref(), Some(list.as_str()), "when all are let in");

    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let told = moves.next(&[(demo.clone(), head)], SOON).await.unwrap();
    assert!(told.iter().any(Result::is_err), "mirrors load again");
    let audit = rig.store.audit(&demo, None, 1).await.unwrap().entries;
    assert_eq!(
        (audit[0].by.as_str(), audit[0].action.as_str()),
        ("draw", "draw")
    );
    assert_eq!(
        audit[0].to,
        serde_json::json!({
            "seed": draw.seed.to_string(), "origin": "test", "people": 20, "digest": list.digest(),
        })
    );
}

#[tokio::test]
async fn whoever_finishes_a_draw_gives_the_same_order_whoever_leaves_meanwhile() {
    let rig = Rig::start().await;
    let demo = opened(&rig, 50).await;
    let draw = begun(&rig, &demo, 1).await;
    assert_eq!(begun(&rig, &demo, 2).await, draw, "the first seed stays");
    let lobby = rig.store.lobby(&demo, &draw).await.unwrap();
    let order = draw.seed.order(lobby);
    // The first replica dies half way.
    assert!(drawn(&rig, &demo, &draw, &order[..20]).await);
    // One who is drawn leaves, one who is not leaves, and one leaves and enters again at the back.
    for gone in [&order[3], &order[30], &order[40]] {
        rig.store.leave(&demo, gone).await.unwrap();
    }
    rig.store.enter(&demo, &order[40]).await.unwrap();

    let draw = begun(&rig, &demo, 3).await;
    let again = rig.store.lobby(&demo, &draw).await.unwrap();
    let again = draw.seed.order(again);
    assert_eq!(again, order, "everyone, each once");
    assert!(drawn(&rig, &demo, &draw, &again).await);
    // After the last is drawn, one more leaves, one who left enters again, and somebody comes late.
    rig.store.leave(&demo, &order[9]).await.unwrap();
    rig.store.enter(&demo, &order[30]).await.unwrap();
    rig.enter(&demo, 51..=51).await;
    assert_eq!(rig.store.end_draw(&demo, "-").await.unwrap(), Drawn::Ended);
    assert_eq!(seq(&rig, &demo, &place(51)).await, Some(103));
    for (n, place) in (51..).zip(&order) {
        let expected = match n {
            54 | 60 => None,
            91 => Some(101),
            81 => Some(102),
            n => Some(n),
        };
        assert_eq!(seq(&rig, &demo, place).await, expected);
    }
    let (list, kept) = (List::of(&order), rig.store.draw_list(&demo, &draw).await);
    assert_eq!(
        kept.unwrap().as_deref(),
        Some(list.as_str()),
        "and who left"
    );
    assert!(!drawn(&rig, &demo, &draw, &order).await);
    assert_eq!(
        rig.store.end_draw(&demo, "-").await.unwrap(),
        Drawn::Nothing
    );
    let none = rig.store.seed_draw(&demo, &seed(4), "late").await.unwrap();
    assert_eq!(none, None, "drawn once");
}

#[tokio::test]
async fn ordinals_follow_each_other_over_every_thousand() {
    for first in [1, 990, 1_999_985] {
        let rig = Rig::start().await;
        let demo = opened(&rig, 20).await;
        let draw = begun(&rig, &demo, 7).await;
        let order = draw.seed.order((1..=20).map(place).collect());
        let piece = List::of(&order).as_str().to_owned();
        let drawn = rig.store.draw_piece(&demo, first, piece).await;
        assert!(drawn.unwrap());
        assert_eq!(rig.store.end_draw(&demo, "-").await.unwrap(), Drawn::Ended);
        for (n, place) in (first..).zip(&order) {
            assert_eq!(seq(&rig, &demo, place).await, Some(n));
        }
    }
}

#[tokio::test]
async fn an_empty_lobby_and_an_open_beginning_need_no_draw() {
    let rig = Rig::start().await;
    let empty = opened(&rig, 0).await;
    let open = r#"{"title":"Open","stock":9,"phase":"open","order":"draw"}"#;
    rig.make("open", open).await;
    for event in [empty, id("open")] {
        assert!(rig.store.is_drawn(&event).await.unwrap(), "{event}");
        let none = rig.store.seed_draw(&event, &seed(1), "-").await.unwrap();
        assert_eq!(none, None);
        assert!(!rig.store.admit(&event, "key", 1).await.unwrap().drawing);
    }
}

#[tokio::test]
async fn an_event_that_closes_while_it_is_drawn_is_closed() {
    let rig = Rig::start().await;
    let demo = opened(&rig, 3).await;
    rig.phase(&demo, Phase::Closed).await;
    assert!(!rig.store.admit(&demo, "key", 1).await.unwrap().drawing);
}
