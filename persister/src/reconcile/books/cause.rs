//! What differs on a code of a book, and why: the history of its steps, or the log, tells who is right.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::EventId;
use domain::book::CouponState;
use domain::record::{Fences, Record};

use super::report::CodeDifference;
use super::standing::{CodeStanding, each_told};
use crate::reconcile::gather::PAGE;
use crate::reconcile::report::{Cause, Kind};
use crate::reconcile::{ReconcileError, Stations};

/// Where the steps of a code led to, by whoever kept them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trace {
    state: CouponState,
    holder: Option<String>,
    redemptions: u32,
}

impl Trace {
    fn of(state: CouponState, holder: String, redemptions: u32) -> Self {
        let is_free = state == CouponState::Unassigned;
        Self {
            state,
            holder: (!is_free).then_some(holder),
            redemptions: if is_free { 0 } else { redemptions },
        }
    }

    fn leads_to(&self, standing: &CodeStanding) -> bool {
        self.state == standing.state
            && self.holder == standing.holder
            && self.redemptions == standing.redemptions
    }
}

/// What differs between two standings that do.
pub(super) fn kind(redis: &CodeStanding, ledger: &CodeStanding) -> Kind {
    if redis.state != ledger.state {
        Kind::StateDiffers
    } else if redis.holder != ledger.holder {
        Kind::HolderDiffers
    } else if redis.redemptions != ledger.redemptions {
        Kind::RedemptionsDiffer
    } else if redis.locked_until != ledger.locked_until {
        Kind::LockDiffers
    } else {
        Kind::TimeDiffers
    }
}

impl Stations<'_> {
    /// Finds out why.
    pub(super) async fn explain(
        &self,
        book: &EventId,
        differences: &mut [CodeDifference],
    ) -> Result<(), ReconcileError> {
        if differences.is_empty() {
            return Ok(());
        }
        let codes: HashSet<&str> = differences.iter().map(|d| d.code.as_str()).collect();
        let buried = self.buried_codes(book, &codes).await?;
        let traces = if self.log.is_some() {
            self.traces_in_log(book, &codes).await?
        } else {
            self.traces_in_history(book, &codes).await?
        };
        let has_log = self.log.is_some();
        for difference in differences {
            difference.cause = if buried.contains(&difference.code) {
                Cause::DeadLetter
            } else {
                likely(difference, traces.get(&difference.code), has_log)
            };
        }
        Ok(())
    }

    async fn traces_in_history(
        &self,
        book: &EventId,
        codes: &HashSet<&str>,
    ) -> Result<HashMap<String, Trace>, ReconcileError> {
        let codes: Vec<&str> = codes.iter().copied().collect();
        let steps = self.ledger.last_steps(book, &codes).await?.into_iter();
        let trace = |(code, step): (String, ledger::LastStep)| {
            (code, Trace::of(step.state, step.holder, step.redemptions))
        };
        Ok(steps.map(trace).collect())
    }

    async fn traces_in_log(
        &self,
        book: &EventId,
        codes: &HashSet<&str>,
    ) -> Result<HashMap<String, Trace>, ReconcileError> {
        let mut last: HashMap<String, (u64, Trace)> = HashMap::new();
        let Some(log) = self.log else {
            return Ok(HashMap::new());
        };
        let mut fences = Fences::default();
        kafka::records_of(log, &BTreeSet::from([book.clone()]), |record| {
            let Ok(record) = record else { return };
            if fences.bar(&record).is_some() {
                return;
            }
            each_told(&record, |code, told| {
                let is_newer = || {
                    last.get(code)
                        .is_none_or(|(held, _)| *held < record.ordinal)
                };
                if codes.contains(code) && is_newer() {
                    let standing = CodeStanding::after(None, told);
                    let holder = standing.holder.unwrap_or_default();
                    let trace = Trace::of(standing.state, holder, standing.redemptions);
                    last.insert(code.to_owned(), (record.ordinal, trace));
                }
            });
        })
        .await?;
        let traces = last.into_iter().map(|(code, (_, trace))| (code, trace));
        Ok(traces.collect())
    }

    /// Those of the codes that a record among the dead letters tells of.
    async fn buried_codes(
        &self,
        book: &EventId,
        codes: &HashSet<&str>,
    ) -> Result<HashSet<String>, ReconcileError> {
        let (mut buried, mut after) = (HashSet::new(), 0);
        loop {
            let letters = self.ledger.dead_letters(after, PAGE).await?;
            let Some(last) = letters.last() else {
                return Ok(buried);
            };
            after = last.id;
            let letters = letters.into_iter().map(|stored| stored.letter);
            for letter in letters.filter(|letter| letter.claimed.event.as_ref() == Some(book)) {
                if let Ok(record) = Record::from_json(&letter.payload) {
                    each_told(&record, |code, _| {
                        if codes.contains(code) {
                            buried.insert(code.to_owned());
                        }
                    });
                }
            }
        }
    }
}

/// What most likely happened. Whoever stands where the steps led to is believed against who does not; a code without a step is
/// free. The history knows of steps alone, the log of every code that came.
fn likely(difference: &CodeDifference, trace: Option<&Trace>, has_log: bool) -> Cause {
    let free = Trace::of(CouponState::Unassigned, String::new(), 0);
    let told = trace.or((!has_log).then_some(&free));
    let is_right = |standing: &CodeStanding| told.is_some_and(|trace| trace.leads_to(standing));
    match (&difference.redis, &difference.ledger) {
        (_, Some(ledger)) if difference.is_free_too && is_right(ledger) => Cause::AlteredInRedis,
        _ if difference.is_free_too => Cause::Unknown,
        (Some(redis), None) if is_right(redis) => Cause::RowDeleted,
        (None, Some(_)) if has_log && trace.is_none() => Cause::ForeignRow,
        (None, Some(ledger)) if trace.is_some_and(|trace| trace.leads_to(ledger)) => {
            Cause::LostInRedis
        }
        (Some(redis), Some(ledger)) => match (is_right(redis), is_right(ledger)) {
            (true, false) => Cause::RowAltered,
            (false, true) => Cause::AlteredInRedis,
            _ => Cause::Unknown,
        },
        _ => Cause::Unknown,
    }
}
