//! What clients asked and heard, as a value. Times are unix milliseconds by the clock of the machine that everything runs on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Unix milliseconds.
pub type Ms = i64;

/// One question and what was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who asked: the place's id, which is the holder of what it redeems.
    pub who: String,
    /// At which process, counted from 0.
    pub door: usize,
    /// What was asked.
    pub asked: Asked,
    /// When the question went out.
    pub asked_at: Ms,
    /// When the answer, or the end of the wait for it, came.
    pub heard_at: Ms,
    /// What was heard.
    pub answer: Answer,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// For a place in the line.
    Enter,
    /// What the place's socket tells.
    Watch,
    /// For a coupon.
    Redeem,
    /// What came of the ticket.
    Result,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing that tells what was done: no answer, or one that says so.
    Unknown,
    /// A place in the line.
    Stands {
        /// Its position, if it has one.
        position: Option<u64>,
        /// How many wait.
        waiting: u64,
    },
    /// It is their turn.
    Ticket {
        /// The place's ordinal, from the ticket.
        seq: u64,
        /// When the ticket ends: a fixed time after the admission.
        expires_at: Ms,
    },
    /// A coupon.
    Pass {
        /// Its code.
        code: String,
        /// Its serial.
        serial: u64,
        /// The record that tells of it.
        record_id: String,
    },
    /// A coupon that is not kept yet as far as the event wants.
    Pending,
    /// Every coupon is gone.
    SoldOut,
    /// They have one already.
    AlreadyIssued,
    /// Any other definite refusal, by its name.
    Refused(String),
}

/// A history that many write into.
#[derive(Clone, Debug, Default)]
pub struct Book(Arc<Mutex<Vec<Said>>>);

impl Book {
    /// Notes what was heard.
    pub fn note(&self, said: Said) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.push(said);
    }

    /// All that was noted so far.
    #[must_use]
    pub fn read(&self) -> Vec<Said> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.clone()
    }
}

/// This moment.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a client's history is told by the machine's clock"
)]
pub fn now() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        Ms::try_from(since.as_millis()).unwrap_or(Ms::MAX)
    })
}
