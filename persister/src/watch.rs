//! The comparison that never ends: one process of an installation compares Redis, log and ledger again and again, and says in
//! its metrics how many differences nothing explains, how old that figure is, and how far each hop is behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::{EventId, Random};
use ledger::Ledger;
use lua::{Lease, Store};
use tokio::time::{Instant, sleep};

use crate::Parts;
use crate::compared::Compared;
use crate::reconcile::{Cause, EventReport, Memory, ReconcileError, Report, Stations};

/// How often the lags are read, at most,
const TICK: Duration = Duration::from_secs(2);
/// and how long each event in which something happens lengthens that: a thousand are asked fifty times a second, all told.
const PER_EVENT: Duration = Duration::from_millis(20);
/// The shortest pause between two comparisons.
const SHORTEST: Duration = Duration::from_secs(5);
/// The longest: a comparison that takes up to ten seconds names a difference within a minute.
const LONGEST: Duration = Duration::from_secs(40);
/// A pause is so many times as long as the comparison before it took: it takes a twentieth of a processor from those who are served.
const REST: u32 = 20;
/// With so many records on their way to the ledger it is catching up: a comparison now would take the processor from it and
/// find little settled, so it waits for the longest pause.
const CATCHING_UP: u64 = 10_000;
/// Most differences of an event that are logged; `stanchion verify` names them all.
const NAMED: usize = 20;

/// Compares as long as the process runs and no other does.
pub(crate) struct Watch {
    store: Store,
    redis: lua::Settings,
    ledger: Ledger,
    kafka: Option<kafka::Settings>,
    lifecycle: Lifecycle,
    random: Arc<dyn Random>,
}

/// What was found last.
#[derive(Default)]
struct Last {
    at: Option<Instant>,
    unexplained: u64,
    /// Since when there is something unexplained.
    since: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            redis: parts.redis.clone(),
            ledger: parts.ledger.clone(),
            kafka: parts.kafka.clone(),
            lifecycle: parts.lifecycle.clone(),
            random: Arc::clone(&parts.random),
        }
    }

    /// Runs until the stop.
    pub(crate) async fn run(self) {
        let lease = Lease::new(&self.store, "verify", self.random.as_ref());
        let watching = async {
            let mut outage = Outage::of("lease of the comparison", Arc::clone(&self.random));
            loop {
                if let Err(error) = lease.take().await {
                    outage.failed(error).await;
                    continue;
                }
                outage.over();
                tokio::select! {
                    () = lease.keep() => {}
                    () = self.compare() => {}
                }
                Last::forget();
            }
        };
        tokio::select! {
            () = watching => {}
            () = self.lifecycle.stopping() => {}
        }
        lease.release().await;
    }

    async fn compare(&self) {
        let stations = Stations {
            store: &self.store,
            redis: &self.redis,
            ledger: &self.ledger,
            log: self.kafka.as_ref(),
        };
        let (mut memory, mut last) = (Memory::default(), Last::default());
        let mut outage = Outage::of("comparison", Arc::clone(&self.random));
        let began = Instant::now();
        let mut compared_at = Compared::default();
        let (mut due, mut overdue) = (began + SHORTEST, began + LONGEST);
        let mut tick = TICK;
        loop {
            sleep(tick).await;
            let began = Instant::now();
            let compared = async {
                memory.listen(&self.store, &self.redis).await?;
                let awake = memory.awake()?;
                let ledger_lag = self.tell_lags(awake).await?;
                tick = TICK.max(PER_EVENT * u32::try_from(awake.len()).unwrap_or(u32::MAX));
                let rests = began < due || (ledger_lag > CATCHING_UP && began < overdue);
                if rests {
                    return Ok(());
                }
                let stamp = compared_at.stamp(&self.ledger).await;
                if memory.is_still() && compared_at.holds(stamp.as_deref()) {
                    last.at = Some(began);
                } else {
                    let report = stations.reconcile(None, &mut memory).await?;
                    compared_at.compared(&report, stamp, began);
                    last.hear(&report);
                }
                let ended = Instant::now();
                (due, overdue) = (ended + pause(began.elapsed()), ended + LONGEST);
                Ok::<_, ReconcileError>(())
            };
            match compared.await {
                Ok(()) => outage.over(),
                Err(error) => outage.failed(error).await,
            }
            last.tell_ages();
        }
    }

    /// Tells how many records the log and the ledger are behind, in all events: those that are not awake are not behind, and those
    /// that are found to be so sleep from here on. Returns how far the ledger is behind.
    async fn tell_lags(&self, awake: &mut BTreeSet<EventId>) -> Result<u64, ReconcileError> {
        let (mut log, mut ledger) = (0, 0);
        let mut behind = BTreeSet::new();
        for event in awake.iter() {
            let figures = self.store.figures(event).await?.unwrap_or_default();
            if figures.outbox_lag + figures.ledger_lag > 0 {
                behind.insert(event.clone());
            }
            log += figures.outbox_lag;
            ledger += figures.ledger_lag;
        }
        *awake = behind;
        for (hop, lag) in [("log", log), ("ledger", ledger)] {
            gauge(&metrics::gauge!("stanchion_lag_records", "hop" => hop), lag);
        }
        Ok(ledger)
    }
}

/// How long to rest after a comparison that took this long.
fn pause(took: Duration) -> Duration {
    (took * REST).clamp(SHORTEST, LONGEST)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; counts this large do not exist"
)]
fn gauge(gauge: &metrics::Gauge, count: u64) {
    gauge.set(count as f64);
}

impl Last {
    /// Takes a comparison in; what is new in it is logged.
    fn hear(&mut self, report: &Report) {
        let now = Instant::now();
        self.at = Some(now);
        gauge(
            &metrics::gauge!("stanchion_unexplained"),
            report.unexplained,
        );
        if report.unexplained == 0 {
            self.since = None;
            if self.unexplained > 0 {
                tracing::info!("nothing is unexplained any more");
            }
        } else {
            self.since.get_or_insert(now);
            if report.unexplained != self.unexplained {
                report.events.iter().for_each(name);
            }
        }
        self.unexplained = report.unexplained;
    }

    /// How old the figure is, and for how long something has been unexplained, in seconds.
    fn tell_ages(&self) {
        let age_s = |since: Option<Instant>| since.map(|since| since.elapsed().as_secs_f64());
        if let Some(age_s) = age_s(self.at) {
            metrics::gauge!("stanchion_unexplained_age_s").set(age_s);
        }
        metrics::gauge!("stanchion_unexplained_for_s").set(age_s(self.since).unwrap_or(0.0));
    }

    /// Another process compares from here on: what this one knew is no figure any more.
    fn forget() {
        for name in [
            "stanchion_unexplained",
            "stanchion_unexplained_age_s",
            "stanchion_unexplained_for_s",
        ] {
            metrics::gauge!(name).set(f64::NAN);
        }
    }
}

/// Logs what nothing explains in an event.
fn name(report: &EventReport) {
    let unexplained = report
        .differences
        .iter()
        .filter(|difference| difference.cause != Cause::OnItsWay);
    for difference in unexplained.take(NAMED) {
        tracing::error!(
            event.id = %report.event,
            serial = difference.serial.0,
            kind = ?difference.kind,
            cause = ?difference.cause,
            "a coupon does not stand alike in Redis, log and ledger; `stanchion verify` shows what each holds"
        );
    }
    if let Some(book) = &report.book {
        book.log(&report.event, NAMED);
    }
    if let Some(balance) = report.balance.filter(|balance| !balance.holds) {
        tracing::error!(event.id = %report.event, ?balance, "the coupons of an event do not add up");
    }
}
