//! What is remembered of Redis from one comparison to the next: the coupons of events that stood alike everywhere and in which
//! nothing was issued since, by the same Redis. They are not read again, so that a comparison that never ends costs Redis
//! little while nothing happens.

use std::collections::HashMap;
use std::time::Duration;

use domain::{EventId, Serial};
use tokio::time::Instant;

use super::digest::Digest;
use super::found::{Found, Lens, Station};
use super::report::{EventReport, Standing};

/// For how long something is believed that was read of Redis: what somebody changes there by hand is noticed by then.
const BELIEVED: Duration = Duration::from_mins(10);

/// For as long as this is the same, an event's coupons in Redis are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The Redis that was recognised; one that was restarted or put back is another.
    pub(super) incarnation: u64,
    /// How many coupons it has issued in the event.
    pub(super) issued: u64,
}

/// When an event was read, and where it stood then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) mark: Mark,
    pub(super) at: Instant,
}

/// The coupons of quiet events, as Redis held them.
#[derive(Debug, Default)]
pub(super) struct RedisMemory {
    events: HashMap<EventId, Quiet>,
}

#[derive(Debug)]
struct Quiet {
    reading: Reading,
    /// Those up to here by their hash.
    settled: Serial,
    digest: Digest,
    /// Those above, with the ordinals of their records.
    open: Vec<(Serial, Standing, u64)>,
}

impl RedisMemory {
    /// Shows what is remembered of an event as if it had been read; false when it has to be read.
    pub(super) fn show(&mut self, event: &EventId, mark: Mark, found: &mut Found) -> bool {
        let Some(quiet) = self.events.remove(event) else {
            return false;
        };
        let Lens::Above(settled) = found.lens else {
            return false;
        };
        let is_old = quiet.reading.at.elapsed() >= BELIEVED;
        if quiet.reading.mark != mark || quiet.settled != settled || is_old {
            return false;
        }
        found.redis = quiet.digest;
        for (serial, standing, ordinal) in quiet.open {
            found.see(Station::Redis, serial, standing);
            found.coupons.entry(serial).or_default().ordinal = ordinal;
        }
        found.reading = Some(quiet.reading);
        true
    }

    /// Remembers an event that stood alike everywhere: `open` is what was looked at one by one.
    pub(super) fn keep(
        &mut self,
        report: &EventReport,
        found: Found,
        open: Vec<(Serial, Standing, u64)>,
    ) {
        let stood_alike = report.unexplained == 0 && report.differences.is_empty();
        if let (true, Some(reading), Lens::Above(settled)) =
            (stood_alike, found.reading, &found.lens)
        {
            let quiet = Quiet {
                reading,
                settled: *settled,
                digest: found.redis,
                open,
            };
            self.events.insert(report.event.clone(), quiet);
        }
    }
}
