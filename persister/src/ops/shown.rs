//! Dead letters as the API shows them.

use domain::{EventId, Millis, RecordId};
use ledger::{Decision, StoredDeadLetter};
use serde::Serialize;
use utoipa::ToSchema;

/// A dead letter, as a list shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownLetter {
    /// Its number.
    id: i64,
    /// When it was buried.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
    /// `dead`, `redriven` or `discarded`.
    state: &'static str,
    /// Why it could not be made a row.
    reason: String,
    /// The event that it says it is of.
    #[schema(value_type = Option<String>, required)]
    event: Option<EventId>,
    /// The id that it says it has.
    #[schema(value_type = Option<String>, required)]
    record_id: Option<RecordId>,
    /// Where it came from.
    topic: String,
    /// The partition there.
    partition: i32,
    /// Its offset there.
    offset: u64,
}

/// A dead letter with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WholeLetter {
    #[serde(flatten)]
    letter: ShownLetter,
    /// The message; bytes that are no text are shown as U+FFFD.
    payload: String,
    /// What was done about it, oldest first.
    decisions: Vec<ShownDecision>,
}

/// Something that was done about a dead letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownDecision {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Millis,
    /// Who.
    by: String,
    /// `redriven`, `refused` (sent again and still dead) or `discarded`.
    action: String,
    /// Why it was refused.
    note: String,
}

/// What became of a dead letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settled {
    /// Its number.
    pub id: i64,
    /// `redriven` or `discarded`.
    pub state: &'static str,
    /// Of a letter that was sent again: `landed`, or `was-there` when its record had come by another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
}

impl From<StoredDeadLetter> for ShownLetter {
    fn from(stored: StoredDeadLetter) -> Self {
        Self {
            id: stored.id,
            at: stored.at,
            state: stored.state.as_str(),
            reason: stored.letter.reason,
            event: stored.letter.claimed.event,
            record_id: stored.letter.claimed.id,
            topic: stored.topic,
            partition: stored.partition,
            offset: stored.letter.offset,
        }
    }
}

impl WholeLetter {
    /// A letter and what was done about it.
    pub fn new(stored: StoredDeadLetter, decisions: Vec<Decision>) -> Self {
        let payload = String::from_utf8_lossy(&stored.letter.payload).into_owned();
        let decision = |decision: Decision| ShownDecision {
            at: decision.at,
            by: decision.by,
            action: decision.action,
            note: decision.note,
        };
        Self {
            letter: stored.into(),
            payload,
            decisions: decisions.into_iter().map(decision).collect(),
        }
    }
}
