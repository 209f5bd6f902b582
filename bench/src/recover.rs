//! What it costs that Redis forgets in mid-drop, with 100,000 coupons issued and 100,000 people in line: how soon that is
//! noticed, and how long until redeeming and entering go on. Nothing may be issued twice, every pass that was heard must stand,
//! nobody in line may have another position, and Redis, log and ledger must agree afterwards.

mod askers;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::AdmissionChange;
use serde_json::Value;
use tokio::time::sleep;

use self::askers::Askers;
use crate::enter;
use crate::load::request;
use crate::process::Meter;
use crate::redeem;
use crate::redis::Redis;
use crate::report::{Figure, median};
use crate::stack::Stack;

const EVENT: &str = "recover";
const ISSUED: usize = 100_000;
const WAITING: usize = 100_000;
/// Tickets that are redeemed, and people who enter, while Redis forgets.
const SPARE: usize = 8_000;
/// Between two questions of one asker.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the drop goes on before and after.
const AROUND: Duration = Duration::from_secs(3);
/// Longest that service may take to go on.
const PATIENCE: Duration = Duration::from_mins(2);

/// What Redis runs into.
#[derive(Clone, Copy)]
enum Fault {
    /// FLUSHALL on the embedded default.
    EmbeddedFlush,
    /// FLUSHALL on the full stack.
    Flush,
    /// It dies, and a replica takes over that lacks the last tenth of the coupons and the whole line.
    StaleReplica,
}

impl Fault {
    const ALL: [(Self, &str); 3] = [
        (Self::EmbeddedFlush, "FLUSHALL, embedded default"),
        (Self::Flush, "FLUSHALL, Kafka and PostgreSQL"),
        (
            Self::StaleReplica,
            "failover to a stale replica, Kafka and PostgreSQL",
        ),
    ];
}

/// How long it took, in seconds from the fault on.
#[derive(Debug, Default)]
struct Times {
    noticed: Vec<f64>,
    serving: Vec<f64>,
    everybody: Vec<f64>,
    /// Processor time of the server, in seconds.
    cost: Vec<f64>,
}

/// Measures.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (fault, name) in Fault::ALL {
        let mut times = Times::default();
        for _ in 0..rounds {
            let mut trial = Trial::prepare(binary, fault).await?;
            trial.run(&mut times).await?;
            trial.judge().await?;
            eprintln!("{name}: {times:?}");
        }
        let Times {
            noticed,
            serving,
            everybody,
            cost,
        } = times;
        for (what, mut values) in [
            ("noticed after", noticed),
            ("redeemed and entered again after", serving),
            ("the last of those who asked was served after", everybody),
            ("server CPU until it was ready", cost),
        ] {
            let name = format!("{name}: {what}");
            figures.push(Figure::plain(&name, median(&mut values), "s"));
        }
    }
    Ok(figures)
}

/// A drop in which Redis forgets.
struct Trial {
    stack: Stack,
    replica: Option<Redis>,
    /// Everybody's redeem, by number.
    redeems: Vec<Vec<u8>>,
    /// The code that each who has one heard.
    codes: HashMap<usize, String>,
    /// The positions of those who wait, before the fault.
    positions: Vec<u64>,
    entered_meanwhile: usize,
}

impl Trial {
    /// Brings an event to so many issued coupons and people in line, through the API.
    async fn prepare(binary: &Path, fault: Fault) -> Result<Self> {
        let stack = match fault {
            Fault::EmbeddedFlush => Stack::embedded(binary)?,
            Fault::Flush | Fault::StaleReplica => Stack::full(binary)?,
        };
        let ack = match fault {
            Fault::EmbeddedFlush => "ledger",
            Fault::Flush | Fault::StaleReplica => "log",
        };
        let mut trial = Self {
            redeems: redeem::tickets(&stack.server, EVENT, ISSUED + SPARE, ack).await?,
            stack,
            replica: None,
            codes: HashMap::new(),
            positions: Vec::new(),
            entered_meanwhile: 0,
        };
        let ops = &trial.stack.server.ops;
        let standstill = AdmissionChange {
            rate_per_s: Some(0.0),
            ..AdmissionChange::default()
        };
        ops.set_admission(EVENT, &standstill).await?;
        ops.add_stock(EVENT, WAITING as u64).await?;
        let most = ISSUED / 10 * 9;
        trial.redeem(0..most).await?;
        if matches!(fault, Fault::StaleReplica) {
            let redis = &trial.stack.stores()?.redis;
            let replica = redis.replica()?;
            replica.cut_off()?;
            trial.replica = Some(replica);
        }
        trial.redeem(most..ISSUED).await?;
        trial
            .stack
            .answered(&Arc::new(trial.enters(0..WAITING)))
            .await?;
        trial.stack.is_at_rest(EVENT).await?;
        trial.positions = trial.look().await?;
        Ok(trial)
    }

