//! What goes wrong, and when: a schedule that is a function of its seed.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::chance::Chance;

/// What a trial runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// One process with its private Redis and SQLite.
    Embedded,
    /// Two processes with every role, and a Redis, a Kafka and a PostgreSQL behind links that can be cut.
    Full,
}

/// Who is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The process of this number; embedded: with its Redis.
    Process(usize),
    /// Redis.
    Redis,
    /// Kafka.
    Kafka,
    /// PostgreSQL.
    Postgres,
}

/// A link from a process, or from all, to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the process of this number to Redis.
    Redis(usize),
    /// From all processes to Kafka.
    Kafka,
    /// From the process of this number to PostgreSQL.
    Postgres(usize),
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strike {
    /// `kill -9` and a start on the same folder.
    Kill(Target),
    /// SIGSTOP, and SIGCONT after so many milliseconds.
    Stop(Target, u64),
    /// Connections end and new ones are turned away, for so many milliseconds.
    Cut(Way, u64),
    /// Nothing goes through and nothing ends, for so many milliseconds.
    Hang(Way, u64),
    /// A link is cut for so many milliseconds, and the process of this number is killed meanwhile.
    CutAndKill(Way, u64, usize),
    /// Redis is killed and so many bytes at the end of its append-only file are gone.
    Truncate(u64),
}

impl Strike {
    /// About how long it lasts, in milliseconds: a restart takes a second on two cores.
    #[must_use]
    pub fn lasts_ms(self) -> u64 {
        match self {
            Self::Kill(Target::Kafka) => 3_000,
            Self::Kill(_) | Self::Truncate(_) => 1_000,
            Self::Stop(_, ms) | Self::Cut(_, ms) | Self::Hang(_, ms) => ms,
            Self::CutAndKill(_, ms, _) => ms + 1_000,
        }
    }

    /// How many processes or stores it kills.
    #[must_use]
    pub fn kills(self) -> u32 {
        u32::from(matches!(
            self,
            Self::Kill(_) | Self::CutAndKill(..) | Self::Truncate(_)
        ))
    }
}

/// A strike, and how long it is quiet before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// In milliseconds.
    pub after_ms: u64,
    /// What happens then.
    pub strike: Strike,
}

/// A schedule of `count` strikes. With `may_truncate` Redis may forget its last writes.
#[must_use]
pub fn schedule(
    stack: Stack,
    chance: &mut Chance,
    count: usize,
    may_truncate: bool,
) -> Vec<Planned> {
    let mut plan: Vec<Planned> = (0..count)
        .map(|_| Planned {
            after_ms: 200 + chance.below(1_300),
            strike: match stack {
                Stack::Embedded => embedded(chance),
                Stack::Full => full(chance),
            },
        })
        .collect();
    if may_truncate && let Some(last) = plan.last_mut() {
        // The last one, so that everything before it was proven under a memory that was whole.
        last.strike = Strike::Truncate(1 + chance.below(4_000));
    }
    plan
}

fn embedded(chance: &mut Chance) -> Strike {
    let target = chance.one_of(&[Target::Process(0), Target::Process(0), Target::Redis]);
    if chance.once_in(4) {
        Strike::Stop(target, 100 + chance.below(2_000))
    } else {
        Strike::Kill(target)
    }
}

fn full(chance: &mut Chance) -> Strike {
    let process = usize::from(chance.once_in(2));
    let ms = 200 + chance.below(2_500);
    let way = chance.one_of(&[Way::Redis(process), Way::Kafka, Way::Postgres(process)]);
    let store = chance.one_of(&[Target::Redis, Target::Kafka, Target::Postgres]);
    match chance.below(10) {
        0..=3 => Strike::Kill(Target::Process(process)),
        4..=5 => Strike::Kill(store),
        6 => Strike::Stop(chance.one_of(&[Target::Process(process), store]), ms),
        7 => Strike::Cut(way, ms),
        8 => Strike::Hang(way, ms),
        _ => Strike::CutAndKill(way, ms, process),
    }
}

impl Planned {
    /// The quiet before it.
    #[must_use]
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.after_ms)
    }

    /// The quiet and the strike, about.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        Duration::from_millis(self.after_ms + self.strike.lasts_ms())
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} ms {:?}", self.after_ms, self.strike)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_schedule_and_another_makes_another() {
        for stack in [Stack::Embedded, Stack::Full] {
            let plan = |seed| schedule(stack, &mut Chance::new(seed), 40, true);
            assert_eq!(plan(7), plan(7));
            assert_ne!(plan(7), plan(8));
        }
    }

    #[test]
    fn a_long_schedule_strikes_everybody() {
        let plan = schedule(Stack::Full, &mut Chance::new(1), 400, true);
        let strikes: Vec<Strike> = plan.iter().map(|planned| planned.strike).collect();
        for target in [
            Target::Process(0),
            Target::Process(1),
            Target::Redis,
            Target::Kafka,
            Target::Postgres,
        ] {
            assert!(strikes.contains(&Strike::Kill(target)), "{target:?}");
            let stopped =
                |strike: &Strike| matches!(strike, Strike::Stop(who, _) if *who == target);
            assert!(strikes.iter().any(stopped), "{target:?}");
        }
        assert!(matches!(strikes.last(), Some(Strike::Truncate(_))));
    }
}
