//! What the stations were seen to hold of one event.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::{RecordId, Serial};
use ledger::RowCount;
use lua::{Figures, Watermarks};

use super::digest::{Digest, bucket_of};
use super::quiet::Reading;
use super::report::{Cause, Standing};

/// Where something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Station {
    Redis,
    Log,
    Ledger,
}

/// How closely it is looked at.
#[derive(Debug)]
pub(super) enum Lens {
    /// Coupons above this serial one by one, the others by their hash.
    Above(Serial),
    /// The coupons of these buckets one by one, no others.
    In(BTreeSet<u64>),
}

/// A coupon at the three stations; each holds one, or it contradicts itself.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) redis: Vec<Standing>,
    pub(super) log: Vec<Standing>,
    pub(super) ledger: Vec<Standing>,
    /// Its record's ordinal, by Redis.
    pub(super) ordinal: u64,
}

/// What was found of one event.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) lens: Lens,
    /// Those that are looked at one by one.
    pub(super) coupons: BTreeMap<Serial, Seen>,
    /// Those that are looked at by their hash.
    pub(super) redis: Digest,
    pub(super) ledger: Digest,
    /// Is the log a station of its own? Without Kafka it is what the ledger and the outbox hold.
    pub(super) has_log: bool,
    /// How far the stations had come before the first was read.
    pub(super) before: Watermarks,
    /// The ordinals that still waited in the outbox after the last was read.
    pub(super) waiting: HashSet<u64>,
    /// How far the stations had come after that.
    pub(super) after: Watermarks,
    /// Records that are known not to have become rows.
    pub(super) refused: HashMap<RecordId, Cause>,
    /// What Redis counted before and after, where it knows the event.
    pub(super) figures: Option<(Figures, Figures)>,
    pub(super) rows: RowCount,
    /// When Redis was read, unless coupons were issued meanwhile.
    pub(super) reading: Option<Reading>,
}

impl Seen {
    pub(super) fn at(&mut self, station: Station) -> &mut Vec<Standing> {
        match station {
            Station::Redis => &mut self.redis,
            Station::Log => &mut self.log,
            Station::Ledger => &mut self.ledger,
        }
    }
}

impl Found {
    pub(super) fn new(lens: Lens, has_log: bool) -> Self {
        Self {
            lens,
            has_log,
            coupons: BTreeMap::new(),
            redis: Digest::default(),
            ledger: Digest::default(),
            before: Watermarks::default(),
            waiting: HashSet::new(),
            after: Watermarks::default(),
            refused: HashMap::new(),
            figures: None,
            rows: RowCount::default(),
            reading: None,
        }
    }

    /// What Redis holds of those that are looked at one by one, with the ordinals of their records.
    pub(super) fn open(&self) -> Vec<(Serial, Standing, u64)> {
        let each = self.coupons.iter().flat_map(|(serial, seen)| {
            let held = seen.redis.iter();
            held.map(|standing| (*serial, standing.clone(), seen.ordinal))
        });
        each.collect()
    }

    /// The buckets that a second look was for.
    pub(super) fn suspected(&self) -> BTreeSet<u64> {
        match &self.lens {
            Lens::Above(_) => BTreeSet::new(),
            Lens::In(buckets) => buckets.clone(),
        }
    }

    /// Takes note of a coupon; the same seen again is no news.
    pub(super) fn see(&mut self, station: Station, serial: Serial, standing: Standing) {
        match &self.lens {
            Lens::Above(settled) if serial <= *settled => match station {
                Station::Redis => self.redis.add(serial, &standing),
                Station::Ledger => self.ledger.add(serial, &standing),
                // The log's own hashes are remembered from one comparison to the next.
                Station::Log => {}
            },
            Lens::In(buckets) if !buckets.contains(&bucket_of(serial)) => {}
            Lens::Above(_) | Lens::In(_) => {
                let held = self.coupons.entry(serial).or_default().at(station);
                if !held.contains(&standing) {
                    held.push(standing);
                }
            }
        }
    }
}
