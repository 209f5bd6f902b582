//! An event's life: who may change what, what it leaves behind, and how a line ends and begins again.

use domain::event::AdmissionChange;
use domain::phase::PhaseMove;
use domain::place::{GoneReason, PlaceState};
use domain::{Millis, Phase, Seq};
use serde_json::json;

use super::{ADMIN, Rig, SOON, event, id, place};
use crate::{Entered, Look, Moves, PutOutcome, Redeemed, SetOutcome, StockOutcome};

#[tokio::test]
async fn of_two_puts_from_one_version_the_second_is_told_of_the_conflict() {
    let rig = Rig::start().await;
    let store = &rig.store;
    let live = rig.make("demo", r#"{"title":"Demo","stock":5}"#).await;
    let renamed = event("demo", r#"{"title":"Renamed","stock":5}"#);
    let outcome = store
        .put_event(&renamed, live.version, ADMIN)
        .await
        .unwrap();
    assert!(
        matches!(&outcome, PutOutcome::Held(live) if live.version == 2 && live.event == renamed),
        "{outcome:?}"
    );
    for stale in [0, 1, 3] {
        let outcome = store.put_event(&live.event, stale, ADMIN).await.unwrap();
        assert_eq!(outcome, PutOutcome::Conflict, "from version {stale}");
    }
    let nothing = event("nothing", r#"{"title":"Demo","stock":5}"#);
    assert_eq!(
        store.put_event(&nothing, 1, ADMIN).await.unwrap(),
        PutOutcome::Conflict
    );
}

#[tokio::test]
async fn the_same_again_leaves_nothing_behind() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    let same = rig.change(&demo, r#"{"title":"Demo"}"#).await;
    assert_eq!(same.version, 1);
    assert_eq!(rig.phase(&demo, Phase::Open).await.version, 1);
    let change = AdmissionChange {
        rate_per_s: Some(10.0),
        ..AdmissionChange::default()
    };
    rig.store
        .change_admission(&demo, change, ADMIN)
        .await
        .unwrap();
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), 1);
    assert_eq!(
        rig.store.audit(&demo, None, 9).await.unwrap().entries.len(),
        1
    );
}

#[tokio::test]
async fn the_audit_tells_what_differs_newest_first_in_pages() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    rig.change(&demo, r#"{"title":"Drop","presence_s":30}"#)
        .await;
    let change = AdmissionChange {
        rate_per_s: Some(0.25),
        ..AdmissionChange::default()
    };
    rig.store
        .change_admission(&demo, change, ADMIN)
        .await
        .unwrap();
    rig.phase(&demo, Phase::Paused).await;
    rig.store.add_stock(&demo, 2, ADMIN).await.unwrap();

    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = rig.store.audit(&demo, after.as_deref(), 2).await.unwrap();
        pages.push(page.entries.len());
        for entry in page.entries {
            let expected = match entry.action.as_str() {
                "stock" => (
                    json!({"total": 5, "remaining": 5}),
                    json!({"total": 7, "remaining": 7}),
                ),
                "phase" => (json!({"phase": "open"}), json!({"phase": "paused"})),
                "admission" => (json!({"rate_per_s": 10}), json!({"rate_per_s": 0.25})),
                "changed" => (
                    json!({"title": "Demo", "presence_s": 20}),
                    json!({"title": "Drop", "presence_s": 30}),
                ),
                _ => (json!(null), entry.to.clone()),
            };
            assert_eq!((entry.from, entry.to), expected, "{}", entry.action);
            assert_eq!(entry.by, "admin");
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[tokio::test]
async fn a_move_that_the_life_does_not_have_is_refused() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5}"#).await;
    for from in Phase::ALL {
        let reached = rig.store.event(&demo).await.unwrap().unwrap().event.phase;
        if reached != from {
            rig.phase(&demo, from).await;
        }
        for to in Phase::ALL.into_iter().filter(|&to| from.enter(to).is_err()) {
            let outcome = rig.store.move_phase(&demo, to, ADMIN).await.unwrap();
            assert_eq!(outcome, SetOutcome::Refused(PhaseMove { from, to }));
        }
    }
    let nothing = rig
        .store
        .move_phase(&id("nothing"), Phase::Open, ADMIN)
        .await
        .unwrap();
    assert_eq!(nothing, SetOutcome::NoSuchEvent);
}

#[tokio::test]
async fn parts_of_the_pace_change_apart() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    let rate = AdmissionChange {
        rate_per_s: Some(0.1),
        ..AdmissionChange::default()
    };
    let capacity = AdmissionChange {
        capacity: Some(3),
        ..AdmissionChange::default()
    };
    let (one, two) = tokio::join!(
        rig.store.change_admission(&demo, rate, ADMIN),
        rig.store.change_admission(&demo, capacity, ADMIN),
    );
    assert!(matches!(
        (one.unwrap(), two.unwrap()),
        (SetOutcome::Set(_), SetOutcome::Set(_))
    ));
    let held = rig
        .store
        .event(&demo)
        .await
        .unwrap()
        .unwrap()
        .event
        .admission;
    assert_eq!(
        (
            held.rate_per_s.to_string().as_str(),
            held.capacity,
            held.ticket_ttl_s
        ),
        ("0.1", 3, 120)
    );
}

