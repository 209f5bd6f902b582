//! Fences in the log. When Redis may have forgotten something, a fence ends the epochs before it: what comes behind it from one
//! of them was sent by somebody who did not know, and counts no more. What Redis still had goes on as it was.

use std::collections::HashMap;

use super::{Fact, Record};
use crate::clock::Millis;
use crate::ids::{EventId, RecordId};

/// The end of the epochs before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The epoch that begins behind it.
    pub epoch: u64,
    /// The records up to this ordinal were still known: they count wherever they stand.
    pub kept: u64,
}

impl Fence {
    /// The fence that a record is, if it is one.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let Fact::Fenced { kept } = record.fact else {
            return None;
        };
        let (epoch, _) = record.id.epoch_and_ordinal()?;
        Some(Self { epoch, kept })
    }

    /// This fence of `event` as a record. It has no ordinal: it was never in the outbox.
    #[must_use]
    pub fn record(self, event: &EventId, time: Millis) -> Record {
        Record {
            id: self.id(event),
            event: event.clone(),
            ordinal: 0,
            time,
            fact: Fact::Fenced { kept: self.kept },
        }
    }

    /// The id of its record.
    #[must_use]
    pub fn id(self, event: &EventId) -> RecordId {
        RecordId::new(event, self.epoch, 0)
    }

    fn bars(self, record: &Record) -> bool {
        let id = record.id.epoch_and_ordinal();
        id.is_some_and(|(epoch, _)| epoch < self.epoch && record.ordinal > self.kept)
    }
}

/// The fences of a log, as far as it was read.
#[derive(Debug, Default)]
pub struct Fences(HashMap<EventId, Vec<Fence>>);

impl Fences {
    /// Takes note of a fence.
    pub fn add(&mut self, event: &EventId, fence: Fence) {
        self.0.entry(event.clone()).or_default().push(fence);
    }

    /// The fence that the log's next record is too late for, if there is one. Takes note of a record that is a fence.
    pub fn bar(&mut self, record: &Record) -> Option<Fence> {
        if let Some(fence) = Fence::of(record) {
            self.add(&record.event, fence);
            return None;
        }
        let fences = self.0.get(&record.event)?;
        fences.iter().copied().find(|fence| fence.bars(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_fence_an_earlier_epoch_counts_only_as_far_as_redis_had_it() {
        let event: EventId = "demo".parse().unwrap();
        let record = |event: &EventId, epoch, ordinal| Record {
            id: RecordId::new(event, epoch, ordinal),
            event: event.clone(),
            ordinal,
            time: Millis(0),
            fact: Fact::Fenced { kept: 0 },
        };
        let told = |event: &EventId, epoch, ordinal| Record {
            fact: Fact::Gone {
                reason: crate::place::GoneReason::Left,
                places: vec![],
            },
            ..record(event, epoch, ordinal)
        };
        let mut fences = Fences::default();
        assert_eq!(
            fences.bar(&told(&event, 1, 9)),
            None,
            "there is no fence yet"
        );
        let fence = Fence { epoch: 2, kept: 7 };
        assert_eq!(fences.bar(&fence.record(&event, Millis(0))), None);
        assert_eq!(fences.bar(&told(&event, 1, 7)), None);
        assert_eq!(fences.bar(&told(&event, 1, 8)), Some(fence));
        assert_eq!(fences.bar(&told(&event, 2, 10_008)), None);
        assert_eq!(fences.bar(&told(&"other".parse().unwrap(), 1, 8)), None);
        let of_no_epoch = Record {
            id: RecordId("nobody-knows".to_owned()),
            ..told(&event, 1, 8)
        };
        assert_eq!(fences.bar(&of_no_epoch), None);
        // A later one, raised on a Redis that had come back with less, takes nothing back from the first.
        fences.add(
            &event,
            Fence {
                epoch: 3,
                kept: 20_000,
            },
        );
        assert_eq!(fences.bar(&told(&event, 1, 8)), Some(fence));
        assert_eq!(fences.bar(&told(&event, 2, 10_008)), None);
    }
}
