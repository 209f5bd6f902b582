//! One coupon's way through every script, and what each of them leaves behind.

use domain::event::AckLevel;
use domain::place::{AdmittedPlace, PlaceState};
use domain::record::Fact;
use domain::{EventId, Phase, Seq, Serial};
use futures_util::FutureExt as _;

use super::{Rig, SOON, id, place};
use crate::{
    AckFeed, Entered, Figures, Look, Marks, Minted, Move, Moves, OutboxReader, Redeemed, Watermarks,
};

/// An event with one coupon, which place 1 has redeemed; place 2 still waited.
async fn redeemed(rig: &Rig) -> (EventId, AdmittedPlace) {
    let demo = id("demo");
    rig.make(
        "demo",
        r#"{"title":"Demo","stock":1,"phase":"open","admission":{"rate_per_s":1000.5}}"#,
    )
    .await;
    rig.enter(&demo, 1..=2).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    let minted = Minted {
        place: place(1),
        seq: Seq(1),
        ticket: "jwt".into(),
    };
    rig.store.store_tickets(&demo, &[minted]).await.unwrap();
    let passed = rig.redeem(&demo, &admitted, "CODE").await;
    assert!(matches!(passed, Redeemed::Pass(_)), "{passed:?}");
    (demo, admitted)
}

#[tokio::test]
async fn a_place_is_given_once_and_kept() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let live = rig
        .make("demo", r#"{"title":"Demo","stock":1,"phase":"open"}"#)
        .await;
    assert_eq!((live.version, live.remaining), (1, 1));
    assert_eq!(
        rig.store.event(&demo).await.unwrap().unwrap().event,
        live.event
    );
    assert_eq!(
        rig.store.events().await.unwrap(),
        std::slice::from_ref(&demo)
    );
    for n in 1..=2 {
        let entered = rig.store.enter(&demo, &place(n)).await.unwrap();
        assert_eq!(entered, Entered::New(Seq(n)));
    }
    let again = rig.store.enter(&demo, &place(1)).await.unwrap();
    assert_eq!(again, Entered::Held(PlaceState::Waiting { seq: Seq(1) }));
    let first = rig.store.waiting(&demo, Seq(0), 1).await.unwrap();
    assert_eq!((first.seqs, first.next), (vec![Seq(1)], Some(Seq(1))));
    let rest = rig.store.waiting(&demo, Seq(1), 9).await.unwrap();
    assert_eq!((rest.seqs, rest.next), (vec![Seq(2)], None));
    let nobody = rig.store.enter(&id("nothing"), &place(1)).await.unwrap();
    assert_eq!(nobody, Entered::NoSuchEvent);
}

#[tokio::test]
async fn a_ticket_is_found_by_its_holder_and_becomes_one_coupon() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":2,"phase":"open"}"#)
        .await;
    rig.enter(&demo, 1..=1).await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    let waiting_for_ticket = PlaceState::Admitted {
        seq: Seq(1),
        expires_at: admitted.expires_at,
        ticket: None,
    };
    let looked = rig.store.look(&demo, &place(1)).await.unwrap();
    assert_eq!(looked, Look::Known(waiting_for_ticket));
    let minted = Minted {
        place: place(1),
        seq: Seq(1),
        ticket: "jwt".into(),
    };
    rig.store.store_tickets(&demo, &[minted]).await.unwrap();
    assert_eq!(rig.ticket(&demo, 1).await.as_deref(), Some("jwt"));
    assert_eq!(rig.ticket(&demo, 2).await, None);

    let passed = rig.redeem(&demo, &admitted, "CODE").await;
    let Redeemed::Pass(issue) = passed else {
        panic!("{passed:?}")
    };
    assert_eq!((issue.coupon.serial, issue.ordinal), (Serial(1), 4));
    assert_eq!(issue.record_id.0, "demo:1:4");
    let again = rig.redeem(&demo, &admitted, "OTHER").await;
    assert_eq!(again, Redeemed::Replayed(issue.clone()));
    let looked = rig.store.look(&demo, &place(1)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Redeemed(issue.clone())));
    let mut scan = rig.store.issued(&demo);
    assert_eq!(scan.next().await.unwrap(), Some(vec![issue]));
    assert_eq!(scan.next().await.unwrap(), None);
}

