//! Writes what a source read into the ledger, in order, through every outage; what the ledger cannot take is put with the
//! dead letters, in the same transaction as the rest of its batch and the offset past it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::Outage;
use domain::record::{Claimed, Record};
use domain::{EventId, Random};
use kafka::{Dead, Producer};
use ledger::{Batch, Committed, DeadLetter, Ledger, LedgerError, Step};

/// How long a commit may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message on its way into the ledger.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// Its offset in its partition.
    pub(crate) offset: u64,
    /// The message as it came from Kafka; in an outbox it is not JSON yet.
    pub(crate) message: Option<Raw>,
    /// The record that it is, or why it is none.
    pub(crate) content: Result<Record, String>,
}

/// A message, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
}

impl Arrival {
    /// It as a dead letter.
    fn letter(&self, reason: &str) -> DeadLetter {
        let raw = match (&self.message, &self.content) {
            (Some(raw), _) => raw.clone(),
            (None, Ok(record)) => Raw {
                key: Some(record.event.as_str().as_bytes().to_vec()),
                payload: record.to_json().unwrap_or_default(),
            },
            (None, Err(_)) => Raw {
                key: None,
                payload: Vec::new(),
            },
        };
        let claimed = match &self.content {
            Ok(record) => Claimed {
                id: Some(record.id.clone()),
                event: Some(record.event.clone()),
                ordinal: Some(record.ordinal),
            },
            Err(_) => Claimed::of(&raw.payload),
        };
        DeadLetter {
            offset: self.offset,
            key: raw.key,
            payload: raw.payload,
            reason: reason.to_owned(),
            claimed,
        }
    }
}

/// Arrivals that follow each other in one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    /// The next offset as the ledger holds it.
    pub(crate) from: u64,
    /// The arrivals, offsets ascending.
    pub(crate) arrivals: &'a [Arrival],
}

/// Somebody else moved the offsets on, or our own commit was carried out although its answer was lost: read the offset and
/// go on from there.
#[derive(Debug, thiserror::Error)]
#[error("the ledger's offset is not the one we left; reading it again")]
pub(crate) struct Halt;

/// What became of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// The next offset.
    pub(crate) next: u64,
    /// The highest ordinal of each event's records: up to there all are in the ledger or buried.
    pub(crate) reached: BTreeMap<EventId, u64>,
    /// The ordinals that went to the dead letters.
    pub(crate) buried: BTreeMap<EventId, Vec<u64>>,
}

impl Written {
    fn of(next: u64, arrivals: &[Arrival], letters: Vec<DeadLetter>) -> Self {
        let mut written = Self {
            next,
            ..Self::default()
        };
        for record in arrivals
            .iter()
            .filter_map(|arrival| arrival.content.as_ref().ok())
        {
            match written.reached.get_mut(&record.event) {
                Some(ordinal) => *ordinal = record.ordinal.max(*ordinal),
                None => {
                    written.reached.insert(record.event.clone(), record.ordinal);
                }
            }
        }
        for letter in letters {
            if let (Some(event), Some(ordinal)) = (letter.claimed.event, letter.claimed.ordinal) {
                written.buried.entry(event).or_default().push(ordinal);
            }
        }
        written
    }
}

/// Writes runs into the ledger.
pub(crate) struct Writer {
    ledger: Ledger,
    /// Where dead letters go too, when there is Kafka.
    dead_topic: Option<Producer>,
    random: Arc<dyn Random>,
}

