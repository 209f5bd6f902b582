//! The relay: moves records from the outboxes to the log, in each event's order, and forgets them only once the log has
//! acknowledged them. One process at a time does it, under a lease; two for a moment would only send duplicates.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Lifecycle, Outage};
use domain::event::AckLevel;
use domain::record::Record;
use domain::{EventId, Random};
use kafka::{LogError, Producer};
use lua::{Awake, Lease, Marks, OutboxReader, Store, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Interval, interval, sleep};

/// How long the stop waits for a log that does not answer; the records stay in the outbox for the next relay.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How often the outboxes are measured.
const MEASURE: Duration = Duration::from_secs(5);
/// About how many records are on their way at once.
const WINDOW: usize = 2_000;
/// How many of them one event may have at least, however many events there are: most of them are silent.
const SHARE: usize = 100;

/// What the relay works with.
pub struct Relay {
    pub store: Store,
    pub redis: lua::Settings,
    pub kafka: kafka::Settings,
    pub random: Arc<dyn Random>,
    pub lifecycle: Lifecycle,
}

/// Why a round failed. Nothing is lost by it: the records stay in the outbox.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Lost(#[from] mishaps::Lost),
}

/// How far each event has come.
type Ordinals = BTreeMap<EventId, u64>;

/// What one read found.
struct Found {
    records: Vec<Record>,
    /// The last ordinal of each event.
    ends: Ordinals,
}

impl Relay {
    /// Relays until the stop, then hands over what is there and gives the lease back.
    pub async fn run(self) {
        let lease = Lease::new(&self.store, "relay", self.random.as_ref());
        loop {
            tokio::select! {
                () = self.take(&lease) => {}
                () = self.lifecycle.stopping() => return,
            }
            tracing::info!("this process relays the outbox to the log");
            let lost = tokio::select! {
                () = lease.keep() => true,
                () = self.relay() => false,
                () = self.measure() => false,
                () = self.out_of_time() => false,
            };
            if !lost {
                break;
            }
            tracing::warn!("the lease of the relay is lost; another process may relay now");
        }
        lease.release().await;
    }

    /// Resolves when the lease is ours.
    async fn take(&self, lease: &Lease) {
        let mut outage = Outage::of("lease of the relay", self.random.clone());
        while let Err(error) = lease.take().await {
            outage.failed(error).await;
        }
        outage.over();
    }

    /// Resolves when the stop cannot wait for the log any longer.
    async fn out_of_time(&self) {
        self.lifecycle.drained().await;
        sleep(HAND_OVER).await;
    }

    /// Publishes how long the outboxes are; never resolves.
    async fn measure(&self) {
        let mut due = interval(MEASURE);
        loop {
            // The relay meets the same error, and tells of it.
            let _ = self.measure_awake(&mut due).await;
            due.tick().await;
        }
    }

    /// Measures the outboxes that were not empty, and those of which something was heard.
    async fn measure_awake(&self, due: &mut Interval) -> Result<Infallible, StoreError> {
        let mut awake = Awake::begin(&self.store, &self.redis).await?;
        loop {
            let mut filled = HashSet::new();
            for event in awake.events().await?.clone() {
                let length = self.store.outbox_length(&event).await?;
                #[expect(clippy::cast_precision_loss, reason = "no outbox holds 2^53 records")]
                metrics::gauge!("stanchion_outbox_length", "event" => event.to_string())
                    .set(length as f64);
                if length > 0 {
                    filled.insert(event);
                }
            }
            awake.keep(|event| filled.contains(event));
            due.tick().await;
        }
    }

    /// Relays through every outage; resolves at the stop, when nothing is left to hand over.
    async fn relay(&self) {
        let mut outage = Outage::of("relay to the log", self.random.clone());
        while let Err(error) = self.relay_connected(&mut outage).await {
            metrics::counter!("stanchion_relay_errors_total").increment(1);
            outage.failed(error).await;
        }
    }

    /// Relays with one connection to each side, beginning after what the log is known to have. While what is in the log is
    /// marked, the next records are read and sent.
    async fn relay_connected(&self, outage: &mut Outage) -> Result<(), RelayError> {
        kafka::ensure_topics(&self.kafka).await?;
        let producer = Producer::new(&self.kafka)?;
        let (arrived, to_mark) = mpsc::unbounded_channel();
        tokio::try_join!(self.move_on(&producer, outage, arrived), self.mark(to_mark))?;
        Ok(())
    }

