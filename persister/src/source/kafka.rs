//! Kafka as the log: a member of the group of persisters, reading each partition on from where the ledger says.

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::{Lifecycle, Outage};
use domain::Random;
use domain::event::AckLevel;
use domain::record::Record;
use kafka::{Consumer, Heard, Message, Producer, Settings, Topic, ensure_topics};
use ledger::Ledger;
use lua::{Marks, Store};
use tokio::sync::mpsc;

use super::{BATCH, SourceError, UNTOLD, bury, out_of_time, tell_again};
use crate::Parts;
use crate::writer::{Arrival, Halt, Raw, Run, Writer, Written};

/// Persists the partitions that the group gives us.
pub(crate) struct KafkaSource {
    settings: Settings,
    store: Store,
    ledger: Ledger,
    random: Arc<dyn Random>,
    lifecycle: Lifecycle,
}

/// The partitions that are ours, each with the next offset as the ledger holds it.
type Offsets = BTreeMap<i32, u64>;

impl KafkaSource {
    pub(crate) fn new(parts: Parts, settings: Settings) -> Self {
        Self {
            settings,
            store: parts.store,
            ledger: parts.ledger,
            random: parts.random,
            lifecycle: parts.lifecycle,
        }
    }

    /// Persists until the stop; the batch in hand is finished.
    pub(crate) async fn run(self) {
        tokio::select! {
            () = self.persist() => {}
            () = out_of_time(&self.lifecycle) => {}
        }
    }

    /// Persists through every outage, as a new member of the group after each.
    async fn persist(&self) {
        let mut outage = Outage::of("persister", Arc::clone(&self.random));
        while let Err(error) = self.persist_as_member(&mut outage).await {
            metrics::counter!("stanchion_persister_errors_total").increment(1);
            outage.failed(error).await;
        }
    }

    async fn persist_as_member(&self, outage: &mut Outage) -> Result<(), SourceError> {
        ensure_topics(&self.settings).await?;
        let dead_topic = Producer::new(&self.settings)?;
        let random = Arc::clone(&self.random);
        let writer = Writer::new(self.ledger.clone(), Some(dead_topic), random);
        let mut consumer = Consumer::join(&self.settings)?;
        let (written, untold) = mpsc::channel(UNTOLD);
        let ended = tokio::try_join!(
            self.consume(&mut consumer, &writer, outage, written),
            self.tell(untold)
        );
        consumer.leave().await?;
        ended.map(|((), ())| ())
    }

    /// Tells what was written, while the next batch is being written; ends when nothing more comes.
    async fn tell(&self, mut untold: mpsc::Receiver<Written>) -> Result<(), SourceError> {
        let mut marks = Marks::keeping(&self.store, &[AckLevel::Ledger]);
        loop {
            tokio::select! {
                written = untold.recv() => {
                    let Some(written) = written else {
                        return Ok(marks.note().await?);
                    };
                    bury(&self.store, &written).await?;
                    for (event, &ordinal) in &written.reached {
                        marks.tell(event, ordinal).await?;
                    }
                }
                () = marks.due() => marks.note().await?,
            }
        }
    }

    /// Takes what the group gives and writes what comes, until the stop.
    async fn consume(
        &self,
        consumer: &mut Consumer,
        writer: &Writer,
        outage: &mut Outage,
        untold: mpsc::Sender<Written>,
    ) -> Result<(), SourceError> {
        let mut ours = Offsets::new();
        loop {
            let heard = tokio::select! {
                heard = consumer.next(BATCH) => heard?,
                () = self.lifecycle.drained() => return Ok(()),
            };
            match heard {
                Heard::Assigned(partitions) => {
                    tracing::info!(?partitions, "this process persists partitions of the log");
                    ours = self.resume(consumer, partitions).await?;
                }
                Heard::Revoked => ours.clear(),
                Heard::Messages(runs) => {
                    for run in runs {
                        let Some(&from) = ours.get(&run.partition) else {
                            continue;
                        };
                        let written = self.write(writer, run.partition, from, run.messages).await;
                        let Ok(written) = written else {
                            let partitions = ours.into_keys().collect();
                            ours = self.resume(consumer, partitions).await?;
                            break;
                        };
                        ours.insert(run.partition, written.next);
                        consumer.note_progress(run.partition, written.next);
                        // Nobody hears it any more when telling failed, which ends this, too.
                        let _ = untold.send(written).await;
                    }
                    outage.over();
                }
            }
        }
    }

    /// Reads partitions on from where the ledger says, and tells what was committed by whoever had them before.
    async fn resume(
        &self,
        consumer: &mut Consumer,
        partitions: Vec<i32>,
    ) -> Result<Offsets, SourceError> {
        let mut offsets = Offsets::new();
        for partition in partitions {
            let topic = Topic::Records.name();
            let next = self.ledger.next_offset(topic, partition).await?;
            offsets.insert(partition, next);
            consumer.note_progress(partition, next);
        }
        for event in self.store.events().await? {
            tell_again(&self.store, &self.ledger, &event).await?;
        }
        let from: Vec<(i32, u64)> = offsets.iter().map(|(&p, &next)| (p, next)).collect();
        consumer.read_from(&from)?;
        Ok(offsets)
    }

    /// Writes a partition's messages.
    async fn write(
        &self,
        writer: &Writer,
        partition: i32,
        from: u64,
        messages: Vec<Message>,
    ) -> Result<Written, Halt> {
        let arrivals: Vec<Arrival> = messages.into_iter().map(arrival).collect();
        let run = Run {
            topic: Topic::Records.name(),
            partition,
            from,
            arrivals: &arrivals,
        };
        writer.write(run).await
    }
}

#[cfg(test)]
impl KafkaSource {
    /// Persists until something makes it begin again, and says what.
    pub(crate) async fn until_it_fails(&self) -> String {
        let mut outage = Outage::of("persister", Arc::clone(&self.random));
        match self.persist_as_member(&mut outage).await {
            Ok(()) => "stopped".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

fn arrival(message: Message) -> Arrival {
    Arrival {
        offset: message.offset,
        content: Record::from_json(&message.payload)
            .map_err(|not_a_record| not_a_record.to_string()),
        message: Some(Raw {
            key: message.key,
            payload: message.payload,
        }),
    }
}
