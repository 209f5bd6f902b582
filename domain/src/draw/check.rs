//! Checking a draw that somebody else made, by what is published of it.

use std::collections::BTreeSet;

use super::{List, Seed};
use crate::ids::PlaceId;

/// Where a published list is not what its seed says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A line is something else.
    #[error("line {line} of the list is no place id")]
    NoPlace {
        /// Which, from 1.
        line: usize,
    },
    /// Somebody is missing, or too many are there.
    #[error("{said} were drawn, but {listed} stand on the list")]
    Number {
        /// How many the record says.
        said: u64,
        /// How many are listed.
        listed: u64,
    },
    /// Somebody is listed twice.
    #[error("{place} stands on the list twice, again on line {line}")]
    Twice {
        /// Who.
        place: PlaceId,
        /// The second line, from 1.
        line: usize,
    },
    /// The order is another.
    #[error("line {line} of the list is {found}, but the seed puts {drawn} there")]
    Order {
        /// The first such line, from 1.
        line: usize,
        /// Who stands there.
        found: PlaceId,
        /// Who should.
        drawn: PlaceId,
    },
    /// The list is another than the one that was drawn.
    #[error("the SHA-256 of the list is {found}, but the record says {said}")]
    Digest {
        /// That of the list.
        found: String,
        /// That of the record.
        said: String,
    },
}

/// Works a published list out again: is it the order that `seed` gives these `people`, with this digest? The places in drawn order.
pub fn check(
    list: &str,
    seed: &Seed,
    people: u64,
    digest: &str,
) -> Result<Vec<PlaceId>, Difference> {
    let mut listed = Vec::new();
    for (line, text) in (1..).zip(list.split_terminator('\n')) {
        let place: PlaceId = text.parse().map_err(|_| Difference::NoPlace { line })?;
        listed.push(place);
    }
    let (said, count) = (people, listed.len() as u64);
    if said != count {
        return Err(Difference::Number {
            said,
            listed: count,
        });
    }
    let drawn = seed.order(listed.clone());
    if drawn.len() < listed.len() {
        return Err(twice(&listed));
    }
    for (line, (found, drawn)) in (1..).zip(listed.iter().zip(&drawn)) {
        if found != drawn {
            let (found, drawn) = (found.clone(), drawn.clone());
            return Err(Difference::Order { line, found, drawn });
        }
    }
    let (found, said) = (List::of(&listed).digest(), digest.to_ascii_lowercase());
    if found != said {
        return Err(Difference::Digest { found, said });
    }
    Ok(listed)
}

/// Who is listed twice, of those among whom somebody is.
fn twice(listed: &[PlaceId]) -> Difference {
    let mut seen = BTreeSet::new();
    let again = (1..).zip(listed).find(|(_, place)| !seen.insert(*place));
    match again {
        Some((line, place)) => Difference::Twice {
            place: place.clone(),
            line,
        },
        None => Difference::Number {
            said: listed.len() as u64,
            listed: seen.len() as u64,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_true_list_agrees_and_of_any_other_it_is_said_where_not() {
        let place = |n: u64| -> PlaceId { format!("{n:021}A").parse().unwrap() };
        let seed: Seed = "5a".repeat(32).parse().unwrap();
        let order = seed.order((1..=9).map(place).collect());
        let (list, digest) = (List::of(&order), List::of(&order).digest());
        let said = |order: &[PlaceId]| check(List::of(order).as_str(), &seed, 9, &digest);
        assert_eq!(said(&order), Ok(order.clone()));
        assert_eq!(
            check(list.as_str(), &seed, 9, &digest.to_uppercase()),
            Ok(order.clone())
        );

        let mut swapped = order.clone();
        swapped.swap(3, 6);
        let (found, drawn) = (order[6].clone(), order[3].clone());
        let line = 4;
        assert_eq!(
            said(&swapped),
            Err(Difference::Order { line, found, drawn })
        );
        let listed = 8;
        assert_eq!(
            said(&order[1..]),
            Err(Difference::Number { said: 9, listed })
        );
        let mut doubled = order.clone();
        doubled[7] = order[2].clone();
        let (place_id, line) = (order[2].clone(), 8);
        assert_eq!(
            said(&doubled),
            Err(Difference::Twice {
                place: place_id,
                line
            })
        );
        // Another took somebody's place, and stands where the seed puts them.
        let others: Vec<PlaceId> = (2..=10).map(place).collect();
        let other = said(&seed.order(others)).unwrap_err();
        assert!(matches!(other, Difference::Digest { .. }), "{other}");
        let broken = list.as_str().replacen('A', "!", 1);
        assert_eq!(
            check(&broken, &seed, 9, &digest),
            Err(Difference::NoPlace { line: 1 })
        );
    }
}