    /// Reads and sends; resolves at the stop, when nothing is left.
    async fn move_on(
        &self,
        producer: &Producer,
        outage: &mut Outage,
        arrived: mpsc::UnboundedSender<Ordinals>,
    ) -> Result<(), RelayError> {
        let mut awake = Awake::begin(&self.store, &self.redis).await?;
        let mut reader = OutboxReader::connect(&self.redis).await?;
        let mut sent = Ordinals::new();
        loop {
            // Asked before reading, so that whatever the last request wrote is in the last read.
            let last = self.lifecycle.is_drained();
            if last {
                awake.wake_all().await?;
            }
            let found = self.read(&mut reader, &mut awake, &mut sent).await?;
            if found.records.is_empty() && last {
                return Ok(());
            }
            if !found.records.is_empty() {
                self.send(producer, &found).await?;
                sent.extend(found.ends.clone());
                // Nobody hears it any more when marking failed, which ends this, too.
                let _ = arrived.send(found.ends);
            }
            outage.over();
            tokio::select! {
                woken = awake.woken() => woken?,
                () = self.lifecycle.drained() => {}
            }
        }
    }

    /// The next records of the events that are awake; those that have none fall asleep.
    async fn read(
        &self,
        reader: &mut OutboxReader,
        awake: &mut Awake,
        sent: &mut Ordinals,
    ) -> Result<Found, StoreError> {
        let mut wanted = Vec::new();
        for event in awake.events().await? {
            if !sent.contains_key(event) {
                let in_the_log = self.store.watermarks(event).await?.log;
                sent.insert(event.clone(), in_the_log);
            }
            wanted.push((event.clone(), sent.get(event).copied().unwrap_or_default()));
        }
        let most = (WINDOW / wanted.len().max(1)).max(SHARE);
        let mut found = Found {
            records: Vec::new(),
            ends: Ordinals::new(),
        };
        for batch in reader.next(&wanted, most, Duration::ZERO).await? {
            if let Some(last) = batch.records.last() {
                found.ends.insert(batch.event, last.ordinal);
            }
            found.records.extend(batch.records);
        }
        awake.keep(|event| found.ends.contains_key(event));
        Ok(found)
    }

    /// Sends what was read, until the log has it.
    async fn send(&self, producer: &Producer, found: &Found) -> Result<(), RelayError> {
        if mishaps::planted("relay-trims-early") {
            for (event, last) in &found.ends {
                self.store.trim_outbox(event, *last).await?;
            }
        }
        mishaps::cross("relay.read")?;
        producer.send(&found.records).await?;
        mishaps::cross("relay.produced")?;
        metrics::counter!("stanchion_relay_records_total").increment(found.records.len() as u64);
        Ok(())
    }

