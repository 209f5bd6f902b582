//! Records of books as the scripts write them into the outbox: the other end of their part "book".

use domain::book::{Book, BookFact, StepKind, Stepped};
use domain::{EventId, Millis};
use serde::de::DeserializeOwned;

use crate::connect::StoreError;
use crate::follow::Entry;
use crate::script::{tag, tags};

/// Reads the entry of a book that was made or changed.
pub(crate) fn changed(book: &EventId, entry: &Entry) -> Result<BookFact, StoreError> {
    Ok(BookFact::Changed(Book {
        book: book.clone(),
        rules: json(&entry.text("rules")?)?,
    }))
}

/// Reads the entry of codes that came.
pub(crate) fn codes_added(entry: &Entry) -> Result<BookFact, StoreError> {
    Ok(BookFact::CodesAdded(json(&entry.text("codes")?)?))
}

/// Reads the entry of a step.
pub(crate) fn stepped(entry: &Entry) -> Result<BookFact, StoreError> {
    tags!(Kind {
        Assigned = "assigned",
        Locked = "locked",
        Unlocked = "unlocked",
        Redeemed = "redeemed",
        Cancelled = "cancelled",
    });
    let step = match tag(&entry.text("step")?)? {
        Kind::Assigned => StepKind::Assigned,
        Kind::Locked => StepKind::Locked,
        Kind::Unlocked => StepKind::Unlocked,
        Kind::Redeemed => StepKind::Redeemed,
        Kind::Cancelled => StepKind::Cancelled,
    };
    let metadata = entry.text("metadata")?;
    let until: i64 = entry.parse("until")?;
    Ok(BookFact::Stepped(Stepped {
        code: entry.text("code")?,
        holder: entry.parse("holder")?,
        step,
        from: entry.parse("from")?,
        to: entry.parse("to")?,
        by: entry.text("by")?,
        redemptions: entry.parse("uses")?,
        locked_until: (until > 0).then_some(Millis(until)),
        metadata: (!metadata.is_empty())
            .then(|| json(&metadata))
            .transpose()?,
    }))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unexpected(error.to_string()))
}
