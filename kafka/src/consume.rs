//! Reading records as one member of the group of persisters. Where a partition is read on from is the ledger's knowledge; the
//! group only shares the partitions out, and the offsets it is told are a hint for monitors of its lag.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::settings::{LogError, Settings, passes, told};
use crate::topics::{Topic, blocking};

/// The group of all persisters of an installation.
const GROUP: &str = "stanchion-persister";
/// How often the group is told of the progress: each time costs the brokers as much as a batch of records.
const TELL: Duration = Duration::from_secs(1);

/// A message of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its offset.
    pub offset: u64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The message.
    pub payload: Vec<u8>,
}

/// Messages that follow each other in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The partition.
    pub partition: i32,
    /// The messages, offsets ascending (gaps are possible).
    pub messages: Vec<Message>,
}

/// What the consumer heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// These partitions are ours, all of them and no others. Nothing of them is read before
    /// [`Consumer::read_from`] says from where.
    Assigned(Vec<i32>),
    /// No partition is ours any more.
    Revoked,
    /// Messages, at most one run per partition.
    Messages(Vec<Run>),
}

/// A member of the group.
pub struct Consumer {
    inner: StreamConsumer<Shares>,
    news: mpsc::UnboundedReceiver<Heard>,
    /// No message came since the client said that it lost its connections.
    cut_off: bool,
    /// What came behind the messages that were taken last.
    failed: Option<KafkaError>,
    /// The next offset of each partition of which the group is still to be told, and when it is.
    progress: BTreeMap<i32, u64>,
    tell_at: Instant,
}

impl Consumer {
    /// Joins the group; what it is given comes out of [`Self::next`].
    pub fn join(settings: &Settings) -> Result<Self, LogError> {
        let (sender, news) = mpsc::unbounded_channel();
        let mut config = settings.client();
        config
            .set("group.id", GROUP)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("allow.auto.create.topics", "false")
            .set("partition.assignment.strategy", "range,roundrobin")
            .set("session.timeout.ms", "6000")
            .set("fetch.error.backoff.ms", "100")
            .set("queued.max.messages.kbytes", "16384");
        let inner: StreamConsumer<Shares> =
            config.create_with_context(Shares(Mutex::new(sender)))?;
        inner.subscribe(&[Topic::Records.name()])?;
        Ok(Self {
            inner,
            news,
            cut_off: false,
            failed: None,
            progress: BTreeMap::new(),
            tell_at: Instant::now(),
        })
    }

