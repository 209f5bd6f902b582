//! A crowd over several processes: what it costs the store and the gateways, how old what people see is, and what becomes of
//! it when Redis is killed or everybody comes back at once. One process holds a part of the people, one gateway each.

mod figures;
mod losses;
mod storm;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use client::{AdmissionChange, LiveEvent};
use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::ages::{Admissions, ages};
use crate::enter;
use crate::load::{FULL, drive, request};
use crate::naive;
use crate::process::{self, Meter};
use crate::redis::Redis;
use crate::report::Figure;
use crate::server::Server;
use crate::watchers::{Heard, Note, Watchers};

/// The line.
const EVENT: &str = "crowd";
/// Sockets per gateway at most: a process holds 20,000 descriptors where nothing else is set.
const PER_GATEWAY: usize = 18_500;
/// How many are let in per second while something is measured.
const RATE: f64 = 10.0;
/// Smaller crowds at which commands are counted.
const SMALLER: [usize; 3] = [1_000, 10_000, 100_000];
/// The line moves for so long before anything is counted.
const WARM: Duration = Duration::from_secs(5);
/// How long commands and pushes are counted.
const COUNTED: Duration = Duration::from_secs(20);
/// How long what people see is watched: the slowest hear every fourteen seconds.
const WATCHED: Duration = Duration::from_secs(45);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// Sockets that the rival is given.
const RIVAL: usize = 10_000;

/// The processes and the line in front of them.
struct Crowd {
    redis: Redis,
    core: Arc<Server>,
    gateways: Vec<Server>,
    parts: Vec<Watchers>,
    people: usize,
}

/// What a crowd did in a while.
struct Work {
    pushed: u64,
    gateways: Duration,
    store: Duration,
    round_trips: u64,
    commands: u64,
}

/// Measures with so many people, each with a socket.
pub async fn measure(binary: &Path, sockets: usize) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::start(binary, sockets.div_ceil(PER_GATEWAY).max(2)).await?;
    let mut figures = Vec::new();
    let empty = crowd.memory()?;
    for people in SMALLER.into_iter().filter(|people| *people < sockets) {
        crowd.grow(people).await?;
        let work = crowd.work().await?;
        figures.extend(figures::store(people, &work, crowd.gateways.len()));
    }
    crowd.grow(sockets).await?;
    let each = (crowd.memory()? - empty) / as_float(sockets);
    let work = crowd.work().await?;
    figures.extend(figures::store(sockets, &work, crowd.gateways.len()));
    figures.extend(crowd.freshness().await?);
    figures.extend(crowd.without_redis().await?);
    figures.extend(crowd.storm().await?);
    drop(crowd);
    let rival = naive::measure(sockets, RIVAL.min(sockets)).await?;
    figures.extend(figures::beside(sockets, each, &work, &rival));
    Ok(figures)
}

/// Measures the storm alone.
pub async fn storm(binary: &Path, sockets: usize) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::start(binary, sockets.div_ceil(PER_GATEWAY).max(2)).await?;
    crowd.grow(sockets).await?;
    crowd.storm().await
}

