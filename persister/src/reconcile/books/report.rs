//! What a comparison found of a book.

use domain::EventId;
use serde::Serialize;

use super::standing::CodeStanding;
use crate::reconcile::report::{Cause, Kind};

/// Most codes of a book that are named.
pub(super) const MOST_NAMED: usize = 1_000;

/// The comparison of one book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BookReport {
    /// How many codes each station counts.
    pub codes: CodeCounts,
    /// Codes that made steps all the while, so that nothing is said of them.
    pub moving: u64,
    /// The codes that do not stand in Redis as the records left them, in order of code.
    pub differences: Vec<CodeDifference>,
    /// How many more there are than the thousand that are named.
    pub more: u64,
}

/// How many codes each station counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodeCounts {
    /// Redis.
    pub redis: u64,
    /// The ledger.
    pub ledger: u64,
}

/// A code that does not stand in Redis as the records left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeDifference {
    /// Which.
    pub code: String,
    /// What differs.
    pub kind: Kind,
    /// What Redis holds.
    pub redis: Option<CodeStanding>,
    /// What the ledger holds.
    pub ledger: Option<CodeStanding>,
    /// Is it among the free codes of Redis, too?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_free_too: bool,
    /// Why, as far as the stations tell.
    pub cause: Cause,
    /// The ordinal of the last record when Redis was looked at.
    #[serde(skip)]
    pub as_of: u64,
}

impl BookReport {
    /// How many codes differ.
    #[must_use]
    pub fn unexplained(&self) -> u64 {
        self.differences.len() as u64 + self.more
    }

    /// Logs what differs, without the codes, which are secrets; at most `most` of them one by one.
    pub(crate) fn log(&self, book: &EventId, most: usize) {
        for difference in self.differences.iter().take(most) {
            tracing::error!(
                book = %book,
                kind = ?difference.kind,
                cause = ?difference.cause,
                "a code of a book does not stand alike in Redis and the ledger; `stanchion verify` shows which"
            );
        }
    }
}
