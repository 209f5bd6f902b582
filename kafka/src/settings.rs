//! How to reach Kafka, what can go wrong there, and where its client's own messages go.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long a question to the brokers may take before it counts as not answered.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How to reach Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The brokers to begin with, as `host:port,…`.
    pub brokers: String,
    /// On how many brokers each record is kept, for topics that are made by us; 3 where there are that many.
    pub most_replicas: i32,
    /// How many brokers must have a record before it is acknowledged: topics of ours are made so, and those that promise less
    /// are named by [`crate::too_few_copies`].
    pub min_in_sync: u16,
}

/// A failed call to Kafka.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No answer, or one that may be different next time. Whether records that were being sent are in the log is unknown:
    /// send them again, in order, from the first that was not acknowledged.
    #[error("kafka is not available: {0}")]
    Unavailable(String),
    /// The log does not hold the offset that we have to read on from: it was cut off by retention, or made anew. Reading
    /// from elsewhere would skip or mix up records, so somebody has to decide.
    #[error("the log does not hold the offset to read on from: {0}")]
    OffsetLost(String),
    /// The topics are still to be made, and there are fewer brokers than must have each record.
    #[error(
        "{asked} brokers must have each record before it is acknowledged, and there are {brokers}"
    )]
    TooFewBrokers {
        /// How many must have it.
        asked: u16,
        /// How many there are.
        brokers: usize,
    },
}

impl From<KafkaError> for LogError {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Self::OffsetLost(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Is this news of a broken connection, which the client library mends by itself? It comes among the messages, once for
/// every attempt, and ends no call.
pub(crate) fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error,
        KafkaError::MessageConsumption(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::PollExceeded
        )
    )
}

impl Settings {
    /// The brokers, and the defaults for everything else.
    #[must_use]
    pub fn new(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            most_replicas: 3,
            min_in_sync: 1,
        }
    }

    /// What every client of ours starts from.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "stanchion")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "2000")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

/// Sends the client library's messages to our own log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quiet;

impl rdkafka::consumer::ConsumerContext for Quiet {}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        told(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the kafka client met an error");
    }
}

/// The library retries by itself and says so often; what it cannot mend comes back as an error of the call.
pub(crate) fn told(level: RDKafkaLogLevel, facility: &str, message: &str) {
    if matches!(level, RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug) {
        tracing::trace!(facility, message, "kafka client");
    } else {
        tracing::debug!(facility, message, "kafka client");
    }
}
