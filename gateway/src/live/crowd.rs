//! What a crowd costs the store: counted in the commands that a real Redis carried out.

use std::collections::HashMap;
use std::time::Duration;

use chassis::throttle::Limits;
use domain::{EventId, PlaceToken};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;

use crate::tests::rig::{Rig, open, token};
use crate::tests::socket::Socket;

/// People who enter, by the store.
async fn people(rig: &Rig, event: &EventId, count: usize) -> Vec<PlaceToken> {
    let people: Vec<PlaceToken> = (0..count).map(|_| token()).collect();
    let enter = people.iter().map(|token| {
        let place = token.place_id();
        async move { rig.store.enter(event, &place).await.unwrap() }
    });
    join_all(enter).await;
    people
}

/// How often the store was asked: one for each script, transaction and read, whatever it does inside.
fn round_trips(commands: &HashMap<String, u64>) -> u64 {
    ["evalsha", "exec", "xread"]
        .iter()
        .filter_map(|command| commands.get(*command))
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_come_back_in_a_twentieth_as_many_calls_and_are_sent_away_over_ten_seconds() {
    const CROWD: usize = 2_000;
    let rig = Rig::with(Duration::from_mins(1), Limits::default()).await;
    let event = rig.event("demo", open(9)).await;
    let people = people(&rig, &event, CROWD).await;
    let door = rig.listen().await;
    let sockets: Vec<Socket> = stream::iter(0..CROWD)
        .map(|_| async { Socket::open(door, &event, &[]).await.unwrap() })
        .buffer_unordered(100)
        .collect()
        .await;
    let before = round_trips(&rig.commands().await);
    let came = sockets.into_iter().zip(&people).map(|(mut socket, token)| {
        let hello = json!({"type": "hello", "place_token": token.reveal()}).to_string();
        async move {
            socket.say(&hello).await;
            socket.of("position").await;
            socket
        }
    });
    let back = join_all(came).await;
    let asked = round_trips(&rig.commands().await) - before;
    assert!(asked <= CROWD as u64 / 20, "{asked} calls");

    rig.lifecycle.stop();
    let told = back.into_iter().map(|mut socket| async move {
        let bye = socket.of("bye").await;
        usize::try_from(bye["retry_after_ms"].as_u64().unwrap()).unwrap()
    });
    let mut seconds = [0; 10];
    for retry_after_ms in join_all(told).await {
        seconds[retry_after_ms / 1_000] += 1;
    }
    // Two hundred each, give or take six standard deviations.
    assert!(
        seconds.iter().all(|come| (120..280).contains(come)),
        "{seconds:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_second_costs_the_store_does_not_grow_with_the_number_waiting() {
    let rig = Rig::start().await;
    let event = rig.event("demo", open(99)).await;
    let mut waiting = people(&rig, &event, 100).await;
    let door = rig.listen().await;
    let mut sockets = Vec::new();
    for token in &waiting[50..] {
        let mut socket = Socket::hello(door, &event, token).await;
        socket.of("position").await;
        sockets.push(socket);
    }
    let commands = async || {
        let before: u64 = rig.commands().await.values().sum();
        rig.admit(&event, 10).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let after: u64 = rig.commands().await.values().sum();
        after - before
    };
    let few = commands().await;
    waiting.extend(people(&rig, &event, 9_900).await);
    let many = commands().await;
    assert_eq!(waiting.len(), 10_000);
    // How much else goes on in three seconds depends on the machine; a command for every tenth of the 9,900 would show.
    assert!(many < few + 990, "{few} at 100, {many} at 10,000");
}
