//! Jobs: what takes longer than a call may, done in steps by whichever process has the turn.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::account::random_id;
use crate::clock::Random;
use crate::ids::InvalidId;
use crate::pattern::CodePattern;
use crate::pool::PoolId;

random_id! {
    /// Names a job: `job_` and 22 characters of base64url.
    JobId = "job_", "a job's id is job_ and 22 characters of base64url"
}

/// Most codes that one job makes.
pub const MOST_GENERATED: u64 = 1_000_000;

/// What a job is to do with a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// Make codes.
    Generate {
        /// How many.
        count: u64,
        /// What they look like.
        code_pattern: CodePattern,
    },
    /// Deal coupons to the members of a pool.
    Distribute {
        /// Whose members.
        pool: PoolId,
        /// How.
        mode: Mode,
        /// Most that each gets now; none is as many as one may have, or 1 with `equal`.
        per_person: Option<u32>,
    },
}

impl Work {
    /// The kind's name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Generate { .. } => "generate",
            Self::Distribute { .. } => "distribute",
        }
    }
}

/// How coupons are dealt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everybody gets as many, or nobody gets anything.
    Equal,
    /// One after another in random order, until codes or people's limits end.
    Random,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Nothing was done yet.
    Queued,
    /// Some of it may be done.
    Running,
    /// All of it is done.
    Done,
    /// It ended before all was done; its error says why.
    Failed,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    /// The state's name, as in the API and in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or(InvalidId(
            "a job's state is queued, running, done or failed",
        ))
    }
}
