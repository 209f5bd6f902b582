//! What of an event's definition decides a redemption. It is fixed once the event is past its draft, so it is read once.

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::{AckLevel, Identity};
use domain::pattern::CodePattern;
use domain::{EventId, Phase};
use lua::{Store, StoreError};
use parking_lot::RwLock;

/// Most events whose terms are kept: with `--direct-api open` anybody may make some.
const MOST_KNOWN: usize = 100_000;

/// The terms of an event.
#[derive(Debug, PartialEq, Eq)]
pub struct Terms {
    /// Does it have a line?
    pub line: bool,
    /// Who a visitor is.
    pub identity: Identity,
    /// What a pass waits for.
    pub ack: AckLevel,
    /// What the codes look like.
    pub code_pattern: CodePattern,
}

/// The terms of the events met so far.
pub struct KnownTerms {
    store: Store,
    known: RwLock<HashMap<EventId, Arc<Terms>>>,
}

impl KnownTerms {
    /// None is known yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            known: RwLock::default(),
        }
    }

    /// The terms of an event; `None` when there is no such event.
    pub async fn of(&self, event: &EventId) -> Result<Option<Arc<Terms>>, StoreError> {
        if let Some(known) = self.known.read().get(event) {
            return Ok(Some(known.clone()));
        }
        let Some(live) = self.store.event(event).await? else {
            return Ok(None);
        };
        let terms = Arc::new(Terms {
            line: live.event.definition.line,
            identity: live.event.definition.identity,
            ack: live.event.definition.ack,
            code_pattern: live.event.definition.code_pattern,
        });
        if live.event.phase != Phase::Draft {
            let mut known = self.known.write();
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(event.clone(), terms.clone());
        }
        Ok(Some(terms))
    }

    /// The store says that the event is gone: ask again next time.
    pub fn forget(&self, event: &EventId) {
        self.known.write().remove(event);
    }
}
