//! One trial: a drop while a nemesis strikes, then rest, then the verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use client::{Options, Phase, Visitor};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, sleep};

use crate::chance::Chance;
use crate::checker::Case;
use crate::history::{Answer, Asked, Book, Said};
use crate::nemesis::{Planned, Stack, Strike, schedule};
pub use crate::outcome::Outcome;
use crate::server::event_put;
use crate::stand::Stand;
use crate::until;
use crate::witness::Witness;

/// How long a question may take before its answer counts as lost.
const ANSWER: Duration = Duration::from_secs(6);
/// How long the rest may take until everybody knows their fate and the ledger has caught up.
const REST: Duration = Duration::from_mins(2);
const TICKET_TTL_S: u64 = 300;
const PRESENCE_S: u64 = 20;

/// What a trial is.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Repeats the schedule.
    pub seed: u64,
    /// What it runs on.
    pub stack: Stack,
    /// The event's name.
    pub event: &'static str,
    /// The event's ack level; none is the stack's own.
    pub ack: Option<&'static str>,
    /// People a second, for as long as the nemesis strikes.
    pub people_per_s: u32,
    /// Coupons; none is enough for seven in ten of those who are expected.
    pub stock: Option<u64>,
    /// What goes wrong.
    pub plan: Vec<Planned>,
}

impl Trial {
    /// A trial of a seed: `strikes` things go wrong.
    #[must_use]
    pub fn new(stack: Stack, seed: u64, strikes: usize) -> Self {
        let mut chance = Chance::new(seed);
        let ack = match stack {
            Stack::Embedded => None,
            Stack::Full => Some(chance.one_of(&["redis", "log", "ledger"])),
        };
        // What level `redis` promises does not outlive its disk.
        let may_truncate = ack.is_some_and(|ack| ack != "redis") && chance.once_in(2);
        Self {
            seed,
            stack,
            event: "drop",
            ack,
            people_per_s: 15,
            stock: None,
            plan: schedule(stack, &mut chance, strikes, may_truncate),
        }
    }

    /// Runs it on a stand of its own.
    pub async fn run(&self) -> Result<Outcome> {
        let mut stand = Stand::start(self.stack, &[]).await?;
        let outcome = self.run_on(&mut stand).await?;
        stand.stop().await?;
        Ok(outcome)
    }

    /// Runs it on a stand, which stays.
    pub async fn run_on(&self, stand: &mut Stand) -> Result<Outcome> {
        let strikes = async |stand: &mut Stand| {
            for planned in &self.plan {
                sleep(planned.pause()).await;
                let struck = stand.strike(planned.strike).await;
                struck.with_context(|| format!("{planned}"))?;
            }
            Ok(())
        };
        self.run_under(stand, strikes).await
    }

    /// Runs it while something else goes wrong: people come at least until that is over.
    pub async fn run_under(
        &self,
        stand: &mut Stand,
        strikes: impl AsyncFnOnce(&mut Stand) -> Result<()>,
    ) -> Result<Outcome> {
        let began = Instant::now();
        let played = async {
            let scene = Scene::begin(stand, self).await?;
            strikes(stand).await?;
            scene.end(stand).await
        };
        let mut case = played
            .await
            .with_context(|| format!("seed {}", self.seed))?;
        case.memory_cut = self
            .plan
            .iter()
            .any(|planned| matches!(planned.strike, Strike::Truncate(_)));
        let outcome = Outcome::of(self, &case, began.elapsed());
        if !outcome.violations.is_empty() {
            case.keep(self.seed)?;
        }
        Ok(outcome)
    }
}

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Things go wrong and people come.
    Striking,
    /// Nothing goes wrong any more; whoever is expected still comes.
    Struck,
    /// Nobody in line will be let in any more.
    Over,
}

/// A drop that goes on: people come until it is ended.
pub struct Scene {
    crowd: Crowd,
    moment: watch::Sender<Moment>,
    coming: JoinHandle<Result<()>>,
}

/// Those who come, and what they heard.
#[derive(Clone)]
struct Crowd {
    event: &'static str,
    doors: Vec<Visitor>,
    book: Book,
    stock: u64,
    expected: u32,
    /// Those who came; complete once the crowd has its end.
    came: Arc<AtomicU32>,
    /// Has everybody come?
    complete: Arc<AtomicBool>,
}

impl Scene {
    /// Opens the event and lets people come.
    pub async fn begin(stand: &Stand, trial: &Trial) -> Result<Self> {
        let crowd = Crowd::open(stand, trial).await?;
        let (moment, seen) = watch::channel(Moment::Striking);
        let coming = tokio::spawn(crowd.clone().come(trial.clone(), seen));
        Ok(Self {
            crowd,
            moment,
            coming,
        })
    }

    /// Nothing goes wrong any more: waits for rest, and gathers what there is to judge.
    pub async fn end(self, stand: &Stand) -> Result<Case> {
        self.moment.send_replace(Moment::Struck);
        self.crowd.rest(stand, self.coming, self.moment).await?;
        self.crowd.case(stand).await
    }
}

