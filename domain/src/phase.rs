//! The life of an event as one table: which phase may follow which, and what each allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Where an event stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being prepared; nobody may enter.
    #[default]
    Draft,
    /// People may enter and wait for the opening.
    Lobby,
    /// The line moves.
    Open,
    /// The line stands still; tickets that are out may still be redeemed.
    Paused,
    /// Nobody new; those in line are served to the end.
    Draining,
    /// Over.
    Closed,
}

/// A move that the life of an event does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event cannot move from {from} to {to}")]
pub struct PhaseMove {
    /// The phase the event is in.
    pub from: Phase,
    /// The phase that was asked for.
    pub to: Phase,
}

/// What a phase means for those who come, wait, and were let in. A line that sold out refuses newcomers before its phase does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// May somebody new enter, or why not?
    pub enter: Result<(), Refusal>,
    /// Do those in line keep their place?
    pub waits: bool,
    /// Are people let in?
    pub admits: bool,
    /// Are tickets exchanged for coupons?
    pub redeems: bool,
}

impl Phase {
    /// Every phase, in the order of an event's life.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Lobby,
        Self::Open,
        Self::Paused,
        Self::Draining,
        Self::Closed,
    ];

    /// The phases that may follow this one.
    #[must_use]
    pub fn allowed(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Lobby, Self::Open, Self::Closed],
            Self::Lobby | Self::Draining => &[Self::Open, Self::Closed],
            Self::Open => &[Self::Paused, Self::Draining, Self::Closed],
            Self::Paused => &[Self::Open, Self::Draining, Self::Closed],
            Self::Closed => &[],
        }
    }

    /// Moves to `to`; a move to the phase itself changes nothing and is allowed.
    pub fn enter(self, to: Self) -> Result<Self, PhaseMove> {
        if self == to || self.allowed().contains(&to) {
            Ok(to)
        } else {
            Err(PhaseMove { from: self, to })
        }
    }

    /// What the phase means: the one table.
    #[must_use]
    pub fn meaning(self) -> Meaning {
        let row = |enter, waits, admits, redeems| Meaning {
            enter,
            waits,
            admits,
            redeems,
        };
        match self {
            Self::Draft => row(Err(Refusal::NotOpenYet), false, false, false),
            Self::Lobby => row(Ok(()), true, false, false),
            Self::Open => row(Ok(()), true, true, true),
            Self::Paused => row(Ok(()), true, false, true),
            Self::Draining => row(Err(Refusal::LineClosed), true, true, true),
            Self::Closed => row(Err(Refusal::EventClosed), false, false, false),
        }
    }

    /// May somebody new enter the line?
    #[must_use]
    pub fn takes_visitors(self) -> bool {
        self.meaning().enter.is_ok()
    }

    /// Are people let in?
    #[must_use]
    pub fn admits(self) -> bool {
        self.meaning().admits
    }

    /// Are tickets exchanged for coupons?
    #[must_use]
    pub fn redeems(self) -> bool {
        self.meaning().redeems
    }

    /// The phase's name, as in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Lobby => "lobby",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no phase.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phase is one of draft, lobby, open, paused, draining, closed")]
pub struct NotAPhase;

impl FromStr for Phase {
    type Err = NotAPhase;

    fn from_str(text: &str) -> Result<Self, NotAPhase> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or(NotAPhase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_of_moves() {
        let table = [
            (Phase::Draft, "yyy..y"),
            (Phase::Lobby, ".yy..y"),
            (Phase::Open, "..yyyy"),
            (Phase::Paused, "..yyyy"),
            (Phase::Draining, "..y.yy"),
            (Phase::Closed, ".....y"),
        ];
        for (from, moves) in table {
            for (to, allowed) in Phase::ALL.into_iter().zip(moves.chars()) {
                assert_eq!(from.enter(to).is_ok(), allowed == 'y', "{from} → {to}");
            }
        }
    }

    #[test]
    fn what_each_phase_means() {
        let rows = Phase::ALL.map(|phase| {
            let means = phase.meaning();
            let enter = means.enter.err().map(|refusal| refusal.shown().name);
            (enter, means.waits, means.admits, means.redeems)
        });
        assert_eq!(
            rows,
            [
                (Some("not-open-yet"), false, false, false),
                (None, true, false, false),
                (None, true, true, true),
                (None, true, false, true),
                (Some("line-closed"), true, true, true),
                (Some("event-closed"), false, false, false),
            ]
        );
    }

    #[test]
    fn names_read_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        assert_eq!("Open".parse::<Phase>(), Err(NotAPhase));
    }
}
