//! The crowd of a rehearsal: everybody comes once, and it ends when everybody knows their fate.

use std::sync::Arc;
use std::time::Duration;

use chassis::system::SystemRandom;
use domain::Random as _;
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Default, Serialize, Deserialize)]
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
    pub cut_short: Option<String>,
}

impl Rehearsed {
    /// Adds what came of another part of the crowd. The most frames of both in one second are taken to be in the same second.
    pub fn add(&mut self, other: Self) {
        self.book.add(other.book);
        self.pushes += other.pushes;
        self.most_pushes_per_s += other.most_pushes_per_s;
        self.took = self.took.max(other.took);
        self.cut_short = self.cut_short.take().or(other.cut_short);
    }
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
                if progress.nothing_happens(began.elapsed() > args.over && crowd.tally.opened()) {
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
        cut_short: cut_short.map(str::to_owned),
    })
}

/// Everybody arrives in a slot of their own, anywhere in it.
fn send(args: &RehearseArgs, crowd: &Arc<Crowd>, street: &Street, began: Instant) -> JoinSet<()> {
    let mut people = JoinSet::new();
    let slot = args.over / args.visitors.max(1);
    for nth in 0..args.visitors {
        let arrival = began + slot * nth + slot * SystemRandom.below(1_024) / 1_024;
        let person = Person::new(crowd, street.house(nth), intent(args));
        people.spawn(async move {
            sleep_until(arrival).await;
            person.visit().await;
        });
    }
    people
}

/// What somebody means to do, drawn by the shares that were asked for. Leaving and going away begin within twice the time in
/// which everybody comes, and somebody who comes back is away for up to three times it.
fn intent(args: &RehearseArgs) -> Intent {
    let draw = f64::from(SystemRandom.below(1_000_000)) / 1e6;
    let after = Duration::from_secs(1) + args.over * 2 * SystemRandom.below(1_024) / 1_024;
    if draw < args.leave {
        Intent::Leave(after)
    } else if draw < args.leave + args.absent {
        let away = Duration::from_secs(1) + args.over * 3 * SystemRandom.below(1_024) / 1_024;
        Intent::Away(after, (SystemRandom.below(2) == 0).then_some(away))
    } else {
        Intent::Redeem
    }
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
            let admitted = book.admitted.len() as u64;
            let told: u64 = book.told.values().sum();
            let fails: u64 = book.fails.values().sum();
            let gone = told + book.left + book.stayed_away;
            let in_line = book.entered.saturating_sub(admitted + gone);
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
