//! What is remembered of Redis from one comparison to the next: the coupons of events that stood alike everywhere and in which
//! nothing was issued since, by the same Redis. They are not read again, so that a comparison that never ends costs Redis
//! little while nothing happens; of events that were at rest and of which nothing was heard since, nothing is asked at all.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use domain::{EventId, Serial};
use lua::{Figures, Watermarks};
use tokio::time::Instant;

use super::digest::Digest;
use super::found::{Found, Lens, Station};
use super::report::{EventReport, Standing};

/// For how long something is believed that was read of Redis, at most: what somebody changes there by hand is noticed by the next
/// comparison after that, within ten minutes.
const BELIEVED: Duration = Duration::from_mins(8);

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

/// An event that stood alike everywhere, as Redis held it.
#[derive(Debug)]
pub(super) struct Quiet {
    reading: Reading,
    /// Those up to here by their hash.
    settled: Serial,
    digest: Digest,
    /// Those above, with the ordinals of their records.
    open: Vec<(Serial, Standing, u64)>,
    /// Where the stations stood, and what Redis counted.
    marks: Watermarks,
    figures: Option<Figures>,
    /// It was at rest: nothing waited in its outbox.
    is_at_rest: bool,
}

impl Quiet {
    /// What is found of it, before anything is read.
    pub(super) fn found(&self, has_log: bool) -> Found {
        Found {
            before: self.marks,
            after: self.marks,
            figures: self.figures.map(|figures| (figures, figures)),
            ..Found::new(Lens::Above(self.settled), has_log)
        }
    }

    /// Shows its coupons as if they had been read.
    pub(super) fn show(self, found: &mut Found) {
        found.redis = self.digest;
        for (serial, standing, ordinal) in self.open {
            found.see(Station::Redis, serial, standing);
            found.coupons.entry(serial).or_default().ordinal = ordinal;
        }
        found.reading = Some(self.reading);
    }

    /// Is it too long ago?
    fn is_old(&self, event: &EventId) -> bool {
        self.reading.at.elapsed() >= believed(event)
    }
}

/// For how long a reading of an event is believed: each for another time, so that a thousand are not read at once.
pub(super) fn believed(event: &EventId) -> Duration {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    let later = u32::try_from(hasher.finish() % 1_000).unwrap_or(0);
    BELIEVED * 3 / 4 + BELIEVED / 4 * later / 1_000
}

impl RedisMemory {
    /// Takes out those of the events that were at rest when they were read, which was not too long ago, and by this Redis.
    pub(super) fn at_rest(
        &mut self,
        events: &BTreeSet<EventId>,
        incarnation: u64,
    ) -> HashMap<EventId, Quiet> {
        let is_at_rest = |event: &EventId, quiet: &mut Quiet| {
            quiet.is_at_rest
                && quiet.reading.mark.incarnation == incarnation
                && !quiet.is_old(event)
                && events.contains(event)
        };
        self.events.extract_if(is_at_rest).collect()
    }

    /// Something happened in an event.
    pub(super) fn stir(&mut self, event: &EventId) {
        if let Some(quiet) = self.events.get_mut(event) {
            quiet.is_at_rest = false;
        }
    }

    /// Is anything remembered of an event, from not too long ago?
    pub(super) fn remembers(&self, event: &EventId) -> bool {
        let quiet = self.events.get(event);
        quiet.is_some_and(|quiet| !quiet.is_old(event))
    }

    /// Shows what is remembered of an event as if it had been read; false when it has to be read.
    pub(super) fn show(&mut self, event: &EventId, mark: Mark, found: &mut Found) -> bool {
        let Some(quiet) = self
            .events
            .remove(event)
            .filter(|quiet| !quiet.is_old(event))
        else {
            return false;
        };
        let Lens::Above(settled) = found.lens else {
            return false;
        };
        if quiet.reading.mark != mark || quiet.settled != settled {
            return false;
        }
        quiet.show(found);
        true
    }

    /// Remembers an event that stood alike everywhere, unless coupons were issued while it was looked at: `open` is what was
    /// looked at one by one.
    pub(super) fn keep(
        &mut self,
        report: &EventReport,
        found: Found,
        open: Vec<(Serial, Standing, u64)>,
    ) {
        let stood_alike = report.unexplained == 0 && report.differences.is_empty();
        let figures = found.figures.map(|(_, after)| after);
        let issued = figures.map_or(0, |figures| figures.redeemed);
        if let (true, Some(reading), Lens::Above(settled)) =
            (stood_alike, found.reading, &found.lens)
            && reading.mark.issued == issued
        {
            let quiet = Quiet {
                reading,
                settled: *settled,
                digest: found.redis,
                open,
                marks: found.after,
                figures,
                is_at_rest: found.waiting.is_empty(),
            };
            self.events.insert(report.event.clone(), quiet);
        }
    }
}
