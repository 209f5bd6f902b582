//! The drop: more people than coupons. Every coupon is given once, nobody gets two, everybody hears how it ended, and the
//! order of the line is kept.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::{GoneReason, Phase, Redemption};
use e2e::forge::{Parts, Signer};
use e2e::people::{self, Temper};
use e2e::server::event_put;
use e2e::{End, Server, Story, ledger, until};
use tokio::task::JoinSet;

/// How many stories ended in which way.
fn ends(stories: &[Story]) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for story in stories {
        let end = match &story.end {
            End::Pass(_) => "pass".to_owned(),
            End::Fail(problem) => format!("fail {}", problem.name),
            End::Gone(reason) => format!("gone {reason}"),
            End::TurnedAway(problem) => format!("turned away {}", problem.name),
        };
        *ends.entry(end).or_insert(0) += 1;
    }
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_gives_every_coupon_once_and_tells_everybody_else() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 1_000, 2_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let stories = people::crowd(
        &visitor,
        "drop",
        3_000,
        Duration::from_secs(2),
        Temper::Strict,
    )
    .await
    .unwrap();

    people::check(&stories).unwrap();
    let ends = ends(&stories);
    assert_eq!(ends["pass"], 1_000, "{ends:?}");
    assert_eq!(people::codes(&stories).len(), 1_000);
    let serials: BTreeSet<u64> = stories
        .iter()
        .filter_map(|story| Some(story.pass()?.coupon.serial))
        .collect();
    assert_eq!(serials, (1..=1_000).collect());
    let told = ["pass", "gone sold-out", "turned away sold-out"];
    let told: usize = told.iter().filter_map(|end| ends.get(*end)).sum();
    assert_eq!(told, 3_000, "{ends:?}");

    let after = server.organiser().unwrap().event("drop").await.unwrap();
    assert_eq!((after.redeemed, after.stock.remaining), (1_000, 0));
    assert_eq!((after.waiting, after.outstanding), (0, 0));
    assert_eq!((after.admitted, after.phase), (1_000, Phase::Draining));
    ledger::agrees(&server, "drop", 1_000).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn never_issues_more_than_stock_however_many_tickets_are_about() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 20, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let key = Signer::stolen(&server.data()).unwrap();
    let mut tickets = Vec::new();
    for _ in 0..20 {
        tickets.push(people::admitted(&visitor, "drop").await.unwrap());
    }
    // Well signed tickets of people who were never let in.
    let parts = Parts::of(&tickets[0].1).unwrap();
    for nth in 0..100 {
        let token = people::new_token().unwrap();
        let place = people::place_id(&token);
        let jti = format!("{place}.{nth}");
        let forged = parts.clone().claim("sub", place).claim("jti", jti);
        tickets.push((token, forged.signed(&key).unwrap()));
    }

    let mut attempts = JoinSet::new();
    for (nth, (token, ticket)) in tickets.into_iter().enumerate().rev() {
        let visitor = visitor.clone();
        attempts.spawn(async move { (nth, visitor.redeem("drop", &ticket, &token).await) });
    }
    let (mut codes, mut refused) = (BTreeSet::new(), 0);
    while let Some(attempt) = attempts.join_next().await {
        match attempt.unwrap() {
            (0..20, Ok(Redemption::Pass(pass))) => assert!(codes.insert(pass.coupon.code)),
            (20.., Ok(Redemption::Fail(problem))) if problem.name == "sold-out" => refused += 1,
            (20.., Err(error)) if error.is("ticket-expired") => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((codes.len(), refused), (20, 100));
    ledger::agrees(&server, "drop", 20).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_coupon_per_person_whatever_they_try() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let key = Signer::stolen(&server.data()).unwrap();
    for nth in 0..5 {
        let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
        let mut attempts = JoinSet::new();
        for _ in 0..8 {
            let (visitor, ticket, token) = (visitor.clone(), ticket.clone(), token.clone());
            attempts.spawn(async move { visitor.redeem("drop", &ticket, &token).await });
        }
        let (mut codes, mut first) = (BTreeSet::new(), 0);
        while let Some(outcome) = attempts.join_next().await {
            let Redemption::Pass(pass) = outcome.unwrap().unwrap() else {
                panic!("the ticket is good");
            };
            codes.insert(pass.coupon.code);
            first += usize::from(!pass.replayed);
        }
        assert_eq!((codes.len(), first), (1, 1), "{codes:?}");

        // Another ticket for the same place, however it came about.
        let another = Parts::of(&ticket)
            .unwrap()
            .claim("jti", format!("another-{nth}"))
            .signed(&key)
            .unwrap();
        let Redemption::Fail(problem) = visitor.redeem("drop", &another, &token).await.unwrap()
        else {
            panic!("a second coupon for one person");
        };
        assert_eq!(
            (problem.status, problem.name.as_str()),
            (409, "already-issued")
        );

        // Entering again shows the coupon that is there.
        let again = visitor.enter("drop", Some(&token)).await.unwrap();
        assert!(!again.new);
        let client::PlaceState::Redeemed { coupon } = again.place.state else {
            panic!("{:?}", again.place);
        };
        assert!(codes.contains(&coupon.code));
    }
    ledger::agrees(&server, "drop", 5).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_makes_room_and_is_not_served() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 0.0).await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    let mut places = Vec::new();
    for nth in 1..=6 {
        let token = people::new_token().unwrap();
        let place = visitor.enter("drop", Some(&token)).await.unwrap().place;
        assert_eq!(place.position, Some(nth));
        places.push(token);
    }
    // The second, third and fifth leave: one by the socket, two by the call.
    let mut live = visitor.live("drop", &places[1]).await.unwrap();
    live.leave().await.unwrap();
    let mut positions = Vec::new();
    let turn = people::listen(&mut live, &mut positions).await.unwrap();
    assert_eq!(turn, people::Turn::Gone(GoneReason::Left));
    visitor.leave("drop", &places[2]).await.unwrap();
    visitor.leave("drop", &places[4]).await.unwrap();
    visitor.leave("drop", &places[4]).await.unwrap();
    let last = until(async || {
        let place = visitor.me("drop", &places[5]).await.ok()?;
        (place.position == Some(3)).then_some(place)
    });
    assert_eq!(last.await.unwrap().waiting, 3);

    let faster = client::AdmissionChange {
        rate_per_s: Some(1_000.0),
        ..Default::default()
    };
    ops.set_admission("drop", &faster).await.unwrap();
    for nth in [0, 3, 5] {
        let turn = people::watch(&visitor, "drop", &places[nth], &mut Vec::new()).await;
        assert!(matches!(turn, Ok(people::Turn::Ticket { .. })), "{turn:?}");
    }
    let after = ops.event("drop").await.unwrap();
    assert_eq!((after.admitted, after.left, after.waiting), (3, 3, 0));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_line_is_kept_one_by_one() {
    let server = Server::start().await.unwrap();
    let (visitor, ops) = (server.visitor().unwrap(), server.organiser().unwrap());
    // One at a time: whoever is next gets the only ticket that may be out.
    let mut put = event_put(20, 1_000.0, Phase::Lobby);
    put.admission.capacity = Some(1);
    ops.put_event("drop", &put).await.unwrap();
    let mut line = Vec::new();
    for _ in 0..20 {
        let token = people::new_token().unwrap();
        visitor.enter("drop", Some(&token)).await.unwrap();
        line.push(token);
    }
    ops.move_phase("drop", Phase::Open).await.unwrap();
    for (nth, token) in line.iter().enumerate() {
        let turn = people::watch(&visitor, "drop", token, &mut Vec::new()).await;
        let Ok(people::Turn::Ticket { ticket, .. }) = turn else {
            panic!("{nth}: {turn:?}");
        };
        let figures = ops.event("drop").await.unwrap();
        assert_eq!((figures.admitted, figures.outstanding), (nth as u64 + 1, 1));
        let pass = visitor.redeem("drop", &ticket, token).await.unwrap();
        assert!(matches!(pass, Redemption::Pass(_)), "{pass:?}");
    }
    server.stop().await.unwrap();
}