    /// The next thing heard. Messages are taken as they are there, at most `most`, never waiting for more. Cancel safe.
    pub async fn next(&mut self, most: usize) -> Result<Heard, LogError> {
        let first = loop {
            let message = tokio::select! {
                biased;
                Some(heard) = self.news.recv() => {
                    // What was noted may be somebody else's now.
                    self.progress.clear();
                    return Ok(heard);
                }
                () = sleep_until(self.tell_at), if !self.progress.is_empty() => {
                    self.tell_group();
                    continue;
                }
                message = next_of(&mut self.failed, &self.inner) => message,
            };
            match message {
                Ok(message) => break message,
                Err(error) if passes(&error) => {
                    if !std::mem::replace(&mut self.cut_off, true) {
                        tracing::warn!(%error, "kafka does not answer; the client connects again by itself");
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        if std::mem::take(&mut self.cut_off) {
            tracing::info!("kafka answers again");
        }
        let runs = there(&mut self.failed, &self.inner, first, most);
        Ok(Heard::Messages(runs))
    }

    /// Reads these partitions, each from the offset named with it, and no others. 0 is the beginning of what is there; any
    /// other offset that the log does not hold makes [`Self::next`] fail with [`LogError::OffsetLost`].
    pub fn read_from(&self, offsets: &[(i32, u64)]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        for &(partition, offset) in offsets {
            let offset = match i64::try_from(offset) {
                Ok(1..) => Offset::Offset(offset.cast_signed()),
                _ => Offset::Beginning,
            };
            list.add_partition_offset(Topic::Records.name(), partition, offset)?;
        }
        Ok(self.inner.assign(&list)?)
    }

    /// Notes how far a partition has been committed to the ledger. The group is told within a second, for monitors of its lag.
    /// Nothing depends on it.
    pub fn note_progress(&mut self, partition: i32, next_offset: u64) {
        self.progress.insert(partition, next_offset);
    }

    /// Tells the group what was noted.
    fn tell_group(&mut self) {
        if self.progress.is_empty() {
            return;
        }
        self.tell_at = Instant::now() + TELL;
        let mut list = TopicPartitionList::new();
        let told = std::mem::take(&mut self.progress)
            .into_iter()
            .try_for_each(|(partition, next_offset)| {
                let offset = Offset::Offset(next_offset.cast_signed());
                list.add_partition_offset(Topic::Records.name(), partition, offset)
            })
            .and_then(|()| self.inner.commit(&list, CommitMode::Async));
        if let Err(error) = told {
            tracing::debug!(%error, "the group was not told of the progress");
        }
    }

    /// Leaves the group, so that others take over at once.
    pub async fn leave(mut self) -> Result<(), LogError> {
        self.tell_group();
        blocking(move || {
            drop(self);
            Ok(())
        })
        .await
    }
}

/// The error that was left over, or else what comes next. Cancel safe.
async fn next_of<'a>(
    failed: &mut Option<KafkaError>,
    inner: &'a StreamConsumer<Shares>,
) -> Result<BorrowedMessage<'a>, KafkaError> {
    match failed.take() {
        Some(error) => Err(error),
        None => inner.recv().await,
    }
}

/// The first message and those that are there behind it. An error among them ends them, and is left over.
fn there<'a>(
    failed: &mut Option<KafkaError>,
    inner: &'a StreamConsumer<Shares>,
    first: BorrowedMessage<'a>,
    most: usize,
) -> Vec<Run> {
    let mut runs: BTreeMap<i32, Vec<Message>> = BTreeMap::new();
    let mut taken = 0;
    let mut message = Some(first);
    while let Some(read) = message {
        runs.entry(read.partition()).or_default().push(Message {
            offset: read.offset().unsigned_abs(),
            key: read.key().map(<[u8]>::to_vec),
            payload: read.payload().unwrap_or_default().to_vec(),
        });
        taken += 1;
        let next = (taken < most)
            .then(|| inner.recv().now_or_never())
            .flatten();
        message = match next {
            Some(Err(error)) => {
                *failed = Some(error);
                None
            }
            next => next.and_then(Result::ok),
        };
    }
    let run = |(partition, messages)| Run {
        partition,
        messages,
    };
    runs.into_iter().map(run).collect()
}

/// Passes the group's decisions on as news. Assigned partitions are not read from the offsets that the group knows: the
/// owner answers with [`Consumer::read_from`] once the ledger has told where to begin.
struct Shares(Mutex<mpsc::UnboundedSender<Heard>>);

impl Shares {
    fn tell(&self, heard: Heard) {
        // Nobody listens any more once the consumer is being dropped.
        let _ = self.0.lock().send(heard);
    }
}

impl ClientContext for Shares {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        told(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the kafka client met an error");
    }
}

impl ConsumerContext for Shares {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        decision: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if decision == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let ours = partitions.elements();
            let ours = ours
                .iter()
                .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition);
            self.tell(Heard::Assigned(ours.collect()));
            return;
        }
        if decision != RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
            let code: RDKafkaErrorCode = decision.into();
            tracing::warn!(%code, "kafka could not share the partitions out");
        }
        if let Err(error) = consumer.unassign() {
            tracing::warn!(%error, "kafka did not take the partitions back");
        }
        self.tell(Heard::Revoked);
    }
}