#[tokio::test]
async fn the_last_coupon_ends_the_line() {
    let rig = Rig::start().await;
    let (demo, _) = redeemed(&rig).await;
    let entered = rig.store.enter(&demo, &place(3)).await.unwrap();
    assert_eq!(entered, Entered::SoldOut);
    let reason = domain::place::GoneReason::SoldOut;
    let looked = rig.store.look(&demo, &place(2)).await.unwrap();
    assert_eq!(looked, Look::Known(PlaceState::Gone { reason }));
    let waiting = rig.store.waiting(&demo, Seq(0), 9).await.unwrap();
    assert_eq!(waiting.seqs, []);
    let live = rig.store.event(&demo).await.unwrap().unwrap();
    assert_eq!(live.event.phase, Phase::Draining);
    assert_eq!((live.ended, live.remaining), (Some(reason), 0));
    let audit = rig.store.audit(&demo, None, 10).await.unwrap().entries;
    let made: Vec<(&str, &str)> = audit
        .iter()
        .map(|entry| (entry.by.as_str(), entry.action.as_str()))
        .collect();
    assert_eq!(made, [("sold-out", "phase"), ("admin", "created")]);
}

#[tokio::test]
async fn every_fact_is_a_record_in_the_outbox() {
    let rig = Rig::start().await;
    let (demo, admitted) = redeemed(&rig).await;
    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let read = reader.next(&[(demo.clone(), 0)], 10, SOON).await.unwrap();
    let [batch] = &read[..] else {
        panic!("{read:?}")
    };
    let ids: Vec<&str> = batch.records.iter().map(|one| one.id.0.as_str()).collect();
    let dense: Vec<String> = (1..=6).map(|n| format!("demo:1:{n}")).collect();
    assert_eq!(ids, dense);
    let facts: Vec<&Fact> = batch.records.iter().map(|one| &one.fact).collect();
    let Fact::Changed(made) = facts[0] else {
        panic!("{:?}", facts[0])
    };
    assert_eq!((made.phase, made.stock), (Phase::Open, 1));
    assert!((made.admission.rate_per_s - 1000.5).abs() < f64::EPSILON);
    let entered = |n: u64| Fact::Entered {
        first: Seq(n),
        places: vec![place(n)],
    };
    assert_eq!([facts[1], facts[2]], [&entered(1), &entered(2)]);
    let let_in = Fact::Admitted {
        expires_at: admitted.expires_at,
        kid: admitted.kid.clone(),
        places: vec![(place(1), Seq(1))],
    };
    assert_eq!(*facts[3], let_in);
    assert_eq!(batch.records[3].time, admitted.admitted_at);
    let Fact::Issued { coupon, holder } = facts[4] else {
        panic!("{:?}", facts[4])
    };
    assert_eq!((coupon.code.as_str(), coupon.serial), ("CODE", Serial(1)));
    assert_eq!(*holder, (&admitted.place).into());
    assert!(matches!(facts[5], Fact::Changed(event) if event.phase == Phase::Draining));
}

#[tokio::test]
async fn every_change_of_the_line_is_a_move() {
    let rig = Rig::start().await;
    let (demo, _) = redeemed(&rig).await;
    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let read = moves.next(&[(demo.clone(), 0)], SOON).await.unwrap();
    let told: Vec<Move> = read
        .into_iter()
        .map(|entry| entry.unwrap().change)
        .collect();
    let expected = [
        Move::Event,
        Move::Admitted(vec![Seq(1)]),
        Move::Ticketed(vec![(Seq(1), place(1))]),
        Move::Event,
    ];
    assert_eq!(told, expected);
    assert_eq!(rig.store.moves_head(&demo).await.unwrap(), (4, Seq(2)));
}

