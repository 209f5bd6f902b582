//! Who is near the head of a line, and how often it is told that they are there.

/// So many people at the head are near it: what twenty seconds of the rate let in, from a thousand up to a hundred thousand.
/// Of the others nobody tells anything: presence costs the store what the rate costs, not what the line is long.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded just before"
)]
pub fn reach(rate_per_s: f64) -> u64 {
    (20.0 * rate_per_s).ceil().clamp(1_000.0, 100_000.0) as u64
}

/// Between two tellings of the same person, in milliseconds: three of them in `presence_s`, so that one may be lost.
#[must_use]
pub fn telling_ms(presence_s: u64) -> u64 {
    presence_s.saturating_mul(1_000) / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_follows_the_rate_within_bounds() {
        for (rate, near) in [
            (0.0, 1_000),
            (50.0, 1_000),
            (50.01, 1_001),
            (1_000.0, 20_000),
            (1_000_000.0, 100_000),
        ] {
            assert_eq!(reach(rate), near, "{rate}");
        }
    }

    #[test]
    fn a_person_is_told_of_three_times_before_they_count_as_absent() {
        assert_eq!(telling_ms(20), 6_666);
        assert_eq!(telling_ms(1), 333);
    }
}
