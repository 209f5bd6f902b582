//! Writes what a source read into the ledger, in order, through every outage; what the ledger cannot take is isolated and
//! put with the dead letters, in the same transaction as the offset past it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::Outage;
use domain::record::Record;
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
    /// What it is.
    pub(crate) content: Content,
}

/// What a message turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A record.
    Record(Record),
    /// No record of ours.
    Strange(DeadLetter),
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
    /// The highest ordinal of each event's records that is in the ledger now.
    pub(crate) reached: BTreeMap<EventId, u64>,
}

impl Written {
    fn reach(&mut self, arrivals: &[Arrival]) {
        for arrival in arrivals {
            if let Content::Record(record) = &arrival.content {
                match self.reached.get_mut(&record.event) {
                    Some(ordinal) => *ordinal = record.ordinal.max(*ordinal),
                    None => {
                        self.reached.insert(record.event.clone(), record.ordinal);
                    }
                }
            }
        }
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
        let mut written = Written {
            next: run.from,
            ..Written::default()
        };
        let mut parts = vec![run.arrivals];
        while let Some(part) = parts.pop() {
            let Some(last) = part.last() else { continue };
            let step = Step {
                topic: run.topic.to_owned(),
                partition: run.partition,
                from: written.next,
                to: last.offset + 1,
            };
            let failure = match self.commit(part, &step).await {
                Ok(()) => {
                    outage.over();
                    written.next = step.to;
                    written.reach(part);
                    continue;
                }
                Err(failure) => failure,
            };
            match (failure, part) {
                (LedgerError::Stale { .. }, _) => return Err(Halt),
                (LedgerError::Unavailable(error), _) => {
                    metrics::counter!("stanchion_persister_errors_total").increment(1);
                    outage.failed(error).await;
                    parts.push(part);
                }
                (LedgerError::Poison(reason), [one]) => {
                    self.bury(one, reason, &step).await?;
                    written.next = step.to;
                }
                (LedgerError::Poison(_), many) => {
                    let (first, second) = many.split_at(many.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(written)
    }

    /// Commits arrivals in one transaction; those that are no records go to the dead letters.
    async fn commit(&self, arrivals: &[Arrival], step: &Step) -> Result<(), LedgerError> {
        let mut records = Vec::with_capacity(arrivals.len());
        let mut dead = Vec::new();
        for arrival in arrivals {
            match &arrival.content {
                Content::Record(record) => records.push(record),
                Content::Strange(letter) => dead.push(letter.clone()),
            }
        }
        self.publish(&dead, step.partition).await;
        let begun = Instant::now();
        let mut batch = Batch {
            records: &records,
            dead: &dead,
            step,
        };
        let records_later = Step {
            from: step.to,
            ..step.clone()
        };
        if mishaps::planted("offsets-first") {
            let (records, dead) = (&[], &[]);
            let alone = Batch {
                records,
                dead,
                step,
            };
            self.ledger.commit(alone).await?;
            batch.step = &records_later;
        }
        mishaps::cross("ledger.commit").map_err(lost)?;
        let committed = tokio::time::timeout(PATIENCE, self.ledger.commit(batch))
            .await
            .unwrap_or_else(|_| Err(LedgerError::Unavailable("no answer in time".to_owned())))?;
        mishaps::cross("ledger.committed").map_err(lost)?;
        count(committed, dead.len());
        metrics::histogram!("stanchion_persister_commit_seconds").record(begun.elapsed());
        Ok(())
    }

    /// Puts the one record that the ledger refuses with the dead letters.
    async fn bury(&self, arrival: &Arrival, reason: String, step: &Step) -> Result<(), Halt> {
        let Content::Record(record) = &arrival.content else {
            // A dead letter that the ledger refuses: its offset is beyond what SQL can count. No log gets there.
            return Err(Halt);
        };
        tracing::error!(record_id = %record.id, reason, "the ledger refuses a record; it goes to the dead letters");
        let letter = DeadLetter {
            offset: arrival.offset,
            key: Some(record.event.as_str().as_bytes().to_vec()),
            payload: record.to_json().unwrap_or_default(),
            reason,
        };
        let buried = Arrival {
            offset: arrival.offset,
            content: Content::Strange(letter),
        };
        let mut outage = Outage::of("ledger", Arc::clone(&self.random));
        loop {
            match self.commit(std::slice::from_ref(&buried), step).await {
                Ok(()) => return Ok(()),
                Err(LedgerError::Unavailable(error)) => outage.failed(error).await,
                Err(LedgerError::Stale { .. } | LedgerError::Poison(_)) => return Err(Halt),
            }
        }
    }

    /// Sends dead letters to their topic, too. The ledger's table is what counts; the topic is for those who listen there.
    async fn publish(&self, dead: &[DeadLetter], partition: i32) {
        let Some(topic) = &self.dead_topic else {
            return;
        };
        for letter in dead {
            let letter = Dead {
                partition,
                offset: letter.offset,
                key: letter.key.clone(),
                payload: letter.payload.clone(),
                reason: letter.reason.clone(),
            };
            if let Err(error) = topic.send_dead(&letter).await {
                tracing::warn!(%error, partition, offset = letter.offset, "a dead letter is in the ledger but not in its topic");
            }
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
    metrics::counter!("stanchion_persister_dead_letters_total").increment(dead as u64);
}