impl Crowd {
    async fn start(binary: &Path, gateways: usize) -> Result<Self> {
        let redis = Redis::start()?;
        let shared = redis.shared();
        let start = |roles| {
            let own = ["--roles", roles, "--public-url", "http://crowd.example"];
            let arguments = own.into_iter().chain(shared.iter().map(String::as_str));
            Server::start(binary, &arguments.collect::<Vec<_>>())
        };
        let core = start("admission,issuer,persister")?;
        let gateways = (0..gateways)
            .map(|_| start("gateway"))
            .collect::<Result<Vec<_>>>()?;
        core.event(EVENT, 1_000_000, 0.0, "redis").await?;
        let path = format!("/api/v1/events/{EVENT}/places/me/live");
        let parts = gateways
            .iter()
            .map(|gateway| Watchers::start(gateway.public, &path))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            redis,
            core: Arc::new(core),
            gateways,
            parts,
            people: 0,
        })
    }

    /// Memory of all gateways, in bytes.
    fn memory(&self) -> Result<f64> {
        let each = self
            .gateways
            .iter()
            .map(|gateway| process::resident(gateway.pid()));
        each.sum()
    }

    async fn figures(&self) -> Result<LiveEvent> {
        Ok(self.core.ops.event(EVENT).await?)
    }

    async fn rate(&self, rate_per_s: f64) -> Result<()> {
        let change = AdmissionChange {
            rate_per_s: Some(rate_per_s),
            ..AdmissionChange::default()
        };
        self.core.ops.set_admission(EVENT, &change).await?;
        Ok(())
    }

    /// Nobody is let in any more; how many were.
    async fn stand_still(&self) -> Result<u64> {
        self.rate(0.0).await?;
        sleep(Duration::from_secs(2)).await;
        Ok(self.figures().await?.admitted)
    }

    /// Lets people come until so many have, each with a socket; the line stands still.
    async fn grow(&mut self, to: usize) -> Result<()> {
        let admitted = self.stand_still().await?;
        let came = self.people..to;
        enter_all(self.gateways[0].public, EVENT, came.clone()).await?;
        let (share, parts) = (came.len().div_ceil(self.parts.len()), came.len());
        let opens = self.parts.iter_mut().enumerate().map(|(nth, part)| {
            let first = (nth * share).min(parts);
            let count = share.min(parts - first);
            part.open(came.start + first, count, admitted)
        });
        try_join_all(opens).await?;
        self.people = to;
        eprintln!("{to} people watch, {admitted} were let in");
        Ok(())
    }

    async fn heard(&mut self) -> Result<Heard> {
        let each = try_join_all(self.parts.iter_mut().map(Watchers::heard)).await?;
        Ok(each.into_iter().fold(Heard::default(), |sum, one| Heard {
            frames: sum.frames + one.frames,
            lost: sum.lost + one.lost,
            rose: sum.rose + one.rose,
        }))
    }

    /// What a moving line costs for a while.
    async fn work(&mut self) -> Result<Work> {
        self.rate(RATE).await?;
        sleep(WARM).await;
        let meters = self
            .gateways
            .iter()
            .map(|gateway| Meter::start(gateway.pid()))
            .collect::<Result<Vec<_>>>()?;
        let (store, asked) = (Meter::start(self.redis.pid())?, self.redis.commands()?);
        let before = self.heard().await?;
        sleep(COUNTED).await;
        let after = self.heard().await?;
        ensure!(after.rose == 0, "{} positions rose", after.rose);
        let gateways = meters.iter().map(Meter::used).sum::<Result<Duration>>()?;
        let (store, now) = (store.used()?, self.redis.commands()?);
        Ok(Work {
            pushed: after.frames - before.frames,
            gateways,
            store,
            round_trips: round_trips(&now) - round_trips(&asked),
            commands: now.values().sum::<u64>() - asked.values().sum::<u64>(),
        })
    }

    /// How old what people see is, from the store's change to their frame.
    async fn freshness(&mut self) -> Result<Vec<Figure>> {
        let admissions = Admissions::watch(Arc::clone(&self.core), EVENT);
        sleep(WARM).await;
        let notes = self.noted(WATCHED).await?;
        let changes = admissions.end().await;
        let (head, others) = ages(&changes, &notes)?;
        Ok(vec![
            Figure::plain("age of a position, head 1,000: p99", head.p99_s, "s"),
            Figure::plain(
                "age of a position, head 1,000: longest",
                head.longest_s,
                "s",
            ),
            Figure::plain("age of a position, all others: p99", others.p99_s, "s"),
            Figure::plain(
                "age of a position, all others: longest",
                others.longest_s,
                "s",
            ),
        ])
    }

    async fn noted(&mut self, span: Duration) -> Result<Vec<Note>> {
        try_join_all(self.parts.iter_mut().map(Watchers::note)).await?;
        sleep(span).await;
        let notes = try_join_all(self.parts.iter_mut().map(Watchers::notes)).await?;
        Ok(notes.concat())
    }

    async fn until(&self, is_so: impl AsyncFn(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !is_so(self).await.unwrap_or(false) {
            ensure!(began.elapsed() < PATIENCE, "it does not come to pass");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Lets these people enter, some at a time, so that the requests fit in memory. Whoever was told to come back later does.
pub async fn enter_all(door: SocketAddr, event: &str, numbers: Range<usize>) -> Result<()> {
    const SOME: usize = 20_000;
    let path = format!("/api/v1/events/{event}/places");
    for first in numbers.clone().step_by(SOME) {
        let enters = (first..numbers.end.min(first + SOME))
            .map(|number| request("POST", &path, None, &enter::body(number)));
        let enters: Arc<Vec<_>> = Arc::new(enters.collect());
        let mut tries = 0;
        loop {
            let entered = drive(door, Arc::clone(&enters), FULL).await?.statuses;
            if entered.keys().all(|status| matches!(status, 200 | 201)) {
                break;
            }
            tries += 1;
            ensure!(tries < 10, "not everybody may enter: {entered:?}");
        }
    }
    Ok(())
}

/// How often the store was asked: scripts, transactions and blocking reads.
fn round_trips(commands: &BTreeMap<String, u64>) -> u64 {
    ["evalsha", "exec", "xread"]
        .iter()
        .filter_map(|name| commands.get(*name))
        .sum()
}

/// A count as a figure.
pub fn as_float(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::NAN, f64::from)
}
