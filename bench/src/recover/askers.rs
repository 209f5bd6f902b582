//! People who ask all the time, one thing after the other, and come back with the same question when they are refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{PATIENCE, PAUSE};
use crate::load::{Pace, drive};

/// How many ask.
const ASKERS: usize = 8;
/// One question on a connection of its own, and its answer.
const ONE: Pace = Pace {
    connections: 1,
    per_s: None,
    keep_bodies: true,
};

/// Those who ask all the time.
pub struct Askers {
    over: Arc<AtomicBool>,
    tasks: JoinSet<Result<Heard>>,
}

/// What they heard.
#[derive(Default)]
pub struct Heard {
    /// Answers, by the number of the question.
    pub heard: Vec<(usize, Vec<u8>)>,
    /// When each was served first after a refusal.
    served: Vec<Instant>,
}

impl Askers {
    /// So many ask these questions, each until it is answered by `wanted`.
    pub fn start(address: SocketAddr, questions: Vec<Vec<u8>>, wanted: u16) -> Self {
        let (over, next) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let questions = Arc::new(questions);
        let mut tasks = JoinSet::new();
        for _ in 0..ASKERS {
            let (over, next) = (Arc::clone(&over), Arc::clone(&next));
            let questions = Arc::clone(&questions);
            tasks.spawn(async move {
                let mut all = Heard::default();
                let mut refused = false;
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let question = questions.get(number).context("too few questions")?;
                    let (answer, was_refused) = asked(address, question, wanted).await?;
                    if was_refused && !refused {
                        all.served.push(Instant::now());
                        refused = true;
                    }
                    all.heard.push((number, answer));
                    sleep(PAUSE).await;
                }
                Ok(all)
            });
        }
        Self { over, tasks }
    }

    /// Lets each finish its question.
    pub async fn stop(mut self) -> Result<Heard> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Heard::default();
        while let Some(one) = self.tasks.join_next().await {
            let one = one??;
            all.heard.extend(one.heard);
            all.served.extend(one.served);
        }
        Ok(all)
    }
}

impl Heard {
    /// When the first of them was served again.
    pub fn first(&self) -> Result<Instant> {
        self.served
            .iter()
            .min()
            .copied()
            .context("nobody was refused")
    }

    /// When the last of them was served again.
    pub fn last(&self) -> Result<Instant> {
        self.served
            .iter()
            .max()
            .copied()
            .context("nobody was refused")
    }
}

/// Asks until the answer is the wanted one; and whether it was ever another.
async fn asked(address: SocketAddr, question: &[u8], wanted: u16) -> Result<(Vec<u8>, bool)> {
    let began = Instant::now();
    let mut refused = false;
    loop {
        let outcome = drive(address, Arc::new(vec![question.to_vec()]), ONE).await?;
        let status = outcome.statuses.keys().next().copied();
        let body = outcome.bodies.into_iter().next().unwrap_or_default();
        match status {
            // A question whose answer was lost has its effect already when it is asked again.
            Some(200 | 201) if refused => return Ok((body, true)),
            Some(status) if status == wanted => return Ok((body, false)),
            Some(202 | 503) => refused = true,
            other => bail!("{other:?}: {}", String::from_utf8_lossy(&body)),
        }
        ensure!(began.elapsed() < PATIENCE, "never answered by {wanted}");
        sleep(2 * PAUSE).await;
    }
}
