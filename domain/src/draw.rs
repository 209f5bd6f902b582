//! The draw of a lobby: an order that a seed and the place ids alone decide, so that anybody can work it out again.

pub mod check;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::clock::Random;
use crate::ids::{PlaceId, Seq};

/// What a record tells of a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrawFact {
    /// `draw.begun`: the line opened. Whoever waited with an ordinal up to `after` takes part; their new ordinals follow it.
    Begun {
        /// The last ordinal given before the opening.
        after: Seq,
        /// How many take part.
        people: u64,
    },
    /// `draw.seeded`: what decides the order is fixed.
    Seeded {
        /// The seed.
        seed: Seed,
        /// Where it comes from.
        origin: String,
    },
    /// `draw.ended`: the order is in force. It is that of the seed and of those who took part.
    Ended {
        /// What their list must come to: [`List::digest`].
        digest: String,
    },
}

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

    /// The drawn order of `places`, whatever order they come in and each once: ascending by SHA-256 of the seed's 32 bytes
    /// followed by the place id's text.
    #[must_use]
    pub fn order(&self, places: Vec<PlaceId>) -> Vec<PlaceId> {
        let mut lots: Vec<(u64, PlaceId)> = places
            .into_iter()
            .map(|place| (beginning(self.lot(&place)), place))
            .collect();
        lots.sort_unstable_by(|one, other| self.compare(one, other));
        lots.dedup();
        lots.into_iter().map(|(_, place)| place).collect()
    }

    /// What a place is sorted by.
    fn lot(&self, place: &PlaceId) -> [u8; 32] {
        Sha256::new_with_prefix(self.0)
            .chain_update(place.as_str())
            .finalize()
            .into()
    }

    /// Nearly always the first eight bytes of two lots tell them apart.
    fn compare(&self, one: &(u64, PlaceId), other: &(u64, PlaceId)) -> Ordering {
        let whole = || self.lot(&one.1).cmp(&self.lot(&other.1));
        one.0.cmp(&other.0).then_with(whole)
    }
}

fn beginning(lot: [u8; 32]) -> u64 {
    lot.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The list of a draw as it is published: the place ids in drawn order, each followed by a line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List(String);

impl List {
    /// Characters of one line.
    const LINE: usize = PlaceId::LENGTH + 1;

    /// The list of those who were drawn in this order.
    #[must_use]
    pub fn of(in_order: &[PlaceId]) -> Self {
        let mut list = String::with_capacity(in_order.len() * Self::LINE);
        for place in in_order {
            list.push_str(place.as_str());
            list.push('\n');
        }
        Self(list)
    }

    /// The list as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many are on a list, or on a piece of one.
    #[must_use]
    pub fn people(piece: &str) -> u64 {
        (piece.len() / Self::LINE) as u64
    }

    /// The list in pieces of so many people.
    pub fn pieces(&self, people: usize) -> impl Iterator<Item = &str> {
        // Ids are ASCII, so that no piece ends within a character.
        let size = (people * Self::LINE).max(Self::LINE);
        (0..self.0.len())
            .step_by(size)
            .filter_map(move |from| self.0.get(from..(from + size).min(self.0.len())))
    }

    /// Its fingerprint, in hexadecimal: SHA-256 of the text.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(&self.0))
    }
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

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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
        let list = List::of(&drawn);
        assert_eq!((list.as_str(), List::people(&text)), (text.as_str(), 4));
        assert_eq!(list.digest(), hex(&Sha256::digest(&text)));
        for people in 0..=5 {
            let pieces: Vec<&str> = list.pieces(people).collect();
            assert_eq!(pieces.concat(), text);
            assert_eq!(pieces.len(), 4_usize.div_ceil(people.max(1)));
        }
    }

    #[test]
    fn lots_that_begin_alike_are_told_apart_by_the_rest() {
        let (seed, one, other) = (seed(7), place(1), place(2));
        let whole = seed.lot(&one).cmp(&seed.lot(&other));
        assert_eq!(seed.compare(&(9, one.clone()), &(9, other)), whole);
        assert_eq!(seed.compare(&(9, one.clone()), &(9, one)), Ordering::Equal);
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
            otherwise.extend_from_slice(&arrived[..arrived.len() / 2]);
            prop_assert_eq!(&drawn, &seed(byte).order(otherwise), "each once");
            let mut sorted = drawn;
            sorted.sort();
            prop_assert_eq!(sorted, arrived);
        }
    }
}
