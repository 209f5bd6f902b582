//! An event as one reading of it shows it: the same for every visitor until the next reading.

use domain::eta::{self, Eta};
use domain::place::GoneReason;
use domain::{Millis, Phase};
use lua::LiveEvent;

use crate::status::Rendered;

/// One reading of an event.
#[derive(Debug)]
pub struct Document {
    /// Readings are numbered in the order in which they began.
    pub number: u64,
    /// The tick at which it was read.
    pub tick: u64,
    /// The status document, ready to be sent.
    pub status: Rendered,
    live: LiveEvent,
}

impl Document {
    /// What was read, with how many waited then.
    pub fn new(number: u64, tick: u64, live: LiveEvent, waiting: u64) -> Self {
        Self {
            number,
            tick,
            status: Rendered::new(&live, waiting),
            live,
        }
    }

    /// Where the event stands in its life.
    pub fn phase(&self) -> Phase {
        self.live.event.phase
    }

    /// What the organiser calls it.
    pub fn title(&self) -> &str {
        &self.live.event.definition.title
    }

    /// When a lobby opens, if the organiser set a time.
    pub fn opens_at(&self) -> Option<Millis> {
        self.live.event.definition.opens_at
    }

    /// Why everyone in the line was let go, if they were.
    pub fn ended(&self) -> Option<GoneReason> {
        self.live.ended
    }

    /// Is every coupon gone?
    pub fn sold_out(&self) -> bool {
        self.live.remaining == 0
    }

    /// Coupons not yet issued.
    pub fn remaining(&self) -> u64 {
        self.live.remaining
    }

    /// Visitors let in per second, as set.
    pub fn rate_per_s(&self) -> f64 {
        self.live.event.admission.rate_per_s
    }

    /// The time left for somebody at `position`; `None` when nobody is let in.
    pub fn eta(&self, position: u64) -> Option<Eta> {
        if self.phase().admits() && self.ended().is_none() {
            eta::range(position, self.rate_per_s())
        } else {
            None
        }
    }
}
