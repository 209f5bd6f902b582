//! How a trial ended, in figures and in what the checker found.

use std::time::Duration;

use serde::Serialize;

use crate::checker::{Case, Violation, check};
use crate::history::Answer;
use crate::nemesis::Stack;
use crate::trial::Trial;

/// How it ended.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Repeats the schedule.
    pub seed: u64,
    /// What it ran on.
    pub stack: Stack,
    /// The event's ack level.
    pub ack: &'static str,
    /// What went wrong.
    pub strikes: usize,
    /// Processes and stores killed.
    pub kills: u32,
    /// People who came.
    pub people: usize,
    /// Questions whose answer was never heard, or was that nobody knows.
    pub unknown: usize,
    /// People who heard a pass.
    pub heard: usize,
    /// Heard passes that are no row.
    pub lost: usize,
    /// Coupons or holders told or stored twice.
    pub duplicates: usize,
    /// Rows beyond the stock.
    pub oversold: u64,
    /// What `verify` cannot explain.
    pub unexplained: u64,
    /// Everything that the checker found.
    pub violations: Vec<Violation>,
    /// How long it took.
    pub seconds: u64,
}

impl Outcome {
    pub(crate) fn of(trial: &Trial, case: &Case, took: Duration) -> Self {
        let violations = check(case);
        let count =
            |wanted: fn(&Violation) -> bool| violations.iter().filter(|v| wanted(v)).count();
        let said =
            |wanted: fn(&Answer) -> bool| case.history.iter().filter(move |s| wanted(&s.answer));
        let whose = |wanted| {
            let mut people: Vec<&str> = said(wanted).map(|said| said.who.as_str()).collect();
            people.sort_unstable();
            people.dedup();
            people.len()
        };
        Self {
            seed: trial.seed,
            stack: trial.stack,
            ack: trial.ack.unwrap_or("ledger"),
            strikes: trial.plan.len(),
            kills: trial
                .plan
                .iter()
                .map(|planned| planned.strike.kills())
                .sum(),
            people: whose(|_| true),
            unknown: said(|answer| *answer == Answer::Unknown).count(),
            heard: whose(|answer| matches!(answer, Answer::Pass { .. })),
            lost: count(|v| matches!(v, Violation::LostPass { .. })),
            duplicates: count(|v| {
                matches!(
                    v,
                    Violation::TwoCouponsHeard { .. }
                        | Violation::CouponHeardByTwo { .. }
                        | Violation::HolderTwice { .. }
                        | Violation::CodeTwice { .. }
                        | Violation::SerialsNotDense { .. }
                )
            }),
            oversold: (case.rows.len() as u64).saturating_sub(case.stock),
            unexplained: case.unexplained,
            violations,
            seconds: took.as_secs(),
        }
    }

    /// The names of what the checker found.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.violations.iter().map(Violation::name).collect();
        names.dedup();
        names
    }
}