#[tokio::test]
async fn stock_grows_up_to_what_an_event_may_hold() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":9000000}"#)
        .await;
    let added = rig.store.add_stock(&demo, 1_000_000, ADMIN).await.unwrap();
    assert_eq!(
        added,
        StockOutcome::Added {
            total: 10_000_000,
            remaining: 10_000_000
        }
    );
    assert_eq!(
        rig.store.add_stock(&demo, 1, ADMIN).await.unwrap(),
        StockOutcome::TooMuch
    );
    assert_eq!(
        rig.store.add_stock(&id("nothing"), 1, ADMIN).await.unwrap(),
        StockOutcome::NoSuchEvent
    );
}

#[tokio::test]
async fn times_that_come_due_move_the_event() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let now = rig.store.now().await.unwrap();
    let put = format!(
        r#"{{"title":"Demo","stock":5,"lobby_at":"{}","opens_at":"{}","closes_at":"{}"}}"#,
        now.plus(-10),
        now.plus(60_000),
        now.plus(120_000),
    );
    rig.make("demo", &put).await;
    let mut phases = Vec::new();
    for _ in 0..4 {
        let round = rig.store.admit(&demo, "key", 1).await.unwrap();
        assert!(round.next_in_ms <= 60_000);
        phases.push(rig.store.event(&demo).await.unwrap().unwrap().event.phase);
        super::state::let_pass(&rig.store, &demo, 59_000).await;
    }
    assert_eq!(
        phases,
        [Phase::Lobby, Phase::Lobby, Phase::Open, Phase::Closed]
    );
    let audit = rig.store.audit(&demo, None, 9).await.unwrap().entries;
    let by: Vec<&str> = audit.iter().map(|entry| entry.by.as_str()).collect();
    assert_eq!(by, ["schedule", "schedule", "schedule", "admin"]);
}

#[tokio::test]
async fn a_draft_is_not_closed_by_its_time() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":5,"opens_at":"2001-01-01T00:00:00Z","closes_at":"2002-01-01T00:00:00Z"}"#;
    rig.make("demo", put).await;
    rig.store.admit(&demo, "key", 1).await.unwrap();
    let live = rig.store.event(&demo).await.unwrap().unwrap();
    assert_eq!(live.event.phase, Phase::Draft);
}

#[tokio::test]
async fn a_due_time_is_asked_for_in_time() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let now: Millis = rig.store.now().await.unwrap();
    let put = format!(
        r#"{{"title":"Demo","stock":5,"phase":"lobby","opens_at":"{}"}}"#,
        now.plus(5_000)
    );
    rig.make("demo", &put).await;
    let empty = rig.store.admit(&demo, "key", 1).await.unwrap().next_in_ms;
    assert!((501..=5_000).contains(&empty), "{empty}");
    super::state::let_pass(&rig.store, &demo, 4_700).await;
    assert!(rig.store.admit(&demo, "key", 1).await.unwrap().next_in_ms <= 300);
}

