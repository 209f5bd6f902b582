//! Times, told by what half, nearly all and the slowest of them took.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Of times in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p95: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

impl Percentiles {
    /// Of times up to a day, three digits fine.
    pub(super) fn of(times_ms: &[u64]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the bounds are constants that the histogram takes"
        )]
        let mut times = Histogram::<u64>::new_with_max(86_400_000, 3).expect("valid bounds");
        for &ms in times_ms {
            times.saturating_record(ms);
        }
        Self {
            p50: times.value_at_quantile(0.50),
            p95: times.value_at_quantile(0.95),
            p99: times.value_at_quantile(0.99),
            max: times.max(),
        }
    }
}
