//! One coupon's way through every script.

use std::time::Duration;

use domain::event::AckLevel;
use domain::place::{AdmittedPlace, PlaceState};
use domain::record::Fact;
use domain::{Millis, Phase, Seq, Serial};

use super::{Rig, id, place};
use crate::{
    AckFeed, Entered, Look, Minted, Move, Moves, OutboxReader, Redeem, Redeemed, Watermarks,
};

const SOON: Duration = Duration::from_secs(5);

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

#[tokio::test]
async fn one_coupon_goes_all_the_way() {
    let rig = Rig::start().await;
    let store = &rig.store;
    let demo = id("demo");
    let live = rig
        .make(
            "demo",
            r#"{"title":"Demo","stock":1,"phase":"open","admission":{"rate_per_s":1000.5}}"#,
        )
        .await;
    assert_eq!((live.version, live.remaining), (1, 1));
    assert_eq!(store.event(&demo).await.unwrap().unwrap().event, live.event);
    assert_eq!(store.events().await.unwrap(), [demo.clone()]);

    assert_eq!(
        store.enter(&demo, &place(1)).await.unwrap(),
        Entered::New(Seq(1))
    );
    assert_eq!(
        store.enter(&demo, &place(2)).await.unwrap(),
        Entered::New(Seq(2))
    );
    assert_eq!(
        store.enter(&demo, &place(1)).await.unwrap(),
        Entered::Held(PlaceState::Waiting { seq: Seq(1) })
    );
    assert_eq!(
        store.waiting(&demo, Seq(0), 1).await.unwrap().next,
        Some(Seq(1))
    );
    assert_eq!(
        store.waiting(&demo, Seq(1), 9).await.unwrap().seqs,
        [Seq(2)]
    );

    let round = loop {
        let round = store.admit(&demo, "key", 10).await.unwrap();
        if !round.admitted.is_empty() {
            break round;
        }
    };
    let [admitted] = &round.admitted[..] else {
        panic!("one coupon, one ticket: {round:?}")
    };
    let minted = Minted {
        place: place(1),
        seq: Seq(1),
        ticket: "jwt".into(),
    };
    store.store_tickets(&demo, &[minted]).await.unwrap();
    assert_eq!(
        store.tickets(&demo, &[place(1), place(2)]).await.unwrap(),
        [Some("jwt".into()), None]
    );

    let passed = store.redeem(&demo, redeem(admitted, "CODE")).await.unwrap();
    let Redeemed::Pass(issue) = passed else {
        panic!("{passed:?}")
    };
    assert_eq!(
        (
            issue.coupon.serial,
            issue.ordinal,
            issue.record_id.0.as_str()
        ),
        (Serial(1), 2, "demo:1:2")
    );
    assert_eq!(
        store
            .redeem(&demo, redeem(admitted, "OTHER"))
            .await
            .unwrap(),
        Redeemed::Replayed(issue.clone())
    );
    assert_eq!(
        store.look(&demo, &place(1)).await.unwrap(),
        Look::Known(PlaceState::Redeemed(issue.clone()))
    );
    assert_eq!(
        store.enter(&demo, &place(3)).await.unwrap(),
        Entered::SoldOut
    );
    assert_eq!(
        store.event(&demo).await.unwrap().unwrap().event.phase,
        Phase::Draining
    );
    assert_eq!(store.issued(&demo).next().await.unwrap(), Some(vec![issue]));

    let mut reader = OutboxReader::connect(&rig.redis.settings()).await.unwrap();
    let batches = reader.next(&[(demo.clone(), 0)], 10, SOON).await.unwrap();
    let records = &batches[0].records;
    assert_eq!(
        records
            .iter()
            .map(|record| record.ordinal)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(
        matches!(&records[0].fact, Fact::Changed(event) if event.phase == Phase::Open && event.admission.rate_per_s == 1000.5)
    );
    assert!(matches!(&records[1].fact, Fact::Issued { coupon, .. } if coupon.code == "CODE"));
    assert!(matches!(&records[2].fact, Fact::Changed(event) if event.phase == Phase::Draining));

    let mut moves = Moves::connect(&rig.redis.settings()).await.unwrap();
    let told: Vec<Move> = moves
        .next(&[(demo.clone(), 0)], SOON)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.unwrap().change)
        .collect();
    assert_eq!(
        told,
        [
            Move::Event,
            Move::Admitted(vec![Seq(1)]),
            Move::Ticketed(vec![(Seq(1), place(1))]),
            Move::Event
        ]
    );
    assert_eq!(store.moves_head(&demo).await.unwrap(), (4, Seq(2)));

    let mut acks = AckFeed::connect(&rig.redis.settings()).await.unwrap();
    store
        .raise_watermark(&demo, AckLevel::Log, 3)
        .await
        .unwrap();
    store
        .raise_watermark(&demo, AckLevel::Log, 2)
        .await
        .unwrap();
    let told = acks.next().await.unwrap();
    assert_eq!(
        (told.event, told.marks),
        (demo.clone(), Watermarks { log: 3, ledger: 0 })
    );
    assert_eq!(store.watermarks(&demo).await.unwrap(), told.marks);

    let figures = store.figures(&demo).await.unwrap().unwrap();
    assert_eq!(
        (
            figures.waiting,
            figures.admitted,
            figures.outstanding,
            figures.redeemed
        ),
        (0, 1, 0, 1)
    );
    assert_eq!((figures.outbox_lag, figures.ledger_lag), (0, 3));
    let audit = store.audit(&demo, None, 10).await.unwrap();
    let actions: Vec<_> = audit
        .entries
        .iter()
        .map(|entry| (entry.by.as_str(), entry.action.as_str()))
        .collect();
    assert_eq!(actions, [("sold-out", "phase"), ("admin", "created")]);
}