#[tokio::test]
async fn closing_lets_everyone_go_and_changes_nothing_else() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make(
        "demo",
        r#"{"title":"Demo","stock":3,"phase":"open","admission":{"rate_per_s":1000000}}"#,
    )
    .await;
    rig.enter(&demo, 1..=3).await;
    let admitted = rig.admitted(&demo, 2).await;
    let passed = rig.redeem(&demo, &admitted[0], "CODE").await;
    rig.phase(&demo, Phase::Closed).await;
    let gone = Look::Known(PlaceState::Gone {
        reason: GoneReason::Closed,
    });
    for n in [2, 3] {
        assert_eq!(
            rig.store.look(&demo, &place(n)).await.unwrap(),
            gone,
            "place {n}"
        );
        assert_eq!(
            rig.store.leave(&demo, &place(n)).await.unwrap(),
            gone,
            "place {n}"
        );
    }
    assert_eq!(
        rig.redeem(&demo, &admitted[1], "OTHER").await,
        Redeemed::EventClosed
    );
    let Redeemed::Pass(issue) = passed else {
        panic!("{passed:?}")
    };
    assert_eq!(
        rig.redeem(&demo, &admitted[0], "CODE").await,
        Redeemed::Replayed(issue)
    );
    let held = Entered::Held(PlaceState::Gone {
        reason: GoneReason::Closed,
    });
    assert_eq!(rig.store.enter(&demo, &place(3)).await.unwrap(), held);
    assert_eq!(
        rig.store.enter(&demo, &place(4)).await.unwrap(),
        Entered::EventClosed
    );
    let figures = rig.store.figures(&demo).await.unwrap().unwrap();
    assert_eq!(
        (figures.waiting, figures.outstanding, figures.left),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn a_line_that_sold_out_begins_anew_with_new_stock() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make(
        "demo",
        r#"{"title":"Demo","stock":1,"phase":"open","admission":{"rate_per_s":1000000}}"#,
    )
    .await;
    rig.enter(&demo, 1..=3).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    rig.redeem(&demo, &admitted, "CODE").await;
    let (head, _) = rig.store.moves_head(&demo).await.unwrap();

    rig.store.add_stock(&demo, 1, ADMIN).await.unwrap();
    let sold_out = Entered::SoldOut;
    assert_eq!(
        rig.store.enter(&demo, &place(4)).await.unwrap(),
        sold_out,
        "until it is opened again"
    );
    let live = rig.phase(&demo, Phase::Open).await;
    assert_eq!((live.ended, live.remaining), (None, 1));
    assert_eq!(
        rig.store.look(&demo, &place(2)).await.unwrap(),
        Look::NoPlace,
        "they were told, and are let go"
    );
    assert_eq!(
        rig.store.enter(&demo, &place(2)).await.unwrap(),
        Entered::New(Seq(4))
    );
    assert!(matches!(
        rig.store.look(&demo, &place(1)).await.unwrap(),
        Look::Known(PlaceState::Redeemed(_))
    ));
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let told = moves.next(&[(demo.clone(), head)], SOON).await.unwrap();
    assert!(
        told.iter().any(Result::is_err),
        "every mirror must load the line again: {told:?}"
    );
}

#[tokio::test]
async fn a_line_that_waits_for_returns_goes_on_when_stock_comes() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":1,"phase":"open","on_sold_out":"keep","admission":{"rate_per_s":1000000}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=2).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    rig.redeem(&demo, &admitted, "CODE").await;
    let live = rig.store.event(&demo).await.unwrap().unwrap();
    assert_eq!((live.event.phase, live.ended), (Phase::Open, None));
    assert_eq!(
        rig.store.enter(&demo, &place(3)).await.unwrap(),
        Entered::New(Seq(3))
    );
    assert!(
        rig.store
            .admit(&demo, "key", 9)
            .await
            .unwrap()
            .admitted
            .is_empty()
    );
    rig.store.add_stock(&demo, 1, ADMIN).await.unwrap();
    assert_eq!(rig.admitted(&demo, 1).await[0].seq, Seq(2));
}

#[tokio::test]
async fn nobody_waits_for_nothing_when_the_line_stops_waiting_for_returns() {
    let rig = Rig::start().await;
    let gone = PlaceState::Gone {
        reason: GoneReason::SoldOut,
    };
    // Where the line stops waiting, and where the event goes from there.
    for (n, (there, then)) in [
        (Phase::Open, Phase::Open),
        (Phase::Paused, Phase::Paused),
        (Phase::Draining, Phase::Draining),
        (Phase::Lobby, Phase::Open),
    ]
    .into_iter()
    .enumerate()
    {
        let demo = id(&format!("demo-{n}"));
        let put = r#"{"title":"Demo","stock":0,"phase":"lobby","on_sold_out":"keep"}"#;
        rig.make(demo.as_str(), put).await;
        rig.enter(&demo, 1..=1).await;
        if there != Phase::Lobby {
            rig.phase(&demo, Phase::Open).await;
            rig.phase(&demo, there).await;
        }
        rig.change(&demo, r#"{"on_sold_out":"close"}"#).await;
        if then != there {
            rig.phase(&demo, then).await;
        }
        let looked = rig.store.look(&demo, &place(1)).await.unwrap();
        assert_eq!(looked, Look::Known(gone.clone()), "{there}");
        let live = rig.store.event(&demo).await.unwrap().unwrap();
        assert_eq!(live.event.phase, Phase::Draining, "{there}");
    }
}
