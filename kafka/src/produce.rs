//! Sending records to the log, in order, until the brokers have them.

use std::collections::VecDeque;
use std::time::Duration;

use domain::record::Record;
use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

use crate::settings::{LogError, Quiet, Settings};
use crate::topics::Topic;

/// How long a batch may take before it counts as not sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends records. Idempotent: the brokers drop what the library sends twice and keep the order.
pub struct Producer {
    settings: Settings,
    idle: Mutex<Option<Connection>>,
}

/// A message that could not be made a row, on its way to the dead letters' topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The partition of [`Topic::Records`] that it came from.
    pub partition: i32,
    /// Its offset there.
    pub offset: u64,
    /// Its key, if it had one.
    pub key: Option<Vec<u8>>,
    /// The message, byte for byte.
    pub payload: Vec<u8>,
    /// Why.
    pub reason: String,
}

impl Dead {
    fn message(&self) -> FutureRecord<'_, [u8], [u8]> {
        let (partition, offset) = (self.partition.to_string(), self.offset.to_string());
        let mut headers = OwnedHeaders::new();
        for (key, value) in [
            ("source-topic", Topic::Records.name()),
            ("source-partition", partition.as_str()),
            ("source-offset", offset.as_str()),
            ("reason", self.reason.as_str()),
        ] {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut message = FutureRecord::to(Topic::Dead.name())
            .payload(self.payload.as_slice())
            .headers(headers);
        message.key = self.key.as_deref();
        message
    }
}

impl Producer {
    /// A producer; nothing is sent yet, and Kafka may be away.
    pub fn new(settings: &Settings) -> Result<Self, LogError> {
        Ok(Self {
            idle: Mutex::new(Some(Connection::open(settings)?)),
            settings: settings.clone(),
        })
    }

    /// Sends records in order and resolves when the brokers have every one. After an error what was sent is unknown, but
    /// never out of order: send again, from the first record that was not acknowledged. The same holds when the future is
    /// dropped. One batch at a time; two at once may pass each other.
    pub async fn send(&self, records: &[Record]) -> Result<(), LogError> {
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            let json = record
                .to_json()
                .map_err(|error| LogError::Unavailable(error.to_string()))?;
            messages.push((record.event.as_str(), json));
        }
        let records = messages.iter().map(|(event, json)| {
            FutureRecord::to(Topic::Records.name())
                .key(event.as_bytes())
                .payload(json.as_slice())
        });
        self.deliver(records.collect::<Vec<_>>()).await
    }

    /// Sends messages that could not be made rows to the dead letters' topic, with where each came from in its headers.
    pub async fn send_dead(&self, dead: &[Dead]) -> Result<(), LogError> {
        self.deliver(dead.iter().map(Dead::message)).await
    }

    /// The connection is taken out for the time of the delivery. Unless it ends with every report in, the connection is
    /// dropped, and with it whatever was still waiting: no later record is delivered without the one before it.
    async fn deliver<'a>(
        &self,
        records: impl IntoIterator<Item = FutureRecord<'a, [u8], [u8]>>,
    ) -> Result<(), LogError> {
        let idle = self.idle.lock().take();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.settings)?,
        };
        match tokio::time::timeout(PATIENCE, connection.deliver(records)).await {
            Ok(Ok(())) => {
                *self.idle.lock() = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LogError::Unavailable(format!(
                "no acknowledgement in {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}

/// The client library's producer.
struct Connection(Option<FutureProducer<Quiet>>);

impl Connection {
    /// The library must never give a single message up by itself (`message.timeout.ms` 0, gapless): the log would then hold
    /// a record without the one before it. Java's partitioner (murmur2) lets other clients find an event's partition.
    fn open(settings: &Settings) -> Result<Self, LogError> {
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            .set("partitioner", "murmur2_random");
        Ok(Self(Some(config.create_with_context(Quiet)?)))
    }

    /// Hands the records over in order and waits for every delivery report.
    async fn deliver<'a>(
        &self,
        records: impl IntoIterator<Item = FutureRecord<'a, [u8], [u8]>>,
    ) -> Result<(), LogError> {
        let Some(producer) = &self.0 else {
            return Err(closed());
        };
        let mut waiting = VecDeque::new();
        for mut record in records {
            loop {
                match producer.send_result(record) {
                    Ok(report) => {
                        waiting.push_back(report);
                        break;
                    }
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                        record = returned;
                        match waiting.pop_front() {
                            Some(oldest) => arrived(oldest).await?,
                            None => tokio::time::sleep(Duration::from_millis(10)).await,
                        }
                    }
                    Err((error, _)) => return Err(error.into()),
                }
            }
        }
        for report in waiting {
            arrived(report).await?;
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// Closing throws away what waits, and takes a moment that no task should be held up for. What is still sent in that
    /// moment is in order, too.
    fn drop(&mut self) {
        let producer = self.0.take();
        std::thread::spawn(move || drop(producer));
    }
}

async fn arrived(report: DeliveryFuture) -> Result<(), LogError> {
    match report.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error.into()),
        Err(_) => Err(closed()),
    }
}

fn closed() -> LogError {
    LogError::Unavailable("the client was closed".to_owned())
}
