//! Admission: the pace, tickets that end, and tickets that were never minted.

use domain::event::AdmissionChange;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Phase, PlaceId, Seq};

use super::state::let_pass;
use super::{ADMIN, Rig, id, place, redeem};
use crate::{Entered, Look, Minted, Redeemed};

/// An open event with `people` waiting and no tokens but those that time brings.
async fn line(rig: &Rig, people: u64, rate: &str) -> EventId {
    let put = format!(
        r#"{{"title":"Demo","stock":1000,"phase":"open","admission":{{"rate_per_s":{rate}}}}}"#
    );
    rig.make("demo", &put).await;
    rig.enter(&id("demo"), 1..=people).await;
    id("demo")
}

/// One round while everybody is there.
async fn let_in(rig: &Rig, event: &EventId) -> Vec<u64> {
    let everyone: Vec<PlaceId> = (1..=30).map(place).collect();
    rig.store.present(event, &everyone).await.unwrap();
    let round = rig.store.admit(event, "key", 1_000).await.unwrap();
    round.admitted.iter().map(|one| one.seq.0).collect()
}

#[tokio::test]
async fn a_slow_rate_loses_no_fraction() {
    let rig = Rig::start().await;
    // One person in 1,000 s: what the test itself takes brings no token.
    let demo = line(&rig, 3, "0.001").await;
    assert_eq!(
        let_in(&rig, &demo).await,
        [] as [u64; 0],
        "the bucket begins empty"
    );
    for passed_ms in [400_000, 400_000] {
        let_pass(&rig.store, &demo, passed_ms).await;
        assert_eq!(let_in(&rig, &demo).await, [] as [u64; 0]);
    }
    let_pass(&rig.store, &demo, 200_000).await;
    assert_eq!(let_in(&rig, &demo).await, [1]);
    assert_eq!(let_in(&rig, &demo).await, [] as [u64; 0]);
}

#[tokio::test]
async fn an_idle_hour_saves_one_second_of_the_rate() {
    let rig = Rig::start().await;
    let demo = line(&rig, 30, "5").await;
    let_pass(&rig.store, &demo, 3_600_000).await;
    assert_eq!(let_in(&rig, &demo).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_pause_empties_the_bucket() {
    let rig = Rig::start().await;
    let demo = line(&rig, 30, "0.001").await;
    let_pass(&rig.store, &demo, 900_000).await;
    rig.phase(&demo, Phase::Paused).await;
    let_pass(&rig.store, &demo, 900_000).await;
    assert_eq!(
        let_in(&rig, &demo).await,
        [] as [u64; 0],
        "nobody while it is paused"
    );
    rig.phase(&demo, Phase::Open).await;
    let_pass(&rig.store, &demo, 900_000).await;
    assert_eq!(
        let_in(&rig, &demo).await,
        [] as [u64; 0],
        "0.9 tokens since it resumed"
    );
    let_pass(&rig.store, &demo, 100_000).await;
    assert_eq!(let_in(&rig, &demo).await, [1]);
}

#[tokio::test]
async fn a_clock_that_steps_back_gives_nothing_twice_and_stops_nobody() {
    let rig = Rig::start().await;
    let demo = line(&rig, 30, "0.001").await;
    let_pass(&rig.store, &demo, 500_000).await;
    let_pass(&rig.store, &demo, -3_600_000).await;
    assert_eq!(let_in(&rig, &demo).await, [] as [u64; 0]);
    let_pass(&rig.store, &demo, 900_000).await;
    assert_eq!(let_in(&rig, &demo).await, [] as [u64; 0], "0.9 tokens");
    let_pass(&rig.store, &demo, 100_000).await;
    assert_eq!(let_in(&rig, &demo).await, [1]);
}

#[tokio::test]
async fn what_came_before_a_change_came_at_the_old_rate() {
    let rig = Rig::start().await;
    let demo = line(&rig, 30, "0.001").await;
    let rate = |rate_per_s| AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ..AdmissionChange::default()
    };
    let_pass(&rig.store, &demo, 500_000).await;
    rig.store
        .change_admission(&demo, rate(0.002), ADMIN)
        .await
        .unwrap();
    let_pass(&rig.store, &demo, 200_000).await;
    assert_eq!(
        let_in(&rig, &demo).await,
        [] as [u64; 0],
        "0.5 and 0.4 tokens"
    );
    let_pass(&rig.store, &demo, 50_000).await;
    assert_eq!(let_in(&rig, &demo).await, [1]);
    rig.store
        .change_admission(&demo, rate(0.0), ADMIN)
        .await
        .unwrap();
    let_pass(&rig.store, &demo, 3_600_000).await;
    assert_eq!(
        let_in(&rig, &demo).await,
        [] as [u64; 0],
        "a rate of 0 lets nobody in"
    );
}

#[tokio::test]
async fn capacity_and_stock_bound_those_who_are_out() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":3,"phase":"open","admission":{"rate_per_s":1000000,"capacity":2}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=9).await;
    let admitted = rig.admitted(&demo, 2).await;
    let round = rig.store.admit(&demo, "key", 9).await.unwrap();
    assert_eq!(
        (round.admitted.len(), round.next_in_ms),
        (0, 50),
        "soon: any redeem makes room"
    );
    rig.redeem(&demo, &admitted[0], "A").await;
    assert_eq!(rig.admitted(&demo, 1).await[0].seq, Seq(3));
    let more = AdmissionChange {
        capacity: Some(9),
        ..AdmissionChange::default()
    };
    rig.store
        .change_admission(&demo, more, ADMIN)
        .await
        .unwrap();
    let round = rig.store.admit(&demo, "key", 9).await.unwrap();
    assert_eq!(
        (round.admitted.len(), round.next_in_ms),
        (0, 250),
        "two coupons, two tickets out"
    );
}

