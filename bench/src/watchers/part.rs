//! The process that holds a part of a crowd.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, Semaphore, watch};

use super::{Note, now_ms, numbers};
use crate::enter;
use crate::sockets::{self, Socket};

/// Sockets that one process opens at once.
const OPENING: usize = 200;
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// How a position frame begins.
const POSITION: &str = r#"{"type":"position","position":"#;
/// How a ticket frame begins.
const TICKET: &str = r#"{"type":"ticket""#;

/// Somebody, who stays in line.
struct Person {
    number: usize,
    /// How many were let in before their first position was heard.
    admitted: u64,
    /// Their place in the line's order, from 1; 0 until it is known.
    ordinal: AtomicU64,
    /// The position shown last; 0 for a ticket.
    position: AtomicU64,
}

/// The people of this process.
struct Part {
    address: SocketAddr,
    url: String,
    people: Mutex<Vec<Arc<Person>>>,
    gate: Semaphore,
    frames: AtomicU64,
    lost: AtomicU64,
    rose: AtomicU64,
    noting: AtomicBool,
    notes: std::sync::Mutex<Vec<Note>>,
    /// How often everybody lost the connection on purpose.
    storms: watch::Sender<u64>,
    /// How many have (again) heard a first frame.
    there: watch::Sender<usize>,
}

/// Watches through `address` and does what standard input says, until it ends.
pub async fn serve(address: SocketAddr, path: &str) -> Result<()> {
    let part = Arc::new(Part {
        address,
        url: format!("ws://{address}{path}"),
        people: Mutex::default(),
        gate: Semaphore::new(OPENING),
        frames: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        rose: AtomicU64::new(0),
        noting: AtomicBool::new(false),
        notes: std::sync::Mutex::default(),
        storms: watch::Sender::new(0),
        there: watch::Sender::new(0),
    });
    let mut asks = BufReader::new(tokio::io::stdin()).lines();
    let mut answers = tokio::io::stdout();
    while let Some(ask) = asks.next_line().await? {
        let answer = part.answer(&ask).await? + "\n";
        answers.write_all(answer.as_bytes()).await?;
        answers.flush().await?;
    }
    Ok(())
}

impl Part {
    async fn answer(self: &Arc<Self>, ask: &str) -> Result<String> {
        let (what, with) = ask.split_once(' ').unwrap_or((ask, ""));
        Ok(match what {
            "open" => {
                let [first, count, admitted] = numbers(with)?;
                self.open(first, count, admitted).await?;
                "0".to_owned()
            }
            "heard" => {
                let counts = [&self.frames, &self.lost, &self.rose];
                let [frames, lost, rose] = counts.map(|count| count.load(Ordering::Relaxed));
                format!("{frames} {lost} {rose}")
            }
            "note" => {
                self.noting.store(true, Ordering::Relaxed);
                "0".to_owned()
            }
            "notes" => {
                self.noting.store(false, Ordering::Relaxed);
                let notes = self
                    .notes
                    .lock()
                    .map(|mut notes| std::mem::take(&mut *notes));
                let notes = notes.unwrap_or_default();
                let line =
                    |note: &Note| format!("\n{} {} {}", note.at_ms, note.known, note.position);
                let lines: String = notes.iter().map(line).collect();
                format!("{}{lines}", notes.len())
            }
            "judge" => {
                let [admitted] = numbers(with)?;
                let (wrong, inverted) = self.judge(admitted).await;
                format!("{wrong} {inverted}")
            }
            "storm" => {
                let (nearly, all) = self.storm().await?;
                format!("{} {}", nearly.as_millis(), all.as_millis())
            }
            other => bail!("nothing is known of `{other}`"),
        })
    }

    async fn open(self: &Arc<Self>, first: u64, count: u64, admitted: u64) -> Result<()> {
        let all = {
            let mut people = self.people.lock().await;
            for number in first..first + count {
                let person = Arc::new(Person {
                    number: usize::try_from(number)?,
                    admitted,
                    ordinal: AtomicU64::new(0),
                    position: AtomicU64::new(0),
                });
                people.push(Arc::clone(&person));
                tokio::spawn(Arc::clone(self).stay(person));
            }
            people.len()
        };
        self.there
            .subscribe()
            .wait_for(|there| *there == all)
            .await?;
        Ok(())
    }

    async fn storm(&self) -> Result<(Duration, Duration)> {
        let all = self.people.lock().await.len();
        let began = Instant::now();
        self.there.send_replace(0);
        self.storms.send_modify(|storms| *storms += 1);
        let mut there = self.there.subscribe();
        there.wait_for(|there| *there >= all - all / 100).await?;
        let nearly = began.elapsed();
        there.wait_for(|there| *there == all).await?;
        Ok((nearly, began.elapsed()))
    }

    async fn judge(&self, admitted: u64) -> (u64, u64) {
        let (mut wrong, mut inverted) = (0, 0);
        for person in self.people.lock().await.iter() {
            let ordinal = person.ordinal.load(Ordering::Relaxed);
            let position = person.position.load(Ordering::Relaxed);
            if (position == 0) != (ordinal <= admitted) {
                inverted += 1;
            } else if position != ordinal.saturating_sub(admitted) {
                wrong += 1;
            }
        }
        (wrong, inverted)
    }

    /// One person's stay: connected, and connected again after every loss.
    async fn stay(self: Arc<Self>, person: Arc<Person>) {
        let mut storms = self.storms.subscribe();
        loop {
            let Ok((mut socket, first)) = self.connect(&person).await else {
                self.lost.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.hear(&person, &first);
            self.there.send_modify(|there| *there += 1);
            let listening = async {
                while let Some(Ok(message)) = socket.next().await {
                    if let Ok(text) = message.to_text()
                        && message.is_text()
                    {
                        self.hear(&person, text);
                    }
                }
            };
            tokio::select! {
                () = listening => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    self.there.send_modify(|there| *there = there.saturating_sub(1));
                }
                _ = storms.changed() => {}
            }
        }
    }

    async fn connect(&self, person: &Person) -> Result<(Socket, String)> {
        let _turn = self.gate.acquire().await?;
        sockets::open(
            sockets::source(person.number),
            self.address,
            &self.url,
            Some(enter::token(person.number)),
        )
        .await
    }

    fn hear(&self, person: &Person, frame: &str) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        if frame.starts_with(TICKET) {
            person.position.store(0, Ordering::Relaxed);
            return;
        }
        let Some(position) = position(frame) else {
            return;
        };
        let ordinal = person.ordinal.load(Ordering::Relaxed);
        let before = person.position.swap(position, Ordering::Relaxed);
        if ordinal == 0 {
            let ordinal = person.admitted + position;
            person.ordinal.store(ordinal, Ordering::Relaxed);
        } else if position > before {
            self.rose.fetch_add(1, Ordering::Relaxed);
        } else if position < before
            && self.noting.load(Ordering::Relaxed)
            && let Ok(mut notes) = self.notes.lock()
        {
            notes.push(Note {
                at_ms: now_ms(),
                known: ordinal.saturating_sub(before),
                position,
            });
        }
    }
}

/// The position in a position frame.
fn position(frame: &str) -> Option<u64> {
    let rest = frame.strip_prefix(POSITION)?;
    rest.split_once(',')?.0.parse().ok()
}
