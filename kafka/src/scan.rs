//! Reading everything the log holds of some events, for reconciliation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::EventId;
use domain::record::{NotARecord, Record};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::Instant;

use crate::settings::{LogError, PATIENCE, Quiet, Settings, passes};
use crate::topics::{Topic, blocking};

/// How long the log may be silent while there is more to read.
const SILENCE: Duration = Duration::from_secs(30);

/// How far the log was read: the next offset of each partition. The default is its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress(BTreeMap<i32, i64>);

impl Progress {
    /// Has the consumer read on from here; of `ends` those partitions are left in which there is more to read.
    fn assign(
        &self,
        consumer: &StreamConsumer<Quiet>,
        ends: &mut BTreeMap<i32, i64>,
    ) -> Result<(), LogError> {
        for (&partition, &next) in &self.0 {
            let end = ends.get(&partition).copied().unwrap_or(0);
            if end < next {
                return Err(LogError::OffsetLost(format!(
                    "partition {partition} was read to {next} and ends at {end}"
                )));
            }
            if end == next {
                ends.remove(&partition);
            }
        }
        let mut list = TopicPartitionList::new();
        for &partition in ends.keys() {
            let offset = match self.0.get(&partition) {
                Some(&next) => Offset::Offset(next),
                None => Offset::Beginning,
            };
            list.add_partition_offset(Topic::Records.name(), partition, offset)?;
        }
        Ok(consumer.assign(&list)?)
    }
}

/// Reads the log from its beginning to where it ends now, and gives every message with the key of one of the `events` to
/// `found`, each event's in order. Every partition is read, since a key's partition depends on how many there were when it
/// was written.
pub async fn records_of(
    settings: &Settings,
    events: &BTreeSet<EventId>,
    mut found: impl FnMut(Result<Record, NotARecord>),
) -> Result<(), LogError> {
    let mut progress = Progress::default();
    records_since(settings, &mut progress, |key, payload| {
        if key
            .and_then(event_of)
            .is_some_and(|event| events.contains(&event))
        {
            found(Record::from_json(payload));
        }
    })
    .await
}

/// Reads the log on from where it was read before to where it ends now, and gives the key and the payload of every message to
/// `found`, each partition's in order. [`LogError::OffsetLost`] when the log ends before that: it is another one.
pub async fn records_since(
    settings: &Settings,
    progress: &mut Progress,
    mut found: impl FnMut(Option<&[u8]>, &[u8]),
) -> Result<(), LogError> {
    let mut config = settings.client();
    config
        .set("group.id", "stanchion-verify")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest");
    let consumer: Arc<StreamConsumer<Quiet>> = Arc::new(config.create_with_context(Quiet)?);
    let mut ends = ends(&consumer).await?;
    progress.assign(&consumer, &mut ends)?;
    while !ends.is_empty() {
        let read = tokio::time::timeout(SILENCE, consumer.recv()).await;
        let message = match read {
            Ok(Ok(message)) => message,
            Ok(Err(KafkaError::PartitionEOF(partition))) => {
                ends.remove(&partition);
                continue;
            }
            Ok(Err(error)) if passes(&error) => continue,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(LogError::Unavailable("the log is silent".to_owned())),
        };
        found(message.key(), message.payload().unwrap_or_default());
        let partition = message.partition();
        progress.0.insert(partition, message.offset() + 1);
        if ends
            .get(&partition)
            .is_some_and(|end| message.offset() + 1 >= *end)
        {
            ends.remove(&partition);
        }
    }
    Ok(())
}

/// Where the log ends now: the partitions that hold anything, each with the offset after its last message.
pub async fn log_ends(settings: &Settings) -> Result<BTreeMap<i32, u64>, LogError> {
    let mut config = settings.client();
    config.set("group.id", "stanchion-ends");
    let consumer: Arc<StreamConsumer<Quiet>> = Arc::new(config.create_with_context(Quiet)?);
    let ends = blocking(move || ends_now(&consumer)).await?;
    Ok(ends
        .into_iter()
        .map(|(partition, end)| (partition, end.unsigned_abs()))
        .collect())
}

/// The event that a message's key names.
fn event_of(key: &[u8]) -> Option<EventId> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

/// The partitions that hold anything, with the offset after the last message of each. A broker that has just come back
/// needs a moment to know.
async fn ends(consumer: &Arc<StreamConsumer<Quiet>>) -> Result<BTreeMap<i32, i64>, LogError> {
    let deadline = Instant::now() + SILENCE;
    loop {
        let asked = Arc::clone(consumer);
        match blocking(move || ends_now(&asked)).await {
            Err(LogError::Unavailable(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            known => return known,
        }
    }
}

fn ends_now(consumer: &StreamConsumer<Quiet>) -> Result<BTreeMap<i32, i64>, LogError> {
    let topic = Topic::Records.name();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let mut ends = BTreeMap::new();
    for partition in partitions {
        let (begin, end) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        if end > begin {
            ends.insert(partition.id(), end);
        }
    }
    Ok(ends)
}
