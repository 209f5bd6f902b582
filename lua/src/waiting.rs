//! Reading the whole of a line, piece by piece.

use domain::{EventId, Seq};

use crate::connect::{Store, StoreError};
use crate::keys::Keys;
use crate::script::{parsed, script, tags};

script!(WAITING = "waiting");

/// A piece of the line, for loading a mirror of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The ordinals of those whose turn has not come yet, ascending.
    pub seqs: Vec<Seq>,
    /// The ordinals of those who were passed over and may still be next, ascending.
    pub passed: Vec<Seq>,
    /// Where to read on; `None` at the end.
    pub next: Option<Seq>,
}

impl Store {
    /// The people waiting with an ordinal above `after`, at most `limit` of each kind; nobody once the line has ended.
    pub async fn waiting(
        &self,
        event: &EventId,
        after: Seq,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        tags!(Outcome {
            Waiting = "waiting"
        });
        let keys = Keys::of(event);
        let mut reply = WAITING
            .keys([keys.event(), keys.places(), keys.passed()])
            .arg(after.0)
            .arg(limit)
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Waiting => {
                let next: String = reply.take()?;
                let next = (!next.is_empty()).then(|| parsed(&next)).transpose()?;
                let runs: Vec<u64> = reply.take()?;
                let passed: Vec<u64> = reply.take()?;
                let (runs, _) = runs.as_chunks();
                // One who was passed over and came back is in both.
                let seqs = runs
                    .iter()
                    .flat_map(|&[first, last]| first..=last)
                    .filter(|seq| passed.binary_search(seq).is_err());
                Ok(Waiting {
                    next: next.map(Seq),
                    seqs: seqs.map(Seq).collect(),
                    passed: passed.into_iter().map(Seq).collect(),
                })
            }
        }
    }
}
