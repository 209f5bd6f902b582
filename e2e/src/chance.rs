//! Numbers in a row that look random, from a seed that can be given again.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `STANCHION_SEED`, or one that was not there before; says which.
    #[must_use]
    pub fn seed(test: &str) -> u64 {
        let given = std::env::var("STANCHION_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            let name: u64 = test.bytes().map(u64::from).sum();
            u64::from(std::process::id()) * 1_000 + name % 1_000
        });
        eprintln!("{test}: STANCHION_SEED={seed}");
        seed
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    /// One of these, which are some.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        let nth = self.below(of.len() as u64);
        of[usize::try_from(nth).unwrap_or_default()]
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
