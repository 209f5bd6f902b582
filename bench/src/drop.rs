//! A whole drop as the front page has it: a million people for a thousand coupons, on the embedded default. All enter a lobby, the
//! opening draws their order, the first of the published list get the coupons, everybody else is told that nothing is left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use client::{AdmissionChange, EventPut, Phase};
use serde_json::Value;
use tokio::time::sleep;

use crate::crowd::as_float;
use crate::enter;
use crate::load::{FULL, Pace, drive, request};
use crate::process;
use crate::report::Figure;
use crate::stack::Stack;

const EVENT: &str = "drop";
const COUPONS: usize = 1_000;
/// How many are let in per second.
const RATE: f64 = 200.0;
/// Requests that are made at a time, so that they fit in memory.
const SOME: usize = 20_000;
/// Between two questions of one person.
const PAUSE: Duration = Duration::from_millis(200);
/// How long any step may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A drop under way, and what it has shown so far.
struct Trial {
    stack: Stack,
    people: usize,
    /// Everybody's number by the id of their place.
    numbers: HashMap<String, usize>,
    figures: Vec<Figure>,
}

/// Runs the drop for so many people; it fails unless exactly the first of the list have coupons, all others hear that none is left,
/// and `stanchion verify` agrees.
pub async fn measure(binary: &Path, people: usize) -> Result<Vec<Figure>> {
    ensure!(people > COUPONS, "more than {COUPONS} people make a drop");
    let mut trial = Trial {
        stack: Stack::embedded(binary)?,
        people,
        numbers: HashMap::with_capacity(people),
        figures: Vec::new(),
    };
    trial.lobby().await?;
    trial.enter().await?;
    let list = trial.draw().await?;
    let first = &list[..COUPONS];
    trial.redeem(first).await?;
    trial.told().await?;
    trial.everybody_asks().await?;
    trial.stack.is_at_rest(EVENT).await?;
    trial.stack.agrees(EVENT, COUPONS)?;
    Ok(trial.figures)
}

impl Trial {
    fn figure(&mut self, what: &str, value: f64, unit: &'static str) {
        let name = format!("{} people, {COUPONS} coupons: {what}", self.people);
        eprintln!("{name}: {value:.2} {unit}");
        self.figures.push(Figure::plain(&name, value, unit));
    }

    async fn lobby(&self) -> Result<()> {
        let lobby = EventPut {
            title: Some(EVENT.to_owned()),
            stock: Some(u64::try_from(COUPONS)?),
            phase: Some(Phase::Lobby),
            others: [
                ("ack".to_owned(), "ledger".into()),
                ("order".to_owned(), "draw".into()),
            ]
            .into_iter()
            .collect(),
            admission: AdmissionChange {
                rate_per_s: Some(RATE),
                ..AdmissionChange::default()
            },
        };
        self.stack.server.ops.put_event(EVENT, &lobby).await?;
        Ok(())
    }

    /// Everybody enters.
    async fn enter(&mut self) -> Result<()> {
        let path = format!("/api/v1/events/{EVENT}/places");
        let began = Instant::now();
        for first in (0..self.people).step_by(SOME) {
            let numbers = first..self.people.min(first + SOME);
            let enters = numbers
                .clone()
                .map(|number| request("POST", &path, None, &enter::body(number)));
            let bodies = self.stack.answered(&Arc::new(enters.collect())).await?;
            for (number, body) in numbers.zip(&bodies) {
                let place: Value = serde_json::from_slice(body)?;
                let id = place["place_id"].as_str().context("a place has an id")?;
                self.numbers.insert(id.to_owned(), number);
            }
        }
        let took = began.elapsed().as_secs_f64();
        ensure!(self.numbers.len() == self.people, "two have one place");
        self.figure("entered", as_float(self.people) / took, "1/s");
        let server = process::resident(self.stack.server.pid())?;
        self.figure("memory of the server, all in line", server / 1e6, "MB");
        let redis = process::redis_child(self.stack.server.pid()).context("it has a Redis")?;
        let redis = process::resident(redis)?;
        self.figure("memory of Redis, all in line", redis / 1e6, "MB");
        Ok(())
    }

    /// Opens, and reads the published list: everybody's number in drawn order.
    async fn draw(&mut self) -> Result<Vec<usize>> {
        let url = format!(
            "http://{}/api/v1/events/{EVENT}/draw",
            self.stack.server.public
        );
        let began = Instant::now();
        self.stack.server.ops.move_phase(EVENT, Phase::Open).await?;
        let asked = reqwest::Client::new()
            .get(url)
            .header("accept", "text/plain");
        let list = loop {
            let asked = asked.try_clone().context("a question without a body")?;
            let answer = asked.send().await?;
            if answer.status().is_success() {
                break answer.text().await?;
            }
            ensure!(began.elapsed() < PATIENCE, "nothing is drawn");
            sleep(PAUSE).await;
        };
        let took = began.elapsed().as_secs_f64();
        self.figure("from the opening to the published order", took, "s");
        let numbers: Option<Vec<usize>> = list
            .lines()
            .map(|place| self.numbers.get(place).copied())
            .collect();
        let numbers = numbers.context("somebody is on the list who did not enter")?;
        ensure!(numbers.len() == self.people, "somebody is not on the list");
        Ok(numbers)
    }

