//! The short form of the proof: a drop while everything is killed, stopped and cut off in turn, judged by the checker.
//! `make soak` is the long form. `STANCHION_SEED` repeats a schedule.
#![cfg(test)]

use e2e::chance::Chance;
use e2e::nemesis::Stack;
use e2e::trial::Trial;

/// Runs a trial and wants it proven.
async fn proven(stack: Stack, strikes: usize) {
    let seed = Chance::seed(&format!("{stack:?}"));
    let trial = Trial::new(stack, seed, strikes);
    for planned in &trial.plan {
        eprintln!("{planned}");
    }
    let outcome = trial.run().await.unwrap();
    eprintln!("{}", serde_json::to_string(&outcome).unwrap());
    assert_eq!(outcome.names(), Vec::<String>::new(), "{outcome:#?}");
    assert!(outcome.heard > 0 && outcome.kills > 0, "{outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_the_embedded_default_no_heard_pass_is_lost_and_nothing_sold_twice() {
    proven(Stack::Embedded, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_the_full_stack_no_heard_pass_is_lost_and_nothing_sold_twice() {
    proven(Stack::Full, 10).await;
}
