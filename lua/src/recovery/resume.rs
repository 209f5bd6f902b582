//! Letting events go on that have lost nothing that anybody knows of.

use domain::EventId;

use super::{GAP, RESUME_EVENT, Recovery, not_ours};
use crate::connect::StoreError;
use crate::keys::{EVENTS, Keys};
use crate::script::{parsed, tags};

impl Recovery {
    /// The events and books that this Redis serves, as far as the list names them.
    pub async fn events(&mut self) -> Result<Vec<EventId>, StoreError> {
        let held: Vec<String> = redis::cmd("SMEMBERS")
            .arg(EVENTS)
            .query_async(&mut self.home)
            .await?;
        let mut events: Vec<EventId> =
            held.iter().map(|id| parsed(id)).collect::<Result<_, _>>()?;
        events.retain(|event| self.serves(event));
        Ok(events)
    }

    /// Lets an event, or a book, that was not put back go on in a new epoch: of what it counts from here on nothing was ever told.
    pub async fn resume(&mut self, event: &EventId, epoch: u64) -> Result<(), StoreError> {
        tags!(Outcome { Resumed = "resumed", NotOurs = "not-ours" });
        self.hold().await?;
        let keys = Keys::of(event);
        let mut reply = RESUME_EVENT
            .keys([
                keys.event(),
                keys.counts(),
                keys.acked(),
                keys.moves(),
                keys.seq(),
                keys.book(),
            ])
            .arg(&[epoch, GAP])
            .run_on(&mut self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Resumed => Ok(()),
            Outcome::NotOurs => Err(not_ours()),
        }
    }
}
