//! The crowd of a rehearsal: everybody comes once, and it ends when everybody knows their fate.

use std::sync::Arc;
use std::time::Duration;

use chassis::system::SystemRandom;
use domain::Random as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::RehearseArgs;
use super::descriptors::CALLS_AT_ONCE;
use super::person::{Intent, Person};
use super::street::Street;
use super::tally::{Book, Tally};

/// What the people of one crowd share.
#[derive(Debug)]
pub struct Crowd {
    /// The event they came for.
    pub event: String,
    /// Does the line stay when everything is gone? Then the `event` frame is all that tells.
    pub line_stays: bool,
    /// Where they write what happens to them.
    pub tally: Tally,
    /// How many of them may be calling at once.
    pub calls: Semaphore,
}

impl Crowd {
    /// A crowd that came for `event`.
    pub fn new(event: &str, line_stays: bool) -> Arc<Self> {
        Arc::new(Self {
            event: event.to_owned(),
            line_stays,
            tally: Tally::default(),
            calls: Semaphore::new(CALLS_AT_ONCE as usize),
        })
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Rehearsed {
    /// What the crowd wrote down.
    pub book: Book,
    /// Frames heard.
    pub pushes: u64,
    /// Most frames heard in one second.
    pub most_pushes_per_s: u64,
    /// From the first arrival to the last fate.
    pub took: Duration,
    /// Why it ended before everybody knew their fate, if it did.
    pub cut_short: Option<&'static str>,
}

/// Sends the crowd and waits for it; `rate_per_s` is the pace as set at the beginning.
pub async fn rehearse(
    args: &RehearseArgs,
    crowd: Arc<Crowd>,
    street: Street,
) -> anyhow::Result<Rehearsed> {
    let began = Instant::now();
    let mut people = send(args, &crowd, &street, began);
    let mut progress = Progress::new(args.patience);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    second.tick().await;
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let cut_short = loop {
        tokio::select! {
            person = people.join_next() => match person {
                Some(visited) => visited?,
                None => break None,
            },
            _ = second.tick() => {
                eprintln!("{}", progress.second(&crowd, began.elapsed()));
                if progress.nothing_happens(began.elapsed() > args.over) {
                    break Some("nothing happened any more");
                }
            }
            _ = &mut interrupted => break Some("it was interrupted"),
        }
    };
    Ok(Rehearsed {
        book: crowd.tally.take(),
        pushes: crowd.tally.pushes(),
        most_pushes_per_s: progress.most_pushes,
        took: began.elapsed(),
        cut_short,
    })
}

/// Everybody arrives in a slot of their own, anywhere in it.
fn send(args: &RehearseArgs, crowd: &Arc<Crowd>, street: &Street, began: Instant) -> JoinSet<()> {
    let mut people = JoinSet::new();
    let slot = args.over / args.visitors.max(1);
    for nth in 0..args.visitors {
        let arrival = began + slot * nth + slot * SystemRandom.below(1_024) / 1_024;
        let person = Person::new(crowd, street.house(nth), Intent::Redeem);
        people.spawn(async move {
            sleep_until(arrival).await;
            person.visit().await;
        });
    }
    people
}

/// What is shown while it runs.
struct Progress {
    pushes: u64,
    most_pushes: u64,
    happenings: u64,
    quiet_s: u64,
    patience_s: u64,
}

impl Progress {
    fn new(patience: Duration) -> Self {
        Self {
            pushes: 0,
            most_pushes: 0,
            happenings: 0,
            quiet_s: 0,
            patience_s: patience.as_secs(),
        }
    }

    /// One second later: the line to show.
    fn second(&mut self, crowd: &Crowd, elapsed: Duration) -> String {
        let tally = &crowd.tally;
        let pushes = tally.pushes() - self.pushes;
        self.pushes += pushes;
        self.most_pushes = self.most_pushes.max(pushes);
        let happenings = tally.happenings();
        self.quiet_s = if happenings == self.happenings {
            self.quiet_s + 1
        } else {
            0
        };
        self.happenings = happenings;
        tally.read(|book| {
            let admitted = book.ticket_ends_ms.len() as u64;
            let told: u64 = book.told.values().sum();
            let fails: u64 = book.fails.values().sum();
            let in_line = book.entered.saturating_sub(admitted + told);
            format!(
                "{:>4} s  in line {in_line:>6}  admitted {admitted:>6}  passes {:>6}  fails {fails:>4}  told {told:>6}  \
                 pushes/s {pushes:>6}  errors {}",
                elapsed.as_secs(),
                book.passes,
                book.errors.values().sum::<u64>(),
            )
        })
    }

    fn nothing_happens(&self, everybody_came: bool) -> bool {
        everybody_came && self.quiet_s >= self.patience_s
    }
}