impl Crowd {
    /// Makes the event. With an even seed those who get none wait for returns that never come.
    async fn open(stand: &Stand, trial: &Trial) -> Result<Self> {
        let strikes: Duration = trial.plan.iter().map(Planned::lasts).sum();
        let expected = trial.people_per_s * (2 + u32::try_from(strikes.as_secs())?);
        let stock = trial.stock.unwrap_or(u64::from(expected) * 7 / 10);
        let mut put = event_put(stock, f64::from(trial.people_per_s) * 4.0, Phase::Open);
        put.admission.ticket_ttl_s = Some(TICKET_TTL_S);
        let on_sold_out = if trial.seed.is_multiple_of(2) {
            "keep"
        } else {
            "close"
        };
        put.others.insert("on_sold_out".into(), json!(on_sold_out));
        put.others.insert("presence_s".into(), json!(PRESENCE_S));
        if let Some(ack) = trial.ack {
            put.others.insert("ack".into(), json!(ack));
        }
        let ops = stand.server(0)?.organiser()?;
        until(async || match ops.put_event(trial.event, &put).await {
            Err(error) if error.is("try-again") => None,
            put => Some(put),
        })
        .await??;
        let options = Options {
            patience: Duration::ZERO,
            timeout: ANSWER,
            idle_connections: 64,
            ..Options::default()
        };
        let doors = stand
            .servers()
            .map(|server| Visitor::new(&server.public, options));
        Ok(Self {
            event: trial.event,
            doors: doors.collect::<Result<_, _>>()?,
            book: Book::default(),
            stock,
            expected,
            came: Arc::default(),
            complete: Arc::default(),
        })
    }

    /// One comes after the other; each stays until they know.
    async fn come(self, trial: Trial, seen: watch::Receiver<Moment>) -> Result<()> {
        let mut people = JoinSet::new();
        let mut comes = interval(Duration::from_secs(1) / trial.people_per_s);
        for nth in 0.. {
            if nth >= self.expected && *seen.borrow() > Moment::Striking {
                break;
            }
            comes.tick().await;
            let chance = Chance::new(trial.seed ^ u64::from(nth).wrapping_mul(0x9E37_79B9));
            let (doors, book) = (self.doors.clone(), self.book.clone());
            people.spawn(Witness::new(doors, self.event, book, chance, seen.clone())?.visit());
            self.came.store(nth + 1, Ordering::Relaxed);
        }
        self.complete.store(true, Ordering::Release);
        while let Some(visited) = people.join_next().await {
            visited??;
        }
        Ok(())
    }

    /// Waits until everybody knows their fate, or waits for a coupon that will never be there, and the ledger has caught up.
    async fn rest(
        &self,
        stand: &Stand,
        coming: JoinHandle<Result<()>>,
        moment: watch::Sender<Moment>,
    ) -> Result<()> {
        let ops = stand.server(0)?.organiser()?;
        let deadline = Instant::now() + REST;
        loop {
            let figures = ops.event(self.event).await.ok();
            let gone = figures
                .as_ref()
                .is_some_and(|event| event.stock.remaining == 0 && event.outstanding == 0);
            if gone && self.all_entered() {
                moment.send_replace(Moment::Over);
            }
            let caught_up = figures.as_ref().is_some_and(|event| event.ledger_lag == 0);
            if coming.is_finished() && caught_up {
                return coming.await?;
            }
            ensure!(
                Instant::now() < deadline,
                "no rest: everybody done {}, {figures:?}",
                coming.is_finished()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Has everybody come, and heard whether they are in line?
    fn all_entered(&self) -> bool {
        let known = |said: &&Said| said.asked == Asked::Enter && said.answer != Answer::Unknown;
        let came = self.came.load(Ordering::Relaxed) as usize;
        self.complete.load(Ordering::Acquire)
            && self.book.read().iter().filter(known).count() >= came
    }

    /// Everything that the checker wants to know.
    async fn case(&self, stand: &Stand) -> Result<Case> {
        let server = stand.server(0)?;
        let figures = server.organiser()?.event(self.event).await?;
        let (verdict, _) = server
            .run(&["verify", "--event", self.event, "--json"])
            .await?;
        let verdict: Value = serde_json::from_str(&verdict).context("verify")?;
        let rows = stand.rows(self.event)?;
        Ok(Case {
            history: self.book.read(),
            rows,
            stock: self.stock,
            remaining: figures.stock.remaining,
            waiting: figures.waiting,
            unexplained: verdict["unexplained"].as_u64().context("unexplained")?,
            ticket_ttl_ms: 1_000 * i64::try_from(TICKET_TTL_S)?,
            presence_ms: 1_000 * i64::try_from(PRESENCE_S)?,
            memory_cut: false,
        })
    }
}
