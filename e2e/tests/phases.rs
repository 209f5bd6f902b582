//! The life of an event as visitors see it: who may enter, who is let in, who may redeem, in every phase.
#![cfg(test)]

use client::{AdmissionChange, EventPut, Frame, GoneReason, Ops, Phase, PlaceState, Redemption};
use e2e::people::{self, Turn};
use e2e::server::event_put;
use e2e::{Server, until};
use futures_util::StreamExt as _;
use serde_json::json;

/// Makes an open event with somebody waiting and somebody admitted: `(waiting, admitted, ticket)`.
async fn with_people(
    server: &Server,
    event: &str,
) -> (client::PlaceToken, client::PlaceToken, String) {
    server.open_event(event, 10, 1_000.0).await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let (admitted, ticket) = people::admitted(&visitor, event).await.unwrap();
    rate(&ops, event, 0.0).await;
    let waiting = people::new_token().unwrap();
    visitor.enter(event, Some(&waiting)).await.unwrap();
    (waiting, admitted, ticket)
}

async fn rate(ops: &Ops, event: &str, rate_per_s: f64) {
    let change = AdmissionChange {
        rate_per_s: Some(rate_per_s),
        ..AdmissionChange::default()
    };
    ops.set_admission(event, &change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn entering_is_allowed_or_refused_as_the_table_says() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let opens_at = "2099-01-01T00:00:00.000Z";
    for (nth, phase) in Phase::ALL.into_iter().enumerate() {
        let event = format!("e-{nth}");
        let mut put = event_put(10, 0.0, phase);
        put.others.insert("opens_at".into(), json!(opens_at));
        // A new event may begin in any phase but the two that follow a life in the open.
        if matches!(phase, Phase::Paused | Phase::Draining) {
            put.phase = Some(Phase::Open);
            put.others.clear();
        }
        ops.put_event(&event, &put).await.unwrap();
        ops.move_phase(&event, phase).await.unwrap();
        let entered = visitor.enter(&event, None).await;
        match phase {
            Phase::Lobby | Phase::Open | Phase::Paused => {
                let place = entered.unwrap().place;
                assert_eq!((place.position, place.phase), (Some(1), phase));
            }
            Phase::Draft => {
                let error = entered.unwrap_err();
                let problem = error.problem().unwrap();
                assert_eq!(
                    (problem.status, problem.name.as_str()),
                    (409, "not-open-yet")
                );
                assert_eq!(problem.members["opens_at"], opens_at);
            }
            Phase::Draining => {
                let error = entered.unwrap_err();
                let problem = error.problem().unwrap();
                assert_eq!(
                    (problem.status, problem.name.as_str()),
                    (409, "line-closed")
                );
            }
            Phase::Closed => {
                let error = entered.unwrap_err();
                let problem = error.problem().unwrap();
                assert_eq!(
                    (problem.status, problem.name.as_str()),
                    (410, "event-closed")
                );
            }
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lobby_lets_nobody_in_until_it_opens() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    ops.put_event("drop", &event_put(10, 1_000.0, Phase::Lobby))
        .await
        .unwrap();
    let token = people::new_token().unwrap();
    visitor.enter("drop", Some(&token)).await.unwrap();
    let mut live = visitor.live("drop", &token).await.unwrap();
    let first = live.next().await.unwrap().unwrap();
    assert!(
        matches!(
            first,
            Frame::Position {
                position: Some(1),
                ..
            }
        ),
        "{first:?}"
    );
    assert_eq!(ops.event("drop").await.unwrap().admitted, 0);
    ops.move_phase("drop", Phase::Open).await.unwrap();
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    assert!(matches!(turn, Turn::Ticket { .. }), "{turn:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_admission_and_nothing_else() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let (waiting, admitted, ticket) = with_people(&server, "drop").await;
    let mut live = visitor.live("drop", &waiting).await.unwrap();
    live.next().await.unwrap().unwrap();
    ops.move_phase("drop", Phase::Paused).await.unwrap();
    rate(&ops, "drop", 1_000.0).await;
    let told = |frame: &Frame| {
        matches!(
            frame,
            Frame::Event {
                phase: Phase::Paused,
                ..
            }
        )
    };
    people::heard(&mut live, told).await.unwrap();
    let pass = visitor.redeem("drop", &ticket, &admitted).await.unwrap();
    assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    let place = visitor.me("drop", &waiting).await.unwrap();
    assert_eq!(
        (place.state, place.position),
        (PlaceState::Waiting, Some(1))
    );
    assert_eq!(place.eta_s, None, "nobody is let in, so nobody knows when");
    visitor.enter("drop", None).await.unwrap();
    assert_eq!(ops.event("drop").await.unwrap().admitted, 1);

    ops.move_phase("drop", Phase::Open).await.unwrap();
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    assert!(matches!(turn, Turn::Ticket { .. }), "{turn:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_event_serves_its_line_to_the_end() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let (waiting, admitted, ticket) = with_people(&server, "drop").await;
    ops.move_phase("drop", Phase::Draining).await.unwrap();
    let refused = visitor.enter("drop", None).await.unwrap_err();
    assert!(refused.is("line-closed"), "{refused:?}");
    // Whoever is in line already may ask for the same place.
    assert!(!visitor.enter("drop", Some(&waiting)).await.unwrap().new);
    let pass = visitor.redeem("drop", &ticket, &admitted).await.unwrap();
    assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    rate(&ops, "drop", 1_000.0).await;
    let turn = people::watch(&visitor, "drop", &waiting, &mut Vec::new()).await;
    let Ok(Turn::Ticket { ticket, .. }) = turn else {
        panic!("{turn:?}");
    };
    let pass = visitor.redeem("drop", &ticket, &waiting).await.unwrap();
    assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_a_hard_end_that_everybody_hears() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let (waiting, admitted, ticket) = with_people(&server, "drop").await;
    let mut live = visitor.live("drop", &waiting).await.unwrap();
    live.next().await.unwrap().unwrap();
    ops.move_phase("drop", Phase::Closed).await.unwrap();
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    assert_eq!(turn, Turn::Gone(GoneReason::Closed));
    let place = visitor.me("drop", &waiting).await.unwrap();
    let reason = GoneReason::Closed;
    assert_eq!(place.state, PlaceState::Gone { reason });
    let late = visitor
        .redeem("drop", &ticket, &admitted)
        .await
        .unwrap_err();
    let problem = late.problem().unwrap();
    assert_eq!(
        (problem.status, problem.name.as_str()),
        (410, "event-closed")
    );
    let again = ops.move_phase("drop", Phase::Open).await.unwrap_err();
    let problem = again.problem().unwrap();
    assert_eq!((problem.status, problem.name.as_str()), (409, "phase-move"));
    assert_eq!(problem.members["allowed"], json!([]));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_coupon_ends_the_line_and_new_stock_opens_it_again() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    server.open_event("drop", 1, 1_000.0).await.unwrap();
    let (winner, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let waiting = people::new_token().unwrap();
    visitor.enter("drop", Some(&waiting)).await.unwrap();
    let mut live = visitor.live("drop", &waiting).await.unwrap();
    live.next().await.unwrap().unwrap();
    visitor.redeem("drop", &ticket, &winner).await.unwrap();
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    assert_eq!(turn, Turn::Gone(GoneReason::SoldOut));
    assert_eq!(ops.event("drop").await.unwrap().phase, Phase::Draining);
    let refused = visitor.enter("drop", None).await.unwrap_err();
    assert!(refused.is("sold-out"), "{refused:?}");
    let status = until(async || {
        let status = visitor.status("drop").await.ok()?;
        status.sold_out.then_some(status)
    });
    assert_eq!(status.await.unwrap().stock.remaining, 0);

    let stock = ops.add_stock("drop", 5).await.unwrap();
    assert_eq!((stock.total, stock.remaining), (6, 5));
    ops.move_phase("drop", Phase::Open).await.unwrap();
    people::admitted(&visitor, "drop").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_may_wait_for_returns_is_told_and_stays() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put: EventPut = event_put(1, 1_000.0, Phase::Open);
    put.others.insert("on_sold_out".into(), json!("keep"));
    ops.put_event("drop", &put).await.unwrap();
    let (winner, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    let waiting = people::new_token().unwrap();
    visitor.enter("drop", Some(&waiting)).await.unwrap();
    let mut live = visitor.live("drop", &waiting).await.unwrap();
    live.next().await.unwrap().unwrap();
    visitor.redeem("drop", &ticket, &winner).await.unwrap();
    let told = |frame: &Frame| matches!(frame, Frame::Event { sold_out: true, .. });
    people::heard(&mut live, told).await.unwrap();
    assert_eq!(ops.event("drop").await.unwrap().phase, Phase::Open);
    ops.add_stock("drop", 1).await.unwrap();
    let turn = people::listen(&mut live, &mut Vec::new()).await.unwrap();
    assert!(matches!(turn, Turn::Ticket { .. }), "{turn:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_bounds_those_who_are_let_in_and_have_not_redeemed() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut put = event_put(10, 1_000.0, Phase::Lobby);
    put.admission.capacity = Some(2);
    ops.put_event("drop", &put).await.unwrap();
    let mut line = Vec::new();
    for _ in 0..6 {
        let token = people::new_token().unwrap();
        visitor.enter("drop", Some(&token)).await.unwrap();
        line.push(token);
    }
    // Six could come at once; the first round lets in two.
    ops.move_phase("drop", Phase::Open).await.unwrap();
    for (nth, token) in line.iter().enumerate() {
        let turn = people::watch(&visitor, "drop", token, &mut Vec::new()).await;
        let Ok(Turn::Ticket { ticket, .. }) = turn else {
            panic!("{nth}: {turn:?}");
        };
        let figures = ops.event("drop").await.unwrap();
        assert!(figures.outstanding <= 2, "{figures:?}");
        visitor.redeem("drop", &ticket, token).await.unwrap();
    }
    server.stop().await.unwrap();
}
