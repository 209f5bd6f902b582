//! Live changes of an event: its pace, its phase, its stock.

use domain::event::{AdmissionChange, MOST_STOCK};
use domain::once::Once;
use domain::phase::PhaseMove;
use domain::{EventId, Phase};

use crate::connect::{Store, StoreError};
use crate::events::{Change, LiveEvent, every_change_keys, given, live_event};
use crate::keys::Keys;
use crate::script::{script, tags};

script!(
    SET_ADMISSION = "set_admission",
    "clock",
    "moves",
    "records",
    "pace",
    "event"
);
script!(
    MOVE_PHASE = "move_phase",
    "clock",
    "moves",
    "records",
    "pace",
    "event"
);
script!(
    once ADD_STOCK = "add_stock",
    "clock",
    "moves",
    "records",
    "pace",
    "event"
);

/// What became of a change to the pace or the phase.
#[expect(
    clippy::large_enum_variant,
    reason = "made once for an ops call and never kept"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum SetOutcome {
    /// The event as it now stands.
    Set(LiveEvent),
    /// The life of an event has no such move.
    Refused(PhaseMove),
    /// There is no such event.
    NoSuchEvent,
}

/// What became of adding stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockOutcome {
    /// The stock as it now stands.
    Added {
        /// All coupons the event ever had.
        total: u64,
        /// Those not yet issued.
        remaining: u64,
    },
    /// The event would hold more than an event may.
    TooMuch,
    /// The event issues the given codes of its book, which are its stock.
    GivenCodes,
    /// Something else was asked under the same idempotency key before.
    Mismatch,
    /// There is no such event.
    NoSuchEvent,
}

impl Store {
    /// Sets what is given of the pace, whose ranges the caller checked; what is left out stays, also when somebody else
    /// changes it at the same moment. In force for the next admission in every replica.
    pub async fn change_admission(
        &self,
        event: &EventId,
        admission: AdmissionChange,
        change: Change<'_>,
    ) -> Result<SetOutcome, StoreError> {
        tags!(Outcome { Set = "set", NoSuchEvent = "no-such-event" });
        let keys = Keys::of(event);
        let mut reply = SET_ADMISSION
            .keys([
                keys.event(),
                keys.counts(),
                keys.stock(),
                keys.seq(),
                keys.moves(),
                keys.pace(),
                keys.outbox(),
                keys.audit(),
            ])
            .arg(change.by)
            .arg(given(admission.rate_per_s))
            .arg(given(admission.capacity))
            .arg(given(admission.ticket_ttl_s))
            .arg(given(admission.ramp_s))
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Set => live_event(event, reply).map(SetOutcome::Set),
            Outcome::NoSuchEvent => Ok(SetOutcome::NoSuchEvent),
        }
    }

    /// Moves the event to `phase`, checking the move in the same step.
    pub async fn move_phase(
        &self,
        event: &EventId,
        phase: Phase,
        change: Change<'_>,
    ) -> Result<SetOutcome, StoreError> {
        tags!(Outcome { Set = "set", Refused = "refused", NoSuchEvent = "no-such-event" });
        let before = Phase::ALL
            .iter()
            .filter(|from| from.allowed().contains(&phase));
        let mut call = MOVE_PHASE
            .keys(every_change_keys(&Keys::of(event)))
            .arg(change.by)
            .arg(phase.as_str());
        for from in before {
            call = call.arg(from.as_str());
        }
        let mut reply = call.run(&self.door).await?;
        Ok(match reply.tag()? {
            Outcome::Set => SetOutcome::Set(live_event(event, reply)?),
            Outcome::Refused => SetOutcome::Refused(PhaseMove {
                from: reply.parse()?,
                to: phase,
            }),
            Outcome::NoSuchEvent => SetOutcome::NoSuchEvent,
        })
    }

    /// Adds coupons.
    pub async fn add_stock(
        &self,
        event: &EventId,
        add: u64,
        change: Change<'_>,
    ) -> Result<StockOutcome, StoreError> {
        self.add_stock_once(event, add, change, None).await
    }

    /// Adds coupons, not twice for one idempotency key.
    pub async fn add_stock_once(
        &self,
        event: &EventId,
        add: u64,
        change: Change<'_>,
        once: Option<&Once>,
    ) -> Result<StockOutcome, StoreError> {
        tags!(Outcome {
            Added = "added",
            TooMuch = "too-much",
            GivenCodes = "given-codes",
            NoSuchEvent = "no-such-event",
            Mismatch = "once-mismatch",
        });
        let keys = Keys::of(event);
        let mut reply = ADD_STOCK
            .keys([
                keys.event(),
                keys.counts(),
                keys.stock(),
                keys.seq(),
                keys.moves(),
                keys.outbox(),
                keys.audit(),
            ])
            .arg(change.by)
            .arg(add)
            .arg(MOST_STOCK)
            .once(&keys, once)
            .run(&self.door)
            .await?;
        Ok(match reply.tag()? {
            Outcome::Added => StockOutcome::Added {
                total: reply.take()?,
                remaining: reply.take()?,
            },
            Outcome::TooMuch => StockOutcome::TooMuch,
            Outcome::GivenCodes => StockOutcome::GivenCodes,
            Outcome::Mismatch => StockOutcome::Mismatch,
            Outcome::NoSuchEvent => StockOutcome::NoSuchEvent,
        })
    }
}
