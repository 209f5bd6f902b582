//! One loud event does not slow another: the admissions and the pushes of both are counted against each other, so that a slow
//! machine, which slows both, proves nothing.
#![cfg(test)]

use std::time::Duration;

use client::{AdmissionChange, Visitor};
use e2e::forge::Parts;
use e2e::people::{self, Story, Temper};
use e2e::{Server, until};

/// People who come to the loud event at once, each with a socket, and how many of them are let in per second.
const LOUD: (u32, f64) = (1_500, 40.0);
/// The same of the quiet one.
const QUIET: (u32, f64) = (40, 5.0);

/// When they were let in by the store's clock, ascending, in milliseconds: the ticket's id ends in it.
fn admitted_ms(stories: &[Story]) -> Vec<u64> {
    let mut times: Vec<u64> = stories.iter().map(admitted_at).collect();
    times.sort_unstable();
    times
}

fn admitted_at(story: &Story) -> u64 {
    let claims = Parts::of(story.ticket.as_ref().unwrap()).unwrap().claims;
    let jti = claims["jti"].as_str().unwrap();
    jti.rsplit('.').next().unwrap().parse().unwrap()
}

async fn crowd(visitor: Visitor, event: &'static str, count: u32) -> Vec<Story> {
    let at_once = Duration::ZERO;
    let crowd = people::crowd(&visitor, event, count, at_once, Temper::Strict);
    crowd.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loud_event_takes_no_admission_and_no_push_from_a_quiet_one() {
    let server = Server::start().await.unwrap();
    let (visitor, organiser) = (server.visitor().unwrap(), server.organiser().unwrap());
    server.open_event("loud", 5_000, LOUD.1).await.unwrap();
    server.open_event("quiet", 5_000, QUIET.1).await.unwrap();
    let loud = tokio::spawn(crowd(visitor.clone(), "loud", LOUD.0));
    until(async || {
        let event = organiser.event("loud").await.ok()?;
        (event.waiting > u64::from(LOUD.0) / 2).then_some(())
    })
    .await
    .unwrap();
    let quiet = crowd(visitor, "quiet", QUIET.0).await;
    // What comes after that is not counted.
    let faster = AdmissionChange {
        rate_per_s: Some(10_000.0),
        ..AdmissionChange::default()
    };
    organiser.set_admission("loud", &faster).await.unwrap();
    let loud = loud.await.unwrap();
    for stories in [&loud, &quiet] {
        people::check(stories).unwrap();
        assert_eq!(people::codes(stories).len(), stories.len());
    }

    let times = admitted_ms(&quiet);
    let during = times[0]..=times[times.len() - 1];
    let meanwhile: Vec<&Story> = loud
        .iter()
        .filter(|story| during.contains(&admitted_at(story)))
        .collect();
    let fair = f64::from(QUIET.0) * LOUD.1 / QUIET.1;
    let admitted = f64::from(u32::try_from(meanwhile.len()).unwrap());
    assert!(
        (fair / 2.0..=fair * 2.0).contains(&admitted),
        "{admitted} of the loud event were let in beside {} of the quiet one; {fair} would be fair",
        QUIET.0
    );

    // Those who were let in last have watched all that time, and stood near the head in both lines.
    let last = quiet.iter().max_by_key(|story| admitted_at(story)).unwrap();
    let late = *during.start() + (during.end() - during.start()) * 3 / 4;
    let pushes = meanwhile
        .iter()
        .filter(|story| admitted_at(story) >= late)
        .map(|story| story.positions.len())
        .min()
        .unwrap();
    assert!(
        last.positions.len() * 2 >= pushes && pushes > 2,
        "{} pushes in the quiet line, {pushes} in the loud one",
        last.positions.len()
    );
    server.stop().await.unwrap();
}
