//! Which ordinals of a line are gone, as bits with a rank directory: "how many are gone before me" costs nanoseconds.
//! What lies before the first person who still waits is a number, not bits.

use domain::Seq;

/// Words in a chunk.
const WORDS: usize = 16;
/// Ordinals in a chunk.
const SPAN: u64 = 64 * WORDS as u64;
/// Leading full chunks are dropped when there are at least so many of them, and they are half of all.
const WORTH_DROPPING: usize = 64;

type Chunk = [u64; WORDS];

/// The set of ordinals that are gone. Ordinal 1 is index 0.
#[derive(Clone, Debug, Default)]
pub struct Gone {
    /// So many chunks at the beginning are full and no longer kept.
    dropped: u64,
    /// The chunks after them.
    chunks: Vec<Chunk>,
    /// A Fenwick tree over how many are gone in each of `chunks`; node `i` stands at `i - 1`.
    tree: Vec<u32>,
    /// So many of `chunks` at the beginning are full.
    full: usize,
    total: u64,
}

impl Gone {
    /// Adds an ordinal; adding it again, or ordinal 0, changes nothing.
    pub fn insert(&mut self, seq: Seq) {
        let Some((chunk, word, bit)) = place_of(seq) else {
            return;
        };
        let Some(chunk) = self.held(chunk) else {
            return;
        };
        while self.chunks.len() <= chunk {
            self.grow();
        }
        let held = &mut self.chunks[chunk][word];
        if *held & bit != 0 {
            return;
        }
        *held |= bit;
        self.total += 1;
        self.count(chunk);
        if chunk == self.full {
            self.shed();
        }
    }

    /// Is this ordinal gone?
    #[must_use]
    pub fn contains(&self, seq: Seq) -> bool {
        let Some((chunk, word, bit)) = place_of(seq) else {
            return false;
        };
        match self.held(chunk) {
            None => true,
            Some(chunk) => self
                .chunks
                .get(chunk)
                .is_some_and(|words| words[word] & bit != 0),
        }
    }

    /// How many ordinals below this one are gone.
    #[must_use]
    pub fn below(&self, seq: Seq) -> u64 {
        let Some((chunk, word, bit)) = place_of(seq) else {
            return 0;
        };
        let Some(chunk) = self.held(chunk) else {
            return seq.0 - 1;
        };
        let Some(words) = self.chunks.get(chunk) else {
            return self.total;
        };
        let whole: u32 = words[..word].iter().map(|word| word.count_ones()).sum();
        let part = (words[word] & (bit - 1)).count_ones();
        self.dropped * SPAN + self.before(chunk) + u64::from(whole + part)
    }

    /// How many are gone in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The chunk's index among those kept; `None` when it was dropped.
    fn held(&self, chunk: u64) -> Option<usize> {
        usize::try_from(chunk.checked_sub(self.dropped)?).ok()
    }

    /// Adds an empty chunk at the end.
    fn grow(&mut self) {
        self.chunks.push([0; WORDS]);
        let node = self.chunks.len();
        let from = node - lowest_bit(node);
        let sum = self.before(node - 1) - self.before(from);
        // A node sums at most all chunks kept, whose ordinals fit in memory and so in 32 bits.
        self.tree.push(u32::try_from(sum).unwrap_or(u32::MAX));
    }

    /// One more is gone in `chunk`.
    fn count(&mut self, chunk: usize) {
        let mut node = chunk + 1;
        while let Some(sum) = self.tree.get_mut(node - 1) {
            *sum += 1;
            node += lowest_bit(node);
        }
    }

    /// How many are gone in the kept chunks before `chunk`.
    fn before(&self, chunk: usize) -> u64 {
        let (mut node, mut sum) = (chunk, 0);
        while node > 0 {
            sum += u64::from(self.tree[node - 1]);
            node -= lowest_bit(node);
        }
        sum
    }

    /// Counts the leading full chunks, and drops them when it is worth it.
    fn shed(&mut self) {
        while self.chunks.get(self.full).is_some_and(is_full) {
            self.full += 1;
        }
        if self.full < WORTH_DROPPING || self.full * 2 < self.chunks.len() {
            return;
        }
        self.dropped += self.full as u64;
        let kept = self.chunks.split_off(self.full);
        self.keep(kept);
    }

    /// Begins anew with these chunks after the dropped ones.
    fn keep(&mut self, chunks: Vec<Chunk>) {
        let counts: Vec<u32> = chunks.iter().map(ones).collect();
        self.total =
            self.dropped * SPAN + counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        self.chunks = chunks;
        self.tree = counts;
        for node in 1..=self.tree.len() {
            let above = node + lowest_bit(node);
            if above <= self.tree.len() {
                self.tree[above - 1] += self.tree[node - 1];
            }
        }
        self.full = self
            .chunks
            .iter()
            .take_while(|chunk| is_full(chunk))
            .count();
    }
}

