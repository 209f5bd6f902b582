//! The endless crowd of a demo: so many people stay in line; some leave, most give their ticket back so that the coupons
//! last, a few redeem; new ones come. When there is nothing to wait for it sleeps and looks again now and then.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chassis::system::SystemRandom;
use client::{Phase, Visitor};
use domain::Random as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::RehearseArgs;
use super::crowd::Crowd;
use super::person::{Intent, Person};
use super::street::{House, Street};

/// One in so many redeems.
const REDEEMS: u32 = 30;
/// One in so many leaves before the turn comes.
const LEAVES: u32 = 10;
/// How often the event is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long the leaving of everybody may take at the end.
const PARTING: Duration = Duration::from_secs(2);

/// Keeps the line alive until SIGINT or SIGTERM; then everybody leaves.
pub async fn keep(
    args: &RehearseArgs,
    visitor: &Visitor,
    crowd: Arc<Crowd>,
    street: Street,
) -> anyhow::Result<ExitCode> {
    let (worth_it, coming) = watch::channel(true);
    let mut regulars = JoinSet::new();
    for nth in 0..args.visitors {
        let stop = coming.clone();
        regulars.spawn(come_again(crowd.clone(), street.house(nth).clone(), stop));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = sleep(LOOK) => {}
        }
        // Nobody reads the book of an endless crowd.
        drop(crowd.tally.take());
        let takes_people = visitor.status(&crowd.event).await.is_ok_and(|status| {
            !status.sold_out && matches!(status.phase, Phase::Lobby | Phase::Open | Phase::Paused)
        });
        worth_it.send_replace(takes_people);
    }
    drop(worth_it);
    // Whoever has not left by then is absent, and will be passed over.
    let _ = tokio::time::timeout(PARTING, async {
        while regulars.join_next().await.is_some() {}
    })
    .await;
    Ok(ExitCode::SUCCESS)
}

/// One place in the crowd: somebody comes, and when they are gone the next one does; ends when the sender of `worth_it`
/// is dropped.
async fn come_again(crowd: Arc<Crowd>, house: House, mut worth_it: watch::Receiver<bool>) {
    while worth_it.wait_for(|&worth_it| worth_it).await.is_ok() {
        sleep(Duration::from_millis(u64::from(SystemRandom.below(3_000)))).await;
        let person = Person::new(&crowd, &house, intent());
        let (visitor, token) = person.credentials();
        tokio::select! {
            () = person.visit() => {}
            () = ended(&mut worth_it) => {
                Person::give_up(&visitor, &crowd.event, &token).await;
                return;
            }
        }
    }
}

/// Resolves when nobody will say any more whether coming is worth it.
async fn ended(worth_it: &mut watch::Receiver<bool>) {
    while worth_it.changed().await.is_ok() {}
}

fn intent() -> Intent {
    let some_time = |from_s: u32, to_s: u32| {
        let ms = from_s * 1_000 + SystemRandom.below((to_s - from_s) * 1_000);
        Duration::from_millis(ms.into())
    };
    if SystemRandom.below(REDEEMS) == 0 {
        Intent::Redeem
    } else if SystemRandom.below(LEAVES) == 0 {
        Intent::Leave(some_time(5, 60))
    } else {
        Intent::GiveBack(some_time(1, 4))
    }
}