#[tokio::test]
async fn what_is_buried_is_told_with_the_watermark_that_passes_it_by() {
    let rig = Rig::start().await;
    let (demo, _) = redeemed(&rig).await;
    let mut feed = AckFeed::connect(&rig.redis.settings()).await.unwrap();
    rig.store.bury(&demo, &[2, 4]).await.unwrap();
    rig.store
        .raise_watermark(&demo, AckLevel::Ledger, 5)
        .await
        .unwrap();
    let told = feed.next().await.unwrap().marks;
    assert_eq!((told.ledger, told.buried), (5, 2));
    assert_eq!(rig.store.watermarks(&demo).await.unwrap(), told);
    assert!(rig.store.is_buried(&demo, 2).await.unwrap());
    rig.store.unbury(&demo, &[2]).await.unwrap();
    assert!(!rig.store.is_buried(&demo, 2).await.unwrap());
    assert_eq!(rig.store.buried(&demo).await.unwrap(), [4]);
}

#[tokio::test]
async fn a_watermark_only_rises_and_is_told() {
    let rig = Rig::start().await;
    let (demo, _) = redeemed(&rig).await;
    let mut feed = AckFeed::connect(&rig.redis.settings()).await.unwrap();
    for (level, ordinal) in [
        (AckLevel::Log, 3),
        (AckLevel::Log, 2),
        (AckLevel::Redis, 9),
        (AckLevel::Ledger, 1),
    ] {
        rig.store
            .raise_watermark(&demo, level, ordinal)
            .await
            .unwrap();
    }
    let told = [feed.next().await.unwrap(), feed.next().await.unwrap()];
    let marks = told.map(|acked| (acked.event, acked.marks.log, acked.marks.ledger));
    assert_eq!(marks, [(demo.clone(), 3, 0), (demo.clone(), 3, 1)]);
    let held = rig.store.watermarks(&demo).await.unwrap();
    let expected = Watermarks {
        log: 3,
        ledger: 1,
        ..Watermarks::default()
    };
    assert_eq!(held, expected);
    assert!(held.reached(AckLevel::Log, 3) && !held.reached(AckLevel::Ledger, 2));
    assert!(held.reached(AckLevel::Redis, 99));
    let figures = rig.store.figures(&demo).await.unwrap().unwrap();
    let expected = Figures {
        admitted: 1,
        redeemed: 1,
        total: 1,
        outbox_lag: 3,
        ledger_lag: 5,
        ..Figures::default()
    };
    assert_eq!(figures, expected);
}

#[tokio::test]
async fn a_mark_is_told_at_once_and_noted_a_moment_later_when_the_outbox_forgets() {
    let rig = Rig::start().await;
    let (demo, _) = redeemed(&rig).await;
    let waiting = rig.store.outbox_length(&demo).await.unwrap();
    let mut feed = AckFeed::connect(&rig.redis.settings()).await.unwrap();
    let mut marks = Marks::forgetting(&rig.store, &[AckLevel::Log, AckLevel::Ledger]);
    assert!(
        marks.due().now_or_never().is_none(),
        "there is nothing to note"
    );
    marks.tell(&demo, 2).await.unwrap();
    marks.tell(&demo, 3).await.unwrap();
    for ordinal in [2, 3] {
        let told = feed.next().await.unwrap().marks;
        assert_eq!((told.log, told.ledger), (ordinal, ordinal));
    }
    let noted = rig.store.watermarks(&demo).await.unwrap();
    assert_eq!(noted, Watermarks::default(), "nothing was written");
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), waiting);

    marks.due().await;
    marks.note().await.unwrap();
    let noted = rig.store.watermarks(&demo).await.unwrap();
    assert_eq!((noted.log, noted.ledger), (3, 3));
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), waiting - 3);
    assert!(marks.due().now_or_never().is_none(), "all is noted");

    let mut marks = Marks::keeping(&rig.store, &[AckLevel::Ledger]);
    marks.tell(&demo, 4).await.unwrap();
    marks.note().await.unwrap();
    let noted = rig.store.watermarks(&demo).await.unwrap();
    assert_eq!((noted.log, noted.ledger), (3, 4));
    assert_eq!(rig.store.outbox_length(&demo).await.unwrap(), waiting - 3);
}
