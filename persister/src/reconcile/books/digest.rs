//! The codes of a book as one hash for each of some thousand buckets: enough to tell in which of them two stations differ, in a
//! megabyte however many codes there are.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use domain::set_hash::{Member, SetHash};

use super::standing::CodeStanding;

/// Among how many buckets codes are parted.
const BUCKETS: u64 = 16_384;

/// A code, or how one stands, in eight bytes.
pub(super) type Print = NonZeroU64;

/// What a station holds of a book.
#[derive(Debug, Default)]
pub(super) struct BookDigest {
    buckets: BTreeMap<u64, (SetHash, u32)>,
    /// How many codes were added.
    pub(super) codes: u64,
}

/// The print of a code.
pub(super) fn print_of(code: &str) -> Print {
    Member::of(&[code]).print()
}

/// The bucket that a code is in.
pub(super) fn bucket_of(code: Print) -> u64 {
    code.get() % BUCKETS
}

/// A code and how it stands, for a hash.
pub(super) fn member(code: &str, standing: &CodeStanding) -> Member {
    let moment = |at: Option<domain::Millis>| at.map_or(String::new(), |at| at.0.to_string());
    Member::of(&[
        code,
        standing.state.as_str(),
        standing.holder.as_deref().unwrap_or_default(),
        &moment(standing.assigned_at),
        &moment(standing.locked_until),
        &standing.redemptions.to_string(),
    ])
}

impl BookDigest {
    /// Adds a code. One that is added twice counts twice.
    pub(super) fn add(&mut self, code: &str, standing: &CodeStanding) {
        let (hash, count) = self.buckets.entry(bucket_of(print_of(code))).or_default();
        hash.add(member(code, standing));
        *count += 1;
        self.codes += 1;
    }

    /// The buckets that differ.
    pub(super) fn differing(&self, other: &Self) -> BTreeSet<u64> {
        let all = self.buckets.keys().chain(other.buckets.keys());
        all.filter(|bucket| self.buckets.get(bucket) != other.buckets.get(bucket))
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_tells_a_lost_an_altered_and_a_doubled_code_in_any_order() {
        let digest = |codes: &[(&str, u32)]| {
            let mut digest = BookDigest::default();
            for (code, redemptions) in codes {
                let standing = CodeStanding {
                    redemptions: *redemptions,
                    ..CodeStanding::FREE
                };
                digest.add(code, &standing);
            }
            digest
        };
        let held = digest(&[("A", 0), ("B", 1), ("C", 0)]);
        let same = digest(&[("C", 0), ("A", 0), ("B", 1)]);
        assert!(held.differing(&same).is_empty());
        assert_eq!(same.codes, 3);
        let only_b = [bucket_of(print_of("B"))].into();
        for other in [
            digest(&[("A", 0), ("C", 0)]),
            digest(&[("A", 0), ("B", 2), ("C", 0)]),
            digest(&[("A", 0), ("B", 1), ("B", 1), ("C", 0)]),
        ] {
            assert_eq!(held.differing(&other), only_b);
            assert_eq!(other.differing(&held), only_b);
        }
    }
}