/// Gathers those who still wait, in ascending order, and gives everyone else.
#[derive(Debug, Default)]
pub struct Complement {
    /// The chunk of the first who waits.
    first: Option<u64>,
    /// From that chunk on: bits of those who wait.
    chunks: Vec<Chunk>,
}

impl Complement {
    /// This one still waits.
    pub fn keep(&mut self, seq: Seq) {
        let Some((chunk, word, bit)) = place_of(seq) else {
            return;
        };
        let first = *self.first.get_or_insert(chunk);
        let Some(chunk) = chunk
            .checked_sub(first)
            .and_then(|chunk| usize::try_from(chunk).ok())
        else {
            return;
        };
        while self.chunks.len() <= chunk {
            self.chunks.push([0; WORDS]);
        }
        self.chunks[chunk][word] |= bit;
    }

    /// All others up to and including `last`.
    #[must_use]
    pub fn finish(self, last: Seq) -> Gone {
        let end = last.0 / SPAN;
        let dropped = self.first.unwrap_or(end).min(end);
        let mut chunks = self.chunks;
        if self.first.is_some_and(|first| first > end) {
            chunks.clear();
        }
        let kept = usize::try_from(end - dropped)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        chunks.resize(kept, [0; WORDS]);
        for word in chunks.iter_mut().flatten() {
            *word = !*word;
        }
        if let Some(tail) = chunks.last_mut() {
            keep_first(tail, last.0 % SPAN);
        }
        let mut gone = Gone {
            dropped,
            ..Gone::default()
        };
        gone.keep(chunks);
        gone
    }
}

/// Clears all bits of a chunk but the first `count`.
fn keep_first(chunk: &mut Chunk, count: u64) {
    for (from, word) in (0..).step_by(64).zip(chunk) {
        let bits = count.saturating_sub(from).min(64);
        if bits < 64 {
            *word &= (1 << bits) - 1;
        }
    }
}

/// Chunk, word and bit of an ordinal; `None` for 0, which nobody has.
fn place_of(seq: Seq) -> Option<(u64, usize, u64)> {
    let index = seq.0.checked_sub(1)?;
    let word = usize::try_from(index % SPAN / 64).ok()?;
    Some((index / SPAN, word, 1 << (index % 64)))
}

fn ones(chunk: &Chunk) -> u32 {
    chunk.iter().map(|word| word.count_ones()).sum()
}

fn is_full(chunk: &Chunk) -> bool {
    chunk.iter().all(|&word| word == u64::MAX)
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The same set, told plainly.
    fn agrees(gone: &Gone, plain: &BTreeSet<u64>, probes: &[u64]) -> Result<(), TestCaseError> {
        prop_assert_eq!(gone.total(), plain.len() as u64);
        for &probe in probes {
            let below = plain.range(..probe).count() as u64;
            prop_assert_eq!(gone.below(Seq(probe)), below, "below {}", probe);
            prop_assert_eq!(
                gone.contains(Seq(probe)),
                plain.contains(&probe),
                "{}",
                probe
            );
        }
        Ok(())
    }

    /// Ordinals of a line that is served from the head, with some who leave early.
    fn ordinals() -> impl Strategy<Value = Vec<u64>> {
        let somewhere = prop::collection::vec(1u64..150_000, 0..200);
        (0u64..100_000, somewhere).prop_map(|(served, left)| (1..=served).chain(left).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_counts_like_a_plain_set(
            added in ordinals(), probes in prop::collection::vec(0u64..160_000, 20),
        ) {
            let mut gone = Gone::default();
            for &seq in &added {
                gone.insert(Seq(seq));
            }
            agrees(&gone, &added.into_iter().collect(), &probes)?;
        }

        #[test]
        fn a_loaded_set_is_the_one_that_moves_would_have_made(
            waiting in prop::collection::btree_set(1u64..30_000, 0..200),
            last in 0u64..30_000,
            later in prop::collection::vec(1u64..30_000, 0..200),
            probes in prop::collection::vec(0u64..35_000, 20),
        ) {
            let mut complement = Complement::default();
            for &seq in &waiting {
                complement.keep(Seq(seq));
            }
            let mut gone = complement.finish(Seq(last));
            let mut plain: BTreeSet<u64> =
                (1..=last).filter(|seq| !waiting.contains(seq)).collect();
            agrees(&gone, &plain, &probes)?;
            for &seq in &later {
                gone.insert(Seq(seq));
                plain.insert(seq);
            }
            agrees(&gone, &plain, &probes)?;
        }
    }

    #[test]
    fn those_served_from_the_head_take_no_memory() {
        let mut gone = Gone::default();
        for seq in 1..=2_000_000 {
            gone.insert(Seq(seq));
        }
        assert_eq!(gone.total(), 2_000_000);
        assert_eq!(gone.below(Seq(2_000_001)), 2_000_000);
        assert!(
            gone.chunks.len() <= 2 * WORTH_DROPPING,
            "{}",
            gone.chunks.len()
        );
        let loaded = Complement::default().finish(Seq(2_000_000));
        assert_eq!((loaded.total(), loaded.chunks.len()), (2_000_000, 1));
    }
}