#[tokio::test]
async fn the_next_round_is_asked_for_when_it_can_let_somebody_in() {
    let rig = Rig::start().await;
    let demo = line(&rig, 3, "10").await;
    // The clock steps back, so that the bucket is as empty as it was at the beginning, however slow this machine is.
    let_pass(&rig.store, &demo, -60_000).await;
    assert_eq!(
        rig.store.admit(&demo, "key", 9).await.unwrap().next_in_ms,
        100,
        "the time of one token"
    );
    let_pass(&rig.store, &demo, 1_000).await;
    assert_eq!(
        rig.store.admit(&demo, "key", 1).await.unwrap().next_in_ms,
        0,
        "there are tokens left"
    );
    let round = rig.store.admit(&demo, "key", 9).await.unwrap();
    assert!(!round.admitted.is_empty());
    assert_eq!(round.next_in_ms, 250, "nobody waits");
    rig.phase(&demo, Phase::Paused).await;
    assert_eq!(
        rig.store.admit(&demo, "key", 9).await.unwrap().next_in_ms,
        500
    );
    rig.phase(&demo, Phase::Closed).await;
    assert_eq!(
        rig.store.admit(&demo, "key", 9).await.unwrap().next_in_ms,
        600_000
    );
    assert!(
        rig.store
            .admit(&id("nothing"), "key", 9)
            .await
            .unwrap()
            .unknown
    );
}

#[tokio::test]
async fn an_unused_ticket_ends_and_its_room_is_free() {
    let rig = Rig::start().await;
    let demo = id("demo");
    let put = r#"{"title":"Demo","stock":9,"phase":"open","admission":{"rate_per_s":1000000,"capacity":1,"ticket_ttl_s":60}}"#;
    rig.make("demo", put).await;
    rig.enter(&demo, 1..=2).await;
    let missed = rig.admitted(&demo, 1).await.remove(0);
    assert_eq!(
        missed.expires_at.0 % 1_000,
        0,
        "as the `exp` claim tells it"
    );
    let lasts_ms = missed.expires_at.0 - missed.admitted_at.0;
    assert!((60_000..61_000).contains(&lasts_ms), "{lasts_ms}");
    let_pass(&rig.store, &demo, 59_000).await;
    assert_eq!(rig.store.admit(&demo, "key", 1).await.unwrap().no_shows, 0);
    let_pass(&rig.store, &demo, 2_000).await;
    rig.store.present(&demo, &[place(2)]).await.unwrap();
    let round = rig.store.admit(&demo, "key", 1).await.unwrap();
    assert_eq!((round.no_shows, round.admitted.len()), (1, 1));
    let gone = PlaceState::Gone {
        reason: GoneReason::NoShow,
    };
    assert_eq!(
        rig.store.look(&demo, &missed.place).await.unwrap(),
        Look::Known(gone)
    );
    assert_eq!(rig.redeem(&demo, &missed, "CODE").await, Redeemed::Expired);
    assert_eq!(
        rig.store.enter(&demo, &missed.place).await.unwrap(),
        Entered::New(Seq(3)),
        "at the back"
    );
}