    /// The first of the list look for their ticket and redeem it, until each has a coupon of their own.
    async fn redeem(&mut self, first: &[usize]) -> Result<()> {
        let began = Instant::now();
        let mut without: Vec<usize> = first.to_vec();
        let (mut codes, mut with) = (HashSet::new(), HashSet::new());
        while !without.is_empty() {
            ensure!(began.elapsed() < PATIENCE, "{} wait", without.len());
            let tickets = self.tickets(&without).await?;
            for (number, pass) in self.passes(&tickets).await? {
                let code = pass["coupon"]["code"].as_str().context("a code")?;
                ensure!(codes.insert(code.to_owned()), "two have {code}");
                with.insert(number);
            }
            without.retain(|number| !with.contains(number));
            sleep(PAUSE).await;
        }
        let took = began.elapsed().as_secs_f64();
        self.figure("from the order to the last coupon", took, "s");
        Ok(())
    }

    /// The tickets of those among `numbers` who have one.
    async fn tickets(&self, numbers: &[usize]) -> Result<Vec<(usize, String)>> {
        let path = format!("/api/v1/events/{EVENT}/places/me");
        let look = |number: &usize| request("GET", &path, Some(&enter::token(*number)), "");
        let looks = Arc::new(numbers.iter().map(look).collect());
        let bodies = self.stack.answered(&looks).await?;
        let ticket = |(number, body): (&usize, &Vec<u8>)| {
            let place: Value = serde_json::from_slice(body).ok()?;
            Some((*number, place["ticket"].as_str()?.to_owned()))
        };
        Ok(numbers.iter().zip(&bodies).filter_map(ticket).collect())
    }

    /// Redeems; what passed. What is pending is asked for again in the next round.
    async fn passes(&self, tickets: &[(usize, String)]) -> Result<Vec<(usize, Value)>> {
        let path = format!("/api/v1/events/{EVENT}/redemptions");
        let redeem = |(number, ticket): &(usize, String)| {
            request("POST", &path, Some(ticket), &enter::body(*number))
        };
        let kept = Pace {
            keep_bodies: true,
            ..FULL
        };
        let redeems = Arc::new(tickets.iter().map(redeem).collect());
        let outcome = drive(self.stack.server.public, redeems, kept).await?;
        let mut passes = Vec::new();
        for ((number, _), body) in tickets.iter().zip(&outcome.bodies) {
            let answer: Value = serde_json::from_slice(body)?;
            match answer["result"].as_str() {
                Some("pass") => passes.push((*number, answer)),
                Some("pending") => {}
                _ => bail!("person {number} heard {answer}"),
            }
        }
        Ok(passes)
    }

    /// Waits until the status says that nothing is left.
    async fn told(&mut self) -> Result<()> {
        let began = Instant::now();
        let url = format!("http://{}/api/v1/events/{EVENT}", self.stack.server.public);
        loop {
            let status: Value = reqwest::get(&url).await?.json().await?;
            if status["sold_out"] == true {
                break;
            }
            ensure!(began.elapsed() < PATIENCE, "nobody is told: {status}");
            sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed().as_secs_f64();
        self.figure("from the last coupon to a status of sold out", took, "s");
        Ok(())
    }

    /// Everybody looks at what became of their place.
    async fn everybody_asks(&mut self) -> Result<()> {
        let path = format!("/api/v1/events/{EVENT}/places/me");
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        let began = Instant::now();
        for first in (0..self.people).step_by(SOME) {
            let look = |number| request("GET", &path, Some(&enter::token(number)), "");
            let looks = (first..self.people.min(first + SOME)).map(look);
            for body in self.stack.answered(&Arc::new(looks.collect())).await? {
                let place: Value = serde_json::from_slice(&body)?;
                let state = match place["reason"].as_str() {
                    None => place["state"].to_string(),
                    Some(reason) => format!("{} {reason}", place["state"]),
                };
                *states.entry(state).or_default() += 1;
            }
        }
        let took = began.elapsed().as_secs_f64();
        self.figure(
            "asked what became of them",
            as_float(self.people) / took,
            "1/s",
        );
        let expected = BTreeMap::from([
            ("\"gone\" sold-out".to_owned(), self.people - COUPONS),
            ("\"redeemed\"".to_owned(), COUPONS),
        ]);
        ensure!(states == expected, "people heard {states:?}");
        Ok(())
    }
}
