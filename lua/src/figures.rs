//! The live figures of an event.

use domain::EventId;

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{script, tags};
use crate::waits::Waits;

script!(FIGURES = "figures");

/// The live figures of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// People in the line, those passed over included; 0 once the line has ended.
    pub waiting: u64,
    /// All ever let in.
    pub admitted: u64,
    /// Those with a live ticket not yet redeemed.
    pub outstanding: u64,
    /// Coupons issued.
    pub redeemed: u64,
    /// People let go because their ticket ended unused, or because they were absent for too long.
    pub no_shows: u64,
    /// Visitors who left.
    pub left: u64,
    /// All coupons the event ever had.
    pub total: u64,
    /// Those not yet issued.
    pub remaining: u64,
    /// Records in the outbox that the log has not acknowledged.
    pub outbox_lag: u64,
    /// Records that the ledger has not committed.
    pub ledger_lag: u64,
    /// Whether the time left came true, as far as the gateways have told.
    pub waits: Waits,
}

impl Store {
    /// The live figures of an event; `None` when there is no such event.
    pub async fn figures(&self, event: &EventId) -> Result<Option<Figures>, StoreError> {
        tags!(Outcome { Figures = "figures", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let mut reply = FIGURES
            .keys([
                keys.event(),
                keys.counts(),
                keys.stock(),
                keys.places(),
                keys.outstanding(),
                keys.acked(),
                keys.grace(),
            ])
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::NoSuchEvent => None,
            Outcome::Figures => Some(Figures {
                waiting: reply.take()?,
                admitted: reply.take()?,
                outstanding: reply.take()?,
                redeemed: reply.take()?,
                no_shows: reply.take()?,
                left: reply.take()?,
                total: reply.take()?,
                remaining: reply.take()?,
                outbox_lag: reply.take()?,
                ledger_lag: reply.take()?,
                waits: Waits {
                    all: reply.take()?,
                    in_range: reply.take()?,
                },
            }),
        })
    }
}