#[tokio::test]
async fn a_ticket_ends_at_its_end_swept_or_not() {
    let rig = Rig::start().await;
    let demo = line(&rig, 1, "1000000").await;
    let admitted = rig.admitted(&demo, 1).await.remove(0);
    let mut asked = redeem(&admitted, "CODE");
    asked.ends_at = rig.store.now().await.unwrap();
    let outcome = rig.store.redeem(&demo, asked.clone()).await.unwrap();
    assert_eq!(outcome, Redeemed::Expired);
    asked.ends_at = admitted.expires_at;
    asked.begins_at = rig.store.now().await.unwrap().plus(60_000);
    let outcome = rig.store.redeem(&demo, asked).await.unwrap();
    assert_eq!(outcome, Redeemed::NotYetValid);
}

#[tokio::test]
async fn a_ticket_of_an_earlier_admission_is_worth_nothing() {
    let rig = Rig::start().await;
    let demo = line(&rig, 1, "1000000").await;
    let earlier = rig.admitted(&demo, 1).await.remove(0);
    rig.store.leave(&demo, &place(1)).await.unwrap();
    assert_eq!(rig.redeem(&demo, &earlier, "A").await, Redeemed::Expired);
    rig.enter(&demo, 1..=1).await;
    let_pass(&rig.store, &demo, 5).await;
    let present = rig.admitted(&demo, 1).await.remove(0);
    assert_eq!(rig.redeem(&demo, &earlier, "A").await, Redeemed::Expired);
    assert!(matches!(
        rig.redeem(&demo, &present, "A").await,
        Redeemed::Pass(_)
    ));
}

#[tokio::test]
async fn a_crash_between_admit_and_mint_loses_nobody() {
    let rig = Rig::start().await;
    let demo = line(&rig, 2, "1000000").await;
    let admitted = rig.admitted(&demo, 2).await;
    let minted = Minted {
        place: place(1),
        seq: Seq(1),
        ticket: "jwt".into(),
    };
    rig.store.store_tickets(&demo, &[minted]).await.unwrap();
    assert!(
        rig.store
            .admit(&demo, "other", 1)
            .await
            .unwrap()
            .unminted
            .is_empty(),
        "its minter may be at it"
    );
    let_pass(&rig.store, &demo, 1_000).await;
    let late = rig.store.admit(&demo, "other", 1).await.unwrap().unminted;
    let [late] = &late[..] else {
        panic!("{late:?}")
    };
    assert_eq!(
        (late.seq, late.kid.as_str()),
        (Seq(2), "key"),
        "by the key that was named when it was admitted"
    );
    assert_eq!(late.admitted_at, admitted[1].admitted_at.plus(-1_000));
    assert!(
        rig.store
            .admit(&demo, "third", 1)
            .await
            .unwrap()
            .unminted
            .is_empty(),
        "another minter has it now"
    );
}

#[tokio::test]
async fn a_ticket_is_stored_once_and_only_for_those_who_are_still_admitted() {
    let rig = Rig::start().await;
    let demo = line(&rig, 2, "1000000").await;
    rig.admitted(&demo, 2).await;
    rig.store.leave(&demo, &place(2)).await.unwrap();
    let minted = |n: u64, seq: u64, ticket: &str| Minted {
        place: place(n),
        seq: Seq(seq),
        ticket: ticket.into(),
    };
    let (head, _) = rig.store.moves_head(&demo).await.unwrap();
    for batch in [
        vec![minted(1, 9, "of another admission")],
        vec![minted(1, 1, "first"), minted(2, 2, "of one who left")],
        vec![minted(1, 1, "second")],
        vec![],
    ] {
        rig.store.store_tickets(&demo, &batch).await.unwrap();
    }
    assert_eq!(rig.ticket(&demo, 1).await.as_deref(), Some("first"));
    assert_eq!(rig.ticket(&demo, 2).await, None);
    assert_eq!(
        rig.store.moves_head(&demo).await.unwrap().0,
        head + 1,
        "one move told of it"
    );
}