    /// Redeems, or redeems again: everybody has a coupon of their own, and the one they heard of before.
    async fn redeem(&mut self, who: std::ops::Range<usize>) -> Result<()> {
        let requests = Arc::new(self.redeems[who.clone()].to_vec());
        let bodies = self.stack.answered(&requests).await?;
        for (number, body) in who.zip(&bodies) {
            self.heard(number, body)?;
        }
        Ok(())
    }

    fn heard(&mut self, number: usize, body: &[u8]) -> Result<()> {
        let pass: Value = serde_json::from_slice(body)?;
        let code = pass["coupon"]["code"].as_str().context("a pass")?;
        let known = self.codes.entry(number).or_insert_with(|| code.to_owned());
        ensure!(known == code, "person {number} heard {known}, then {code}");
        Ok(())
    }

    /// The enters of those who come after everybody with a ticket.
    fn enters(&self, who: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        let path = format!("/api/v1/events/{EVENT}/places");
        let enter = |number| {
            request(
                "POST",
                &path,
                None,
                &enter::body(self.redeems.len() + number),
            )
        };
        who.map(enter).collect()
    }

    /// The positions of all who wait.
    async fn look(&self) -> Result<Vec<u64>> {
        let path = format!("/api/v1/events/{EVENT}/places/me");
        let look = |number| {
            let token = enter::token(self.redeems.len() + number);
            request("GET", &path, Some(&token), "")
        };
        let looks = Arc::new((0..WAITING).map(look).collect());
        let position = |body: &Vec<u8>| {
            let place: Value = serde_json::from_slice(body).ok()?;
            place["position"].as_u64()
        };
        let bodies = self.stack.answered(&looks).await?;
        let positions: Option<_> = bodies.iter().map(position).collect();
        positions.context("a place is gone")
    }

    /// Lets Redis forget while people redeem and enter.
    async fn run(&mut self, times: &mut Times) -> Result<()> {
        let server = &self.stack.server;
        let redeeming = Askers::start(server.public, self.redeems[ISSUED..].to_vec(), 200);
        let entering = Askers::start(server.public, self.enters(WAITING..WAITING + SPARE), 201);
        sleep(AROUND).await;
        let meter = Meter::start(self.stack.server.pid())?;
        let struck = Instant::now();
        match self.replica.take() {
            None => self.stack.flush()?,
            Some(replica) => self.stack.stores()?.redis.fail_over_to(replica)?,
        }
        let ready = format!("{}/health/ready", self.stack.server.ops_url);
        let is_ready = async || anyhow::Ok(reqwest::get(&ready).await?.status().is_success());
        while is_ready().await? {
            ensure!(struck.elapsed() < PATIENCE, "nobody notices");
            sleep(Duration::from_millis(5)).await;
        }
        let noticed = struck.elapsed();
        while !is_ready().await? {
            ensure!(struck.elapsed() < PATIENCE, "it is never ready again");
            sleep(2 * PAUSE).await;
        }
        let used = meter.used()?;
        sleep(AROUND).await;
        let (redeemed, entered) = (redeeming.stop().await?, entering.stop().await?);
        let first = redeemed.first()?.max(entered.first()?);
        let last = redeemed.last()?.max(entered.last()?);
        times.cost.push(used.as_secs_f64());
        times.noticed.push(noticed.as_secs_f64());
        times.serving.push((first - struck).as_secs_f64());
        times.everybody.push((last - struck).as_secs_f64());
        for (number, body) in &redeemed.heard {
            self.heard(ISSUED + number, body)?;
        }
        self.entered_meanwhile = entered.heard.len();
        Ok(())
    }

    /// Nothing was issued twice, everything that was heard stands, everybody keeps their position, and all three agree.
    async fn judge(&mut self) -> Result<()> {
        self.stack.is_at_rest(EVENT).await?;
        ensure!(
            self.look().await? == self.positions,
            "somebody in line has another position"
        );
        self.redeem(0..ISSUED).await?;
        let mut codes: Vec<&String> = self.codes.values().collect();
        codes.sort_unstable();
        codes.dedup();
        let heard = self.codes.len();
        ensure!(codes.len() == heard, "a code was given twice");
        let waiting = self.stack.server.ops.event(EVENT).await?.waiting;
        eprintln!(
            "{heard} coupons heard of; {WAITING} kept their position; {} entered meanwhile, {waiting} wait",
            self.entered_meanwhile
        );
        self.stack.agrees(EVENT, heard)
    }
}
