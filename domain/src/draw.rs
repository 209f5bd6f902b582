//! The draw of a lobby: an order that a seed and the place ids alone decide, so that anybody can work it out again.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::clock::Random;
use crate::ids::PlaceId;

/// What decides a draw: 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

/// A text that is no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seed is 64 hexadecimal digits")]
pub struct NotASeed;

impl Seed {
    /// A seed that nobody can guess.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// The drawn order of `places`, whatever order they come in: ascending by SHA-256 of the seed's 32 bytes followed by
    /// the place id's text. Ids in it twice stay in it twice.
    #[must_use]
    pub fn order(&self, mut places: Vec<PlaceId>) -> Vec<PlaceId> {
        places.sort_by_cached_key(|place| -> [u8; 32] {
            Sha256::new_with_prefix(self.0)
                .chain_update(place.as_str())
                .finalize()
                .into()
        });
        places
    }
}

/// The fingerprint of a drawn order, in hexadecimal: SHA-256 of the place ids, each followed by a line feed.
#[must_use]
pub fn digest(in_order: &[PlaceId]) -> String {
    let mut hasher = Sha256::new();
    for place in in_order {
        hasher.update(place.as_str());
        hasher.update(b"\n");
    }
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for Seed {
    type Err = NotASeed;

    fn from_str(text: &str) -> Result<Self, NotASeed> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotASeed);
        }
        let mut bytes = [0; 32];
        for (nth, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * nth..2 * nth + 2).ok_or(NotASeed)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotASeed)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(n: u64) -> PlaceId {
        format!("{n:021}A").parse().unwrap()
    }

    fn seed(byte: u8) -> Seed {
        Seed([byte; 32])
    }

    #[test]
    fn anybody_can_work_the_order_out_again() {
        let drawn = seed(7).order((1..=4).map(place).collect());
        let by_hand = |n: u64| {
            let text = [[7_u8; 32].as_slice(), place(n).as_str().as_bytes()].concat();
            hex(&Sha256::digest(text))
        };
        let mut expected: Vec<(String, PlaceId)> =
            (1..=4).map(|n| (by_hand(n), place(n))).collect();
        expected.sort();
        let expected: Vec<PlaceId> = expected.into_iter().map(|(_, place)| place).collect();
        assert_eq!(drawn, expected);
        let text = drawn
            .iter()
            .fold(String::new(), |text, place| text + place.as_str() + "\n");
        assert_eq!(digest(&drawn), hex(&Sha256::digest(text)));
    }

    #[test]
    fn everyone_is_first_about_equally_often() {
        let mut firsts = [0_u32; 5];
        for byte in 0..=255 {
            let first = seed(byte).order((0..5).map(place).collect()).remove(0);
            let nth = (0..5).find(|&n| place(n) == first).unwrap();
            firsts[usize::try_from(nth).unwrap()] += 1;
        }
        // 256 draws among five: 51 each; less than 25 or more than 80 is one chance in a hundred thousand.
        assert!(firsts.iter().all(|n| (25..80).contains(n)), "{firsts:?}");
    }

    #[test]
    fn a_seed_reads_back() {
        let text = seed(0xa5).to_string();
        assert_eq!((text.len(), text.parse()), (64, Ok(seed(0xa5))));
        for wrong in ["", "zz", &"g".repeat(64), &"é".repeat(32), &text[1..]] {
            assert_eq!(wrong.parse::<Seed>(), Err(NotASeed), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_draw_is_a_reordering_that_no_order_of_arrival_changes(
            people in prop::collection::btree_set(0..10_000_u64, 0..200),
            byte: u8,
            shuffle in any::<prop::sample::Index>(),
        ) {
            let arrived: Vec<PlaceId> = people.iter().map(|&n| place(n)).collect();
            let mut otherwise = arrived.clone();
            otherwise.rotate_left(shuffle.index(arrived.len().max(1)));
            let drawn = seed(byte).order(arrived.clone());
            prop_assert_eq!(&drawn, &seed(byte).order(otherwise));
            let mut sorted = drawn;
            sorted.sort();
            prop_assert_eq!(sorted, arrived);
        }
    }
}
