//! The audit: who changed what of an event, from what, when. The scripts write it in the same step as the change.

use std::collections::HashMap;

use domain::{EventId, Millis};
use serde_json::Value;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::parsed;

/// One line of an event's audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The entry's id, two whole numbers joined by `-`: what `after` names.
    pub id: String,
    /// When, by the store's clock.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// What was done: `created`, `changed`, `admission`, `phase`, `stock`, `draw`, `brake`, `recovered`, `limits`.
    pub action: String,
    /// What it was before, as JSON; of `changed` only the fields that differ, `null` when the event was made.
    pub from: Value,
    /// What it is now, as JSON, likewise.
    pub to: Value,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where to read on, if there is more.
    pub next: Option<String>,
}

impl Store {
    /// A page of the audit, newest first, read on after the entry with the id `after`.
    pub async fn audit(
        &self,
        event: &EventId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.audit_in(&Keys::of(event).audit(), after, limit).await
    }

    /// A page of the audit at `key`.
    pub(crate) async fn audit_in(
        &self,
        key: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let held: Vec<(String, HashMap<String, String>)> = redis::cmd("XREVRANGE")
            .arg(key)
            .arg(after.map_or_else(|| "+".to_owned(), |id| format!("({id}")))
            .arg("-")
            .arg("COUNT")
            .arg(limit.saturating_add(1))
            .query_async(&mut self.connection())
            .await?;
        let more = held.len() > limit;
        let entries = held
            .into_iter()
            .take(limit)
            .map(|(id, fields)| entry(id, fields))
            .collect::<Result<Vec<_>, _>>()?;
        let next = entries.last().filter(|_| more).map(|last| last.id.clone());
        Ok(AuditPage { entries, next })
    }
}

/// Reads an entry; its id begins with its time.
fn entry(id: String, mut fields: HashMap<String, String>) -> Result<AuditEntry, StoreError> {
    let mut take = |name: &str| {
        fields
            .remove(name)
            .ok_or_else(|| StoreError::Unexpected(format!("an audit entry without `{name}`")))
    };
    let json = |text: String| {
        serde_json::from_str(&text).map_err(|error| StoreError::Unexpected(error.to_string()))
    };
    let at = Millis(parsed(id.split('-').next().unwrap_or_default())?);
    let (by, action) = (take("by")?, take("action")?);
    let (mut from, mut to) = (json(take("from")?)?, json(take("to")?)?);
    keep_differing(&mut from, &mut to);
    Ok(AuditEntry {
        id,
        at,
        by,
        action,
        from,
        to,
    })
}

/// Takes away what is the same on both sides.
fn keep_differing(from: &mut Value, to: &mut Value) {
    if let (Value::Object(from), Value::Object(to)) = (from, to) {
        let same: Vec<String> = from
            .iter()
            .filter(|(name, value)| to.get(*name) == Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in same {
            from.remove(&name);
            to.remove(&name);
        }
    }
}
