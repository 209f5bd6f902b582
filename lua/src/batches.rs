//! The calls that are gathered, and how long each kind may gather.

use std::time::Duration;

use crate::assign::{AssignBatch, assign};
use crate::batch::{Batch, Breath};
use crate::books::Assigned;
use crate::connect::Settings;
use crate::coupons::{RedeemBatch, Redeemed, redeem};
use crate::direct::{ClaimBatch, Claimed, claim};
use crate::door::Door;
use crate::line::{EnterBatch, LookBatch, WhoseBatch, enter, look, whose};

/// How long looks of connections are gathered: at three thousand in a second, sixty in one call.
const LOOKS: Duration = Duration::from_millis(20);
/// How long those who want coupons are gathered while a crowd is given some: each such call is a write to Redis's disk, and those who
/// were answered together come back together. A few at a time wait for nothing, nor does whoever hears that none is left.
const COUPONS: Duration = Duration::from_millis(3);
/// A crowd is so many.
const CROWD: usize = 16;

/// One of each kind.
pub(crate) struct Batches {
    pub(crate) enter: EnterBatch,
    pub(crate) look: LookBatch,
    /// Looks of connections, which come back in crowds.
    pub(crate) watch: LookBatch,
    pub(crate) whose: WhoseBatch,
    /// The same of connections.
    pub(crate) watchers: WhoseBatch,
    pub(crate) redeem: RedeemBatch,
    pub(crate) claim: ClaimBatch,
    pub(crate) assign: AssignBatch,
}

impl Batches {
    /// Nothing is under way.
    pub(crate) fn new(door: &Door, settings: &Settings) -> Self {
        let passed = coupons(|told| matches!(told, Redeemed::Pass(_)));
        let claimed = coupons(|told| matches!(told, Claimed::Claimed { .. }));
        let assigned = coupons(|told| matches!(told, Ok(Assigned::Assigned { .. })));
        Self {
            enter: Batch::of(door, settings, Breath::NONE, enter),
            look: Batch::of(door, settings, Breath::NONE, look),
            watch: Batch::of(door, settings, looks(), look),
            whose: Batch::of(door, settings, Breath::NONE, whose),
            watchers: Batch::of(door, settings, looks(), whose),
            redeem: Batch::of(door, settings, passed, redeem),
            claim: Batch::of(door, settings, claimed, claim),
            assign: Batch::of(door, settings, assigned, assign),
        }
    }
}

/// Gathers looks of connections.
fn looks<A>() -> Breath<A> {
    Breath {
        lasts: LOOKS,
        after: 1,
        counts: |_| true,
    }
}

/// Gathers those who want coupons; `counts` tells who was given one.
fn coupons<A>(counts: fn(&A) -> bool) -> Breath<A> {
    Breath {
        lasts: COUPONS,
        after: CROWD,
        counts,
    }
}
