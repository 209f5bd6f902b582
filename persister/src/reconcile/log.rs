//! What is remembered of the log from one comparison to the next. Nothing in it ever changes, so only what is new is read.

use std::collections::{BTreeMap, HashMap};

use domain::record::{Fact, Fences, Record};
use domain::{EventId, Serial};
use kafka::{LogError, Progress, Settings, records_since};

use super::digest::Digest;
use super::report::Standing;

/// What is known of the log: nothing at first.
#[derive(Debug, Default)]
pub struct LogMemory {
    progress: Progress,
    /// What came too late for one is no coupon.
    fences: Fences,
    events: HashMap<EventId, Remembered>,
}

/// One event's coupons in the log.
#[derive(Debug, Default)]
struct Remembered {
    /// Those up to `settled`, by their hash.
    digest: Digest,
    settled: Serial,
    /// Those above.
    open: BTreeMap<Serial, Vec<Standing>>,
}

/// The coupon that a record tells of, if it tells of one.
pub(super) fn told(record: &Record) -> Option<(Serial, Standing)> {
    let Fact::Issued { coupon, holder } = &record.fact else {
        return None;
    };
    let standing = Standing {
        code: coupon.code.clone(),
        holder: holder.to_string(),
        record_id: record.id.to_string(),
        issued_at: record.time,
    };
    Some((coupon.serial, standing))
}

impl LogMemory {
    /// Reads what is new in the log. A log that was made anew is read from its beginning.
    pub(super) async fn read_on(&mut self, settings: &Settings) -> Result<(), LogError> {
        let mut progress = std::mem::take(&mut self.progress);
        let (events, fences) = (&mut self.events, &mut self.fences);
        let read = records_since(settings, &mut progress, |_, payload| {
            let Ok(record) = Record::from_json(payload) else {
                return;
            };
            if fences.bar(&record).is_none()
                && let Some((serial, standing)) = told(&record)
            {
                events
                    .entry(record.event)
                    .or_default()
                    .add(serial, standing);
            }
        });
        match read.await {
            Ok(()) => {
                self.progress = progress;
                Ok(())
            }
            Err(error) => {
                // What was read of it is forgotten, or the next time would count it twice.
                self.events.clear();
                self.fences = Fences::default();
                Err(error)
            }
        }
    }

    /// Up to where an event's coupons are known by their hash alone.
    pub(super) fn settled(&self, event: &EventId) -> Serial {
        self.events
            .get(event)
            .map_or(Serial(0), |held| held.settled)
    }

    /// From here on an event's coupons up to `settled` are known by their hash alone. Gives those above.
    pub(super) fn settle(
        &mut self,
        event: &EventId,
        settled: Serial,
    ) -> impl Iterator<Item = (Serial, &Standing)> {
        let held = self.events.entry(event.clone()).or_default();
        if settled > held.settled {
            let above = held.open.split_off(&Serial(settled.0.saturating_add(1)));
            for (serial, standings) in std::mem::replace(&mut held.open, above) {
                for standing in standings {
                    held.digest.add(serial, &standing);
                }
            }
            held.settled = settled;
        }
        let open = held.open.iter();
        open.flat_map(|(serial, held)| held.iter().map(move |standing| (*serial, standing)))
    }

    /// The hashes of an event's coupons.
    pub(super) fn digest(&self, event: &EventId) -> Option<&Digest> {
        self.events.get(event).map(|held| &held.digest)
    }
}

impl Remembered {
    fn add(&mut self, serial: Serial, standing: Standing) {
        if serial <= self.settled {
            self.digest.add(serial, &standing);
            return;
        }
        let held = self.open.entry(serial).or_default();
        if !held.contains(&standing) {
            held.push(standing);
        }
    }
}
