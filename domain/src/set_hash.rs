//! Hashes of sets: the same whatever the order in which the members were added, so that two stores that list the same things
//! differently can be compared without holding either list.

use sha2::{Digest as _, Sha256};

/// One member of a set, as 128 bits of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member(u128);

/// The hash of a set: the sum of its members' hashes. A member that is added twice counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetHash(u128);

impl Member {
    /// A member made of `parts`; the same text parted elsewhere is another member.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        Self(u128::from_be_bytes(first))
    }

    /// 64 of its bits, never 0: enough to tell whether a serial was seen as the same coupon before.
    #[must_use]
    pub fn print(self) -> std::num::NonZeroU64 {
        std::num::NonZeroU64::new((self.0 >> 64) as u64).unwrap_or(std::num::NonZeroU64::MIN)
    }
}

impl SetHash {
    /// Adds a member.
    pub fn add(&mut self, member: Member) {
        self.0 = self.0.wrapping_add(member.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(members: &[&[&str]]) -> SetHash {
        let mut hash = SetHash::default();
        for parts in members {
            hash.add(Member::of(parts));
        }
        hash
    }

    #[test]
    fn a_set_has_one_hash_in_any_order_and_any_other_set_another() {
        let one = hash(&[&["1", "A"], &["2", "B"], &["3", "C"]]);
        assert_eq!(one, hash(&[&["3", "C"], &["1", "A"], &["2", "B"]]));
        let others: [&[&[&str]]; 5] = [
            &[&["1", "A"], &["2", "B"]],
            &[&["1", "A"], &["2", "B"], &["3", "D"]],
            &[&["1", "B"], &["2", "A"], &["3", "C"]],
            &[&["1", "A"], &["2", "B"], &["3", "C"], &["3", "C"]],
            &[&["1A", ""], &["2", "B"], &["3", "C"]],
        ];
        for other in others {
            assert_ne!(one, hash(other), "{other:?}");
        }
        assert_ne!(Member::of(&["1"]).print(), Member::of(&["2"]).print());
    }
}
