//! Dead letters: messages of the log that could not be made rows.

use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::event::Page;
use crate::moment::Moment;
use crate::ops::Ops;

/// A dead letter, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// When it was buried.
    pub at: Moment,
    /// `dead`, `redriven` or `discarded`.
    pub state: String,
    /// Why it could not be made a row.
    pub reason: String,
    /// The event that it says it is of.
    pub event: Option<String>,
    /// The id that it says it has.
    pub record_id: Option<String>,
    /// Where it came from.
    pub topic: String,
    /// The partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: u64,
}

/// A dead letter with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeLetter {
    /// The letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The message.
    pub payload: String,
    /// What was done about it, oldest first.
    pub decisions: Vec<Decision>,
}

/// Something that was done about a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: String,
    /// `redriven`, `refused` or `discarded`.
    pub action: String,
    /// Why it was refused.
    pub note: String,
}

/// What became of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Its number.
    pub id: i64,
    /// `redriven` or `discarded`.
    pub state: String,
    /// Of a letter that was sent again: `landed`, or `was-there`.
    pub outcome: Option<String>,
}

impl Ops {
    /// A page of the dead letters that nobody has decided on, oldest first, read on after the one named `after`.
    pub async fn dead_letters(&self, after: Option<&str>) -> Result<Page<DeadLetter>, ApiError> {
        let segments = ["api", "v1", "admin", "dead-letters"];
        self.ask(self.http().list(&segments, after)).await
    }

    /// One dead letter.
    pub async fn dead_letter(&self, id: i64) -> Result<WholeLetter, ApiError> {
        self.ask(self.about(Method::GET, id, None)).await
    }

    /// Sends a dead letter again; refused as long as what was wrong is not mended.
    pub async fn redrive(&self, id: i64) -> Result<Settled, ApiError> {
        self.ask(self.about(Method::POST, id, Some("redrive")))
            .await
    }

    /// Gives a dead letter up.
    pub async fn discard(&self, id: i64) -> Result<Settled, ApiError> {
        self.ask(self.about(Method::POST, id, Some("discard")))
            .await
    }

    fn about(&self, method: Method, id: i64, below: Option<&str>) -> RequestBuilder {
        let id = id.to_string();
        let mut segments = vec!["api", "v1", "admin", "dead-letters", &id];
        segments.extend(below);
        self.http().request(method, &segments)
    }
}
