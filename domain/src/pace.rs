//! How often a waiting person hears their position: often near the head, seldom far back.

/// The longest time between two positions, in milliseconds.
pub const SLOWEST_MS: u64 = 12_000;

/// The time until a person at `position` (from 1) hears again, in milliseconds: one second for the first thousand,
/// then `sqrt(position / 1000)` seconds, at most twelve. Pollers are told the same number.
#[must_use]
pub fn interval_ms(position: u64) -> u64 {
    // The square root of position/1000 s in ms is sqrt(1000 * position).
    position
        .saturating_mul(1_000)
        .isqrt()
        .clamp(1_000, SLOWEST_MS)
}

/// `interval_ms` stretched by up to a fifth, so that a crowd that arrived together does not ask together.
/// `draw` is a random number.
#[must_use]
pub fn jittered_ms(position: u64, draw: u32) -> u64 {
    let interval = interval_ms(position);
    interval + interval / 5 * u64::from(draw % 1_000) / 1_000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_head_hears_every_second_and_nobody_waits_more_than_twelve() {
        assert_eq!(interval_ms(1), 1_000);
        assert_eq!(interval_ms(1_000), 1_000);
        assert_eq!(interval_ms(4_000), 2_000);
        assert_eq!(interval_ms(100_000), 10_000);
        assert_eq!(interval_ms(1_000_000), SLOWEST_MS);
        assert_eq!(interval_ms(u64::MAX), SLOWEST_MS);
    }

    proptest! {
        #[test]
        fn the_pace_is_the_square_root_between_one_second_and_twelve(position in 1u64..1_000_000) {
            let seconds = Duration::from_millis(interval_ms(position)).as_secs_f64();
            let root = (f64::from(u32::try_from(position).unwrap()) / 1_000.0).sqrt();
            prop_assert!((seconds - root.clamp(1.0, 12.0)).abs() < 0.002, "{seconds} {root}");
            prop_assert!(interval_ms(position) <= interval_ms(position + 1));
        }

        #[test]
        fn jitter_spreads_over_a_fifth_and_never_hurries(position in 1u64..1_000_000, draw: u32) {
            let (plain, spread) = (interval_ms(position), jittered_ms(position, draw));
            prop_assert!((plain..=plain + plain / 5).contains(&spread));
        }
    }

    #[test]
    fn jitter_adds_at_most_a_fifth() {
        for draw in [0, 1, 999, u32::MAX] {
            let ms = jittered_ms(4_000, draw);
            assert!((2_000..=2_400).contains(&ms), "{ms}");
        }
    }
}