impl Writer {
    pub(crate) fn new(
        ledger: Ledger,
        dead_topic: Option<Producer>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            ledger,
            dead_topic,
            random,
        }
    }

    /// Writes a run, trying for as long as it takes.
    pub(crate) async fn write(&self, run: Run<'_>) -> Result<Written, Halt> {
        let mut outage = Outage::of("ledger", Arc::clone(&self.random));
        let Some(last) = run.arrivals.last() else {
            return Ok(Written::of(run.from, &[], Vec::new()));
        };
        let step = Step {
            topic: run.topic.to_owned(),
            partition: run.partition,
            from: run.from,
            to: last.offset + 1,
        };
        loop {
            match self.commit(run.arrivals, &step).await {
                Ok(letters) => {
                    outage.over();
                    return Ok(Written::of(step.to, run.arrivals, letters));
                }
                Err(LedgerError::Unavailable(error)) => {
                    metrics::counter!("stanchion_persister_errors_total").increment(1);
                    outage.failed(error).await;
                }
                // Poison is what no record is to blame for: an offset beyond what SQL can count. No log gets there.
                Err(LedgerError::Stale { .. } | LedgerError::Poison { .. }) => return Err(Halt),
            }
        }
    }

    /// Commits arrivals in one transaction; returns the dead letters among them.
    async fn commit(
        &self,
        arrivals: &[Arrival],
        step: &Step,
    ) -> Result<Vec<DeadLetter>, LedgerError> {
        let begun = Instant::now();
        let mut step = step.clone();
        if mishaps::planted("offsets-first") {
            let records = &[];
            let alone = Batch {
                records,
                step: &step,
            };
            self.ledger.stage(alone).await?.commit().await?;
            step.from = step.to;
        }
        mishaps::cross("ledger.commit").map_err(lost)?;
        let (committed, letters) = tokio::time::timeout(PATIENCE, self.carry_out(arrivals, &step))
            .await
            .unwrap_or_else(|_| Err(LedgerError::Unavailable("no answer in time".to_owned())))?;
        mishaps::cross("ledger.committed").map_err(lost)?;
        count(committed, letters.len());
        metrics::histogram!("stanchion_persister_commit_s").record(begun.elapsed());
        Ok(letters)
    }

    async fn carry_out(
        &self,
        arrivals: &[Arrival],
        step: &Step,
    ) -> Result<(Committed, Vec<DeadLetter>), LedgerError> {
        let mut letters = Vec::new();
        let (mut places, mut records) = (Vec::new(), Vec::with_capacity(arrivals.len()));
        for (place, arrival) in arrivals.iter().enumerate() {
            match &arrival.content {
                Ok(record) => {
                    places.push(place);
                    records.push(record);
                }
                Err(reason) => letters.push(arrival.letter(reason)),
            }
        }
        let records = &records;
        let mut staged = self.ledger.stage(Batch { records, step }).await?;
        for refused in staged.refused() {
            letters.push(arrivals[places[refused.index]].letter(&refused.reason));
        }
        staged.bury(&letters).await?;
        self.publish(&letters, step.partition).await;
        Ok((staged.commit().await?, letters))
    }

    /// Sends dead letters to their topic, too, before the commit: a letter in the table was sent at least once. The table is
    /// what counts; a topic that takes nothing holds no record up.
    async fn publish(&self, letters: &[DeadLetter], partition: i32) {
        for letter in letters {
            let (offset, reason) = (letter.offset, &letter.reason);
            let record_id = letter.claimed.id.as_ref().map(tracing::field::display);
            tracing::error!(
                partition,
                offset,
                record_id,
                reason,
                "a message cannot be made a row; it goes to the dead letters"
            );
        }
        let Some(topic) = self.dead_topic.as_ref().filter(|_| !letters.is_empty()) else {
            return;
        };
        let letters: Vec<Dead> = letters
            .iter()
            .map(|letter| Dead {
                partition,
                offset: letter.offset,
                key: letter.key.clone(),
                payload: letter.payload.clone(),
                reason: letter.reason.clone(),
            })
            .collect();
        if let Err(error) = topic.send_dead(&letters).await {
            tracing::warn!(%error, partition, letters = letters.len(), "dead letters are in the ledger but not in their topic");
        }
    }
}

/// A commit whose answer is lost: done or not, nobody knows.
fn lost(lost: mishaps::Lost) -> LedgerError {
    LedgerError::Unavailable(lost.to_string())
}

fn count(committed: Committed, dead: usize) {
    metrics::counter!("stanchion_persister_issued_total").increment(committed.issued);
    metrics::counter!("stanchion_persister_duplicates_total").increment(committed.duplicates);
    metrics::counter!("stanchion_persister_anomalies_total").increment(committed.anomalies);
    metrics::counter!("stanchion_persister_late_total").increment(committed.late);
    metrics::counter!("stanchion_persister_dead_letters_total").increment(dead as u64);
}
