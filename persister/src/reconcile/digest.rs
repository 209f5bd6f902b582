//! What a station holds, as one hash per thousand serials: enough to tell where two stations differ, at a hundredth of the
//! memory that the coupons themselves would take.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use domain::Serial;
use domain::set_hash::{Member, SetHash};

use super::report::Standing;

/// How many serials share a hash.
const SERIALS: u64 = 1_000;

/// The hashes of a station, by their number.
#[derive(Debug, Default)]
pub(super) struct Digest {
    buckets: BTreeMap<u64, Bucket>,
}

/// The coupons of a thousand serials.
#[derive(Debug, Default)]
struct Bucket {
    hash: SetHash,
    coupons: u64,
    /// What was seen of each serial, so that one that is told twice counts once.
    seen: BTreeMap<u16, NonZeroU64>,
    /// A serial was told of two coupons that differ.
    contradicts_itself: bool,
}

/// The bucket that a serial is in.
pub(super) fn bucket_of(serial: Serial) -> u64 {
    serial.0.saturating_sub(1) / SERIALS
}

/// The serials of a bucket: the one before its first, and its last.
pub(super) fn bounds(bucket: u64) -> (Serial, Serial) {
    let before = bucket.saturating_mul(SERIALS);
    (Serial(before), Serial(before.saturating_add(SERIALS)))
}

/// The last serial of the last bucket that is full when this many coupons are issued.
pub(super) fn full(issued: u64) -> Serial {
    Serial(issued / SERIALS * SERIALS)
}

impl Digest {
    /// Adds a coupon; telling it again changes nothing.
    pub(super) fn add(&mut self, serial: Serial, standing: &Standing) {
        let (number, issued_at) = (serial.0.to_string(), standing.issued_at.0.to_string());
        let Standing {
            code,
            holder,
            record_id,
            ..
        } = standing;
        let member = Member::of(&[&number, code, holder, record_id, &issued_at]);
        let bucket = self.buckets.entry(bucket_of(serial)).or_default();
        let slot = u16::try_from(serial.0 % SERIALS).unwrap_or_default();
        if let Some(seen) = bucket.seen.get(&slot) {
            bucket.contradicts_itself |= *seen != member.print();
        } else {
            bucket.seen.insert(slot, member.print());
            bucket.hash.add(member);
            bucket.coupons += 1;
        }
    }

    /// The buckets that either has.
    pub(super) fn buckets<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u64> + 'a {
        let theirs = other
            .buckets
            .keys()
            .filter(|n| !self.buckets.contains_key(n));
        self.buckets.keys().chain(theirs).copied()
    }

    /// Do both hold the same coupons in a bucket?
    pub(super) fn agrees(&self, other: &Self, bucket: u64) -> bool {
        match (self.buckets.get(&bucket), other.buckets.get(&bucket)) {
            (Some(one), Some(other)) => {
                one.hash == other.hash
                    && one.coupons == other.coupons
                    && !one.contradicts_itself
                    && !other.contradicts_itself
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// How many coupons a bucket holds.
    pub(super) fn coupons(&self, bucket: u64) -> u64 {
        self.buckets.get(&bucket).map_or(0, |bucket| bucket.coupons)
    }
}

#[cfg(test)]
mod tests {
    use domain::Millis;

    use super::*;

    fn standing(code: &str) -> Standing {
        Standing {
            code: code.to_owned(),
            holder: "me".to_owned(),
            record_id: "demo:1:1".to_owned(),
            issued_at: Millis(0),
        }
    }

    #[test]
    fn a_bucket_tells_a_lost_an_altered_and_a_doubled_coupon_and_no_repetition() {
        let digest = |coupons: &[(u64, &str)]| {
            let mut digest = Digest::default();
            for (serial, code) in coupons {
                digest.add(Serial(*serial), &standing(code));
            }
            digest
        };
        let held = digest(&[(1, "A"), (1_000, "B"), (1_001, "C")]);
        let same = digest(&[(1_001, "C"), (1_000, "B"), (1, "A"), (1, "A")]);
        assert!(held.agrees(&same, 0) && held.agrees(&same, 1) && held.agrees(&same, 2));
        assert_eq!((same.coupons(0), same.coupons(1)), (2, 1));
        for other in [
            digest(&[(1, "A"), (1_001, "C")]),
            digest(&[(1, "X"), (1_000, "B"), (1_001, "C")]),
            digest(&[(1, "A"), (1, "X"), (1_000, "B"), (1_001, "C")]),
        ] {
            assert!(!held.agrees(&other, 0) && held.agrees(&other, 1));
        }
        assert_eq!(bounds(bucket_of(Serial(1_000))), (Serial(0), Serial(1_000)));
        assert_eq!((full(999), full(2_500)), (Serial(0), Serial(2_000)));
    }
}
