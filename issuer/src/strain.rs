//! How redeems go: counted here, told to the store once a second, and judged by admission's brake.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Problem};
use domain::{EventId, Refusal};
use lua::{Store, Strain};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::answer::Answer;

/// How often the store is told.
const EVERY: Duration = Duration::from_secs(1);

/// What has been counted since the store was told last, by event.
pub struct Strains {
    /// How long a redeem may take; none for as long as it wants.
    patience: Option<Duration>,
    counted: Mutex<HashMap<EventId, Strain>>,
}

impl Strains {
    /// Nothing is counted yet; a redeem that takes longer than `latency_ms` is late.
    pub fn new(latency_ms: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            patience: latency_ms.map(Duration::from_millis),
            counted: Mutex::default(),
        })
    }

    /// Counts a redeem with a good ticket, which took so long to answer.
    pub fn count(&self, event: &EventId, answer: &Result<Answer, Problem>, took: Duration) {
        let failed = answer.as_ref().is_err_and(|problem| {
            matches!(
                problem.refusal(),
                Refusal::TryAgain | Refusal::OutcomeUnknown
            )
        });
        let late = self.patience.is_some_and(|patience| took > patience);
        let mut counted = self.counted.lock();
        if !counted.contains_key(event) {
            counted.insert(event.clone(), Strain::default());
        }
        if let Some(strain) = counted.get_mut(event) {
            strain.all += 1;
            strain.failed += u64::from(failed);
            strain.late += u64::from(late);
        }
    }

    /// Tells the store every second, until stopping is asked for. What it could not be told is dropped, and what was counted
    /// until it could be told again: a store that is away lets nobody in anyhow, and its absence says nothing of how redeems
    /// go once it is back.
    pub async fn tell(&self, store: &Store, lifecycle: &Lifecycle) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away = false;
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                _ = ticks.tick() => {}
            }
            away = !self.told(store, away).await;
        }
    }

    /// Tells what was counted, or nothing but that the store can be told again when it was away; false when it is away.
    async fn told(&self, store: &Store, was_away: bool) -> bool {
        let counted = std::mem::take(&mut *self.counted.lock());
        if counted.is_empty() {
            return !was_away;
        }
        for (event, strain) in counted {
            let strain = if was_away { Strain::default() } else { strain };
            if let Err(error) = store.tell_strain(&event, strain).await {
                tracing::debug!(%event, %error, "how redeems go could not be told");
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rig::{Rig, eventually, issuer, open, parts, redeem_at};

    #[test]
    fn answers_that_nobody_knows_are_failed_and_slow_ones_late() {
        let strains = Strains::new(Some(20));
        let demo: EventId = "demo".parse().unwrap();
        for (refusal, took_ms) in [
            (Refusal::SoldOut, 20),
            (Refusal::TryAgain, 21),
            (Refusal::OutcomeUnknown, 1),
        ] {
            let took = Duration::from_millis(took_ms);
            strains.count(&demo, &Err(refusal.into()), took);
        }
        let counted = strains.counted.lock();
        let (all, failed, late) = (3, 2, 1);
        assert_eq!(counted[&demo], Strain { all, failed, late });
    }

    #[tokio::test]
    async fn an_outage_of_the_store_is_not_held_against_redeeming_afterwards() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(9, "redis")).await;
        let strains = Strains::new(Some(0));
        let strain = || {
            for _ in 0..5 {
                strains.count(&demo, &Err(Refusal::TryAgain.into()), EVERY);
            }
        };
        let divisor = async || rig.store.admit(&demo, "key", 1).await.unwrap().divisor;
        strain();
        assert!(strains.told(&rig.store, true).await);
        assert_eq!(divisor().await, 1);
        strain();
        assert!(strains.told(&rig.store, false).await);
        eventually("the brake", async || (divisor().await > 1).then_some(())).await;
    }

    #[tokio::test]
    async fn redeems_that_take_too_long_brake_admission() {
        let rig = Rig::start().await;
        let demo = rig.event("demo", open(9, "redis")).await;
        let hasty = crate::Parts {
            brake_latency_ms: Some(0),
            ..parts(&rig.settings, &rig.ledger, &rig.lifecycle).await
        };
        let router = issuer(hasty).await;
        for _ in 0..5 {
            let visitor = rig.visitor(&demo).await;
            redeem_at(&router, "demo", &visitor).await.passed(false);
        }
        let brake = eventually("the brake", async || {
            let round = rig.store.admit(&demo, "key", 1).await.unwrap();
            (round.divisor > 1).then_some(round.divisor)
        })
        .await;
        assert_eq!(brake, 2);
    }
}
