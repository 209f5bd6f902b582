//! How old a position is that somebody sees: from the first change in the store that it does not show to the frame that
//! replaces it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinHandle;

use crate::server::Server;
use crate::watchers::{Note, now_ms};

/// How often it is asked how many were let in.
const EVERY: Duration = Duration::from_millis(25);
/// Up to this position people are told every second.
const HEAD: u64 = 1_000;

/// Watches how many are let in.
pub struct Admissions {
    stop: oneshot::Sender<()>,
    changes: JoinHandle<Vec<(u64, u64)>>,
}

impl Admissions {
    /// From now on.
    pub fn watch(core: Arc<Server>, event: &'static str) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let changes = tokio::spawn(async move {
            let mut changes: Vec<(u64, u64)> = Vec::new();
            let mut asked_ms = now_ms();
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let now = now_ms();
                // While nothing is known the changes count from when something was.
                if let Ok(figures) = core.ops.event(event).await {
                    if changes
                        .last()
                        .is_none_or(|(_, known)| *known < figures.admitted)
                    {
                        changes.push((asked_ms, figures.admitted));
                    }
                    asked_ms = now;
                }
                tokio::time::sleep(EVERY).await;
            }
            changes
        });
        Self { stop, changes }
    }

    /// When so many had been let in, ascending: never later than it was so, at most the time between two looks earlier.
    pub async fn end(self) -> Vec<(u64, u64)> {
        // It ends by itself when nobody holds this end.
        drop(self.stop);
        self.changes.await.unwrap_or_default()
    }
}

/// The ages of some positions.
pub struct Ages {
    /// All but a hundredth are at most this old, in seconds.
    pub p99_s: f64,
    /// The oldest, in seconds.
    pub longest_s: f64,
}

/// The ages at the head, and those of all others, from admissions and the frames that were noted meanwhile.
pub fn ages(changes: &[(u64, u64)], notes: &[Note]) -> Result<(Ages, Ages)> {
    let (mut head, mut others) = (Vec::new(), Vec::new());
    let first = changes.first().map_or(u64::MAX, |(_, known)| *known);
    for note in notes.iter().filter(|note| note.known >= first) {
        let later = changes.partition_point(|(_, admitted)| *admitted <= note.known);
        let Some((changed_ms, _)) = changes.get(later) else {
            continue;
        };
        let age_ms = note.at_ms.saturating_sub(*changed_ms);
        if note.position <= HEAD {
            head.push(age_ms);
        } else {
            others.push(age_ms);
        }
    }
    Ok((of(head)?, of(others)?))
}

fn of(mut ages_ms: Vec<u64>) -> Result<Ages> {
    ensure!(!ages_ms.is_empty(), "nobody was shown a new position");
    ages_ms.sort_unstable();
    let seconds = |nth: usize| {
        Duration::from_millis(ages_ms.get(nth).copied().unwrap_or_default()).as_secs_f64()
    };
    Ok(Ages {
        p99_s: seconds(ages_ms.len() * 99 / 100),
        longest_s: seconds(ages_ms.len() - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_counts_from_the_first_change_that_was_not_shown() {
        let changes = [(1_000, 5), (2_000, 6), (3_000, 9)];
        let note = |at_ms, known, position| Note {
            at_ms,
            known,
            position,
        };
        let notes = [
            note(2_500, 5, 1),
            note(3_100, 6, 1_000),
            note(9_000, 8, 1_001),
            note(9_000, 4, 1),
            note(9_000, 9, 1),
        ];
        let (head, others) = ages(&changes, &notes).unwrap();
        assert!((head.longest_s - 0.5).abs() < 1e-9, "{}", head.longest_s);
        assert!(
            (others.longest_s - 6.0).abs() < 1e-9,
            "{}",
            others.longest_s
        );
    }
}
