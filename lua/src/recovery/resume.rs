//! Letting events go on that have lost nothing that anybody knows of.

use domain::EventId;

use super::{GAP, RESUME_EVENT, Recovery, not_ours};
use crate::connect::StoreError;
use crate::keys::{self, EVENTS, Keys};
use crate::script::{parsed, tags};

impl Recovery {
    /// The events and books that this Redis knows.
    pub async fn events(&mut self) -> Result<Vec<EventId>, StoreError> {
        let held: Vec<String> = redis::cmd("SMEMBERS")
            .arg(EVENTS)
            .query_async(&mut self.connection)
            .await?;
        held.iter().map(|id| parsed(id)).collect()
    }

    /// Lets an event, or a book, that was not put back go on in a new epoch: of what it counts from here on nothing was ever told.
    pub async fn resume(&mut self, event: &EventId, epoch: u64) -> Result<(), StoreError> {
        tags!(Outcome { Resumed = "resumed", NotOurs = "not-ours" });
        self.hold().await?;
        let keys = Keys::of(event);
        let mut reply = RESUME_EVENT
            .keys([
                keys::lease("recovery"),
                keys.event(),
                keys.counts(),
                keys.acked(),
                keys.moves(),
                keys.seq(),
                keys.book(),
            ])
            .arg(self.owner.as_str())
            .arg(&[epoch, GAP])
            .run_on(&mut self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Resumed => Ok(()),
            Outcome::NotOurs => Err(not_ours()),
        }
    }
}
