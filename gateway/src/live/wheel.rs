//! The one clock of all connections of a line: who is due at which tick. It knows no time but the ticks it is turned by.

use std::collections::VecDeque;

/// A wheel of keys; one turn takes them out of the bucket that came due.
#[derive(Debug)]
pub struct Wheel<K> {
    /// The first bucket is the next to come due.
    buckets: VecDeque<Vec<K>>,
}

impl<K> Default for Wheel<K> {
    fn default() -> Self {
        Self {
            buckets: VecDeque::new(),
        }
    }
}

impl<K> Wheel<K> {
    /// `key` comes due at the `ticks`-th turn from now; 0 is as soon as 1.
    pub fn schedule(&mut self, key: K, ticks: usize) {
        let bucket = ticks.max(1) - 1;
        while self.buckets.len() <= bucket {
            self.buckets.push_back(Vec::new());
        }
        self.buckets[bucket].push(key);
    }

    /// Turns by one tick: those that are due now, in the order in which they were scheduled.
    pub fn turn(&mut self) -> Vec<K> {
        self.buckets.pop_front().unwrap_or_default()
    }
}

/// The ticks from `tick` until the first one at least `least` later that `every` divides: whoever waits for those comes due together.
pub fn together(tick: u64, least: u64, every: u64) -> usize {
    let due = (tick + least).next_multiple_of(every);
    usize::try_from(due - tick).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_of_one_second_come_due_together_and_none_too_soon() {
        for (tick, ticks) in [(0, 50), (1, 59), (10, 50), (19, 51)] {
            assert_eq!(together(tick, 50, 10), ticks);
        }
    }

    proptest! {
        #[test]
        fn everything_comes_due_once_and_at_its_tick(
            steps in prop::collection::vec(prop::collection::vec(0usize..50, 0..5), 1..60),
        ) {
            let mut wheel = Wheel::default();
            let mut expected: Vec<(usize, usize)> = Vec::new();
            let mut came = Vec::new();
            let mut next_key = 0;
            for tick in 0..steps.len() + 51 {
                for &ticks in steps.get(tick).into_iter().flatten() {
                    wheel.schedule(next_key, ticks);
                    expected.push((tick + ticks.max(1) - 1, next_key));
                    next_key += 1;
                }
                came.extend(wheel.turn().into_iter().map(|key| (tick, key)));
            }
            expected.sort_by_key(|&(tick, _)| tick);
            prop_assert_eq!(came, expected);
        }
    }
}
