//! The time left as a range. The formula is in `docs/architecture.md`: people ahead divided by the admission rate,
//! widened because people leave and miss their turn (shortens the wait) and because outstanding tickets bound the pace
//! (lengthens it).

use serde::{Deserialize, Serialize};

/// A range of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eta {
    /// The optimistic end, in seconds.
    pub low: u64,
    /// The pessimistic end, in seconds; never below `low`.
    pub high: u64,
}

/// How long a person at `position` (from 1) may still wait when `rate_per_s` are let in per second; `None` when nobody is.
#[must_use]
pub fn range(position: u64, rate_per_s: f64) -> Option<Eta> {
    if !(rate_per_s > 0.0 && rate_per_s.is_finite()) {
        return None;
    }
    let expected_s = as_float(position) / rate_per_s;
    let low = whole_seconds((expected_s * 0.8).floor());
    let high = whole_seconds((expected_s * 1.25).ceil()).max(low + 1);
    Some(Eta { low, high })
}

/// A count as a float: exact up to 2^53, far above any line.
#[expect(
    clippy::cast_precision_loss,
    reason = "a line is far shorter than 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// A non-negative float as whole seconds, saturating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is what is wanted"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.min(1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_plain_division() {
        assert_eq!(range(100, 5.0), Some(Eta { low: 16, high: 25 }));
        assert_eq!(range(1, 1_000.0), Some(Eta { low: 0, high: 1 }));
    }

    #[test]
    fn nobody_let_in_means_no_estimate() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(range(10, rate), None, "{rate}");
        }
    }
}