    /// Tells those who wait what is in the log, and lets the outboxes forget it a moment later; resolves when nothing more comes.
    async fn mark(&self, mut arrived: mpsc::UnboundedReceiver<Ordinals>) -> Result<(), RelayError> {
        let mut marks = Marks::forgetting(&self.store, &[AckLevel::Log]);
        loop {
            tokio::select! {
                ends = arrived.recv() => {
                    let Some(mut ends) = ends else {
                        return Ok(marks.note().await?);
                    };
                    // Whatever arrived meanwhile is told in the same step.
                    while let Ok(later) = arrived.try_recv() {
                        ends.extend(later);
                    }
                    for (event, end) in ends {
                        marks.tell(&event, end).await?;
                        mishaps::cross("relay.told")?;
                    }
                }
                () = marks.due() => {
                    marks.note().await?;
                    mishaps::cross("relay.marked")?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::lifecycle::Ending;
    use chassis::system::SystemRandom;
    use kafka::Settings;
    use testbed::Kafka;

    use super::*;
    use crate::Parts;
    use crate::tests::rig::{Rig, eventually, issuer, open, parts, redeem_at};

    /// An issuer that relays to `kafka`, and the means to stop it.
    async fn relaying(rig: &Rig, kafka: &Settings) -> (axum::Router, Lifecycle) {
        let lifecycle = Lifecycle::new();
        let parts = Parts {
            kafka: Some(kafka.clone()),
            ..parts(&rig.settings, &rig.ledger, &lifecycle).await
        };
        let router = issuer(parts).await;
        (router, lifecycle)
    }

    /// Stops an issuer as the doors do: no request runs any more.
    async fn stopped(lifecycle: &Lifecycle) -> Ending {
        lifecycle.stop();
        lifecycle.set_drained();
        lifecycle.finish(chassis::lifecycle::STOP_DEADLINE).await
    }

    /// The ordinals of an event's records in the log, each where it stands first. A log that was just started may need a
    /// moment.
    async fn in_the_log(kafka: &Settings, event: &EventId) -> Vec<u64> {
        eventually("the log", async || {
            let mut ordinals = Vec::new();
            let found = |record: Result<Record, _>| {
                let ordinal = record.unwrap().ordinal;
                if !ordinals.contains(&ordinal) {
                    ordinals.push(ordinal);
                }
            };
            let read = kafka::records_of(kafka, &[event.clone()].into(), found).await;
            read.ok().map(|()| ordinals)
        })
        .await
    }

    /// Waits until the outbox of `event` is empty.
    async fn relayed(rig: &Rig, event: &EventId) {
        eventually("an empty outbox", async || {
            let left = rig.store.outbox_length(event).await.unwrap();
            (left == 0).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn records_reach_the_log_in_each_events_order_and_then_leave_the_outbox() {
        let rig = Rig::start().await;
        let kafka = Settings::new(Kafka::shared().brokers());
        let (router, _) = relaying(&rig, &kafka).await;
        let events = [
            rig.event("in-order-a", open(40, "redis")).await,
            rig.event("in-order-b", open(40, "redis")).await,
        ];
        let mut asking = tokio::task::JoinSet::new();
        for event in &events {
            for visitor in rig.visitors(event, 40).await {
                let (router, event) = (router.clone(), event.to_string());
                asking.spawn(async move { redeem_at(&router, &event, &visitor).await });
            }
        }
        for reply in asking.join_all().await {
            reply.passed(false);
        }
        for event in &events {
            relayed(&rig, event).await;
            let last = rig.store.watermarks(event).await.unwrap().log;
            assert!(last > 40, "forty issues and the event itself");
            let dense: Vec<u64> = (1..=last).collect();
            assert_eq!(in_the_log(&kafka, event).await, dense, "{event}");
        }
    }

    #[tokio::test]
    async fn a_pass_of_the_level_log_is_told_once_the_log_has_it() {
        let rig = Rig::start().await;
        let kafka = Settings::new(Kafka::shared().brokers());
        let (router, _) = relaying(&rig, &kafka).await;
        let event = rig.event("level-log", open(5, "log")).await;
        let visitor = rig.visitor(&event).await;
        let reply = redeem_at(&router, "level-log", &visitor).await;
        reply.passed(false);
        let ordinals = in_the_log(&kafka, &event).await;
        let id = reply.body["record_id"].as_str().unwrap();
        let told = ordinals.iter().any(|n| id == format!("level-log:1:{n}"));
        assert!(told, "{id} of {ordinals:?}");
    }

    #[tokio::test]
    async fn while_the_log_is_away_nothing_is_forgotten_and_then_nothing_is_missing() {
        let rig = Rig::start().await;
        let server = Kafka::start().unwrap();
        let kafka = Settings::new(server.brokers());
        let (router, _) = relaying(&rig, &kafka).await;
        let event = rig.event("away", open(20, "redis")).await;
        let visitors = rig.visitors(&event, 20).await;
        for visitor in &visitors[..10] {
            redeem_at(&router, "away", visitor).await.passed(false);
        }
        relayed(&rig, &event).await;
        let before = rig.store.watermarks(&event).await.unwrap().log;
        server.stop().unwrap();
        for visitor in &visitors[10..] {
            redeem_at(&router, "away", visitor).await.passed(false);
        }
        let kept = rig.store.outbox_length(&event).await.unwrap();
        assert!(kept >= 10, "{kept} records are kept");
        assert_eq!(rig.store.watermarks(&event).await.unwrap().log, before);
        server.start_again().unwrap();
        relayed(&rig, &event).await;
        let dense: Vec<u64> = (1..=before + kept).collect();
        assert_eq!(in_the_log(&kafka, &event).await, dense);
    }

    #[tokio::test]
    async fn the_stop_hands_the_outbox_over_and_another_relay_goes_on() {
        let rig = Rig::start().await;
        let kafka = Settings::new(Kafka::shared().brokers());
        let event = rig.event("hand-over", open(60, "redis")).await;
        let visitors = rig.visitors(&event, 60).await;
        let (router, lifecycle) = relaying(&rig, &kafka).await;
        relayed(&rig, &event).await;
        for visitor in &visitors[..50] {
            redeem_at(&router, "hand-over", visitor).await.passed(false);
        }
        assert_eq!(stopped(&lifecycle).await, Ending::Clean);
        assert_eq!(rig.store.outbox_length(&event).await.unwrap(), 0);
        let next = Lease::new(&rig.store, "relay", &SystemRandom);
        assert!(next.hold().await.unwrap(), "given back");
        next.release().await;

        let (router, _) = relaying(&rig, &kafka).await;
        for visitor in &visitors[50..] {
            redeem_at(&router, "hand-over", visitor).await.passed(false);
        }
        relayed(&rig, &event).await;
        let last = rig.store.watermarks(&event).await.unwrap().log;
        let dense: Vec<u64> = (1..=last).collect();
        assert_eq!(in_the_log(&kafka, &event).await, dense);
    }

    /// All that the log holds of an event, as often as it holds it.
    async fn everything(kafka: &Settings, event: &EventId) -> Vec<Record> {
        let mut records = Vec::new();
        let found = |record: Result<Record, _>| records.push(record.unwrap());
        kafka::records_of(kafka, &[event.clone()].into(), found)
            .await
            .unwrap();
        records
    }

    /// What the ledger counts when it is given these records.
    async fn made_rows(rig: &Rig, records: &[Record]) -> ledger::Committed {
        let step = ledger::Step {
            topic: "log".to_owned(),
            partition: 0,
            from: 0,
            to: records.len() as u64,
        };
        let records: Vec<&Record> = records.iter().collect();
        let batch = ledger::Batch {
            records: &records,
            step: &step,
        };
        let staged = rig.ledger.stage(batch).await.unwrap();
        staged.commit().await.unwrap()
    }

    #[tokio::test]
    async fn two_relays_and_one_that_slept_lose_nothing_reorder_nothing_and_bring_what_is_counted()
    {
        let rig = Rig::start().await;
        let kafka = Settings::new(Kafka::shared().brokers());
        let event = rig.event("two-relays", open(60, "redis")).await;
        let visitors = rig.visitors(&event, 60).await;
        for visitor in &visitors[..20] {
            rig.redeem(&event, visitor).await.passed(false);
        }
        let mut reader = OutboxReader::connect(&rig.settings).await.unwrap();
        let read = reader
            .next(&[(event.clone(), 0)], 1_000, Duration::ZERO)
            .await;
        let slept = read.unwrap().remove(0).records;
        for _ in 0..2 {
            let relay = Relay {
                store: rig.store.clone(),
                redis: rig.settings.clone(),
                kafka: kafka.clone(),
                random: Arc::new(SystemRandom),
                lifecycle: rig.lifecycle.clone(),
            };
            // Each takes the lease for its own.
            tokio::spawn(async move { relay.relay().await });
        }
        for visitor in &visitors[20..] {
            rig.redeem(&event, visitor).await.passed(false);
        }
        relayed(&rig, &event).await;
        let producer = Producer::new(&kafka).unwrap();
        producer.send(&slept).await.unwrap();

        let last = rig.store.watermarks(&event).await.unwrap().log;
        let dense: Vec<u64> = (1..=last).collect();
        assert_eq!(in_the_log(&kafka, &event).await, dense);
        let records = everything(&kafka, &event).await;
        let issues = records
            .iter()
            .filter(|record| record.fact.kind() == "coupon.issued");
        let brought = issues.count() as u64;
        assert!(brought >= 80, "twenty came twice at least: {brought}");
        let counted = made_rows(&rig, &records).await;
        assert_eq!((counted.issued, counted.duplicates), (60, brought - 60));
        assert_eq!((counted.anomalies, counted.late), (0, 0));
    }

    #[tokio::test]
    async fn the_stop_does_not_wait_for_a_log_that_is_away() {
        let rig = Rig::start().await;
        let nowhere = format!("127.0.0.1:{}", testbed::free_port().unwrap());
        let event = rig.event("nowhere", open(5, "redis")).await;
        let (_, lifecycle) = relaying(&rig, &Settings::new(&nowhere)).await;
        let kept = rig.store.outbox_length(&event).await.unwrap();
        assert!(kept > 0);
        assert_eq!(stopped(&lifecycle).await, Ending::Clean);
        assert_eq!(rig.store.outbox_length(&event).await.unwrap(), kept);
    }

    #[tokio::test]
    async fn only_the_holder_of_the_lease_relays() {
        let rig = Rig::start().await;
        let kafka = Settings::new(Kafka::shared().brokers());
        let other = Lease::new(&rig.store, "relay", &SystemRandom);
        other.take().await.unwrap();
        let kept = tokio::spawn({
            let other = other.clone();
            async move { other.keep().await }
        });
        let event = rig.event("leased", open(5, "redis")).await;
        let (_, lifecycle) = relaying(&rig, &kafka).await;
        assert_eq!(stopped(&lifecycle).await, Ending::Clean);
        assert!(rig.store.outbox_length(&event).await.unwrap() > 0);
        let (_, _running) = relaying(&rig, &kafka).await;
        kept.abort();
        other.release().await;
        relayed(&rig, &event).await;
    }
}
