//! The two topics: made when missing, looked at by the doctor.

use domain::Fault;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;

use crate::settings::{LogError, PATIENCE, Settings};

/// A topic of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The records; the key is the event, so that an event's records keep their order.
    Records,
    /// Messages that could not be made rows of the ledger.
    Dead,
}

impl Topic {
    /// Both topics.
    pub const ALL: [Self; 2] = [Self::Records, Self::Dead];

    /// Its name in Kafka.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "coupon.records",
            Self::Dead => "coupon.records.dead",
        }
    }

    /// How many partitions it is made with.
    #[must_use]
    pub fn partitions(self) -> i32 {
        match self {
            Self::Records => 6,
            Self::Dead => 3,
        }
    }
}

/// Makes the topics that are missing and waits until every partition of both has a leader. Records are kept for ever; with
/// three brokers a record is acknowledged when two have it.
pub async fn ensure_topics(settings: &Settings) -> Result<(), LogError> {
    let admin: AdminClient<DefaultClientContext> = settings.client().create()?;
    let brokers = metadata(settings).await?.brokers().len();
    let replicas = i32::try_from(brokers)
        .unwrap_or(i32::MAX)
        .clamp(1, settings.most_replicas);
    let in_sync = if replicas >= 3 { "2" } else { "1" };
    let missing = Topic::ALL.map(|topic| {
        let replication = TopicReplication::Fixed(replicas);
        NewTopic::new(topic.name(), topic.partitions(), replication)
            .set("min.insync.replicas", in_sync)
            .set("retention.ms", "-1")
            .set("cleanup.policy", "delete")
    });
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    for made in admin.create_topics(&missing, &options).await? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(LogError::Unavailable(format!(
                    "topic {topic} was not made: {code}"
                )));
            }
        }
    }
    led(settings).await
}

/// Waits until every partition of every topic has a leader.
async fn led(settings: &Settings) -> Result<(), LogError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let metadata = metadata(settings).await?;
        let waiting = Topic::ALL.into_iter().find(|topic| {
            let partitions = partitions(&metadata, *topic);
            partitions.is_empty() || partitions.iter().any(|partition| partition.leader() < 0)
        });
        let Some(topic) = waiting else { return Ok(()) };
        if tokio::time::Instant::now() > deadline {
            return Err(LogError::Unavailable(format!(
                "topic {} has partitions without a leader",
                topic.name()
            )));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// What the doctor has to say: topics that are missing or cut differently, and records kept on too few brokers. An error when
/// no broker answers.
pub async fn faults(settings: &Settings) -> Result<Vec<Fault>, LogError> {
    let metadata = metadata(settings).await?;
    let mut faults = Vec::new();
    for topic in Topic::ALL {
        let held = partitions(&metadata, topic);
        if held.is_empty() {
            faults.push(Fault {
                setting: format!("topic {}", topic.name()),
                held: "missing".to_owned(),
                mend: "start the issuer or the persister once, with a user that may make topics"
                    .to_owned(),
            });
            continue;
        }
        let replicas = held.iter().map(|partition| partition.replicas().len());
        let replicas = replicas.min().unwrap_or(0);
        if replicas < 3 {
            faults.push(Fault {
                setting: format!("replication of {}", topic.name()),
                held: replicas.to_string(),
                mend: "keep each record on 3 brokers; with fewer, one lost disk can take acknowledged records".to_owned(),
            });
        } else if in_sync(settings, topic).await? < 2 {
            faults.push(Fault {
                setting: format!("min.insync.replicas of {}", topic.name()),
                held: "1".to_owned(),
                mend: "set it to 2, so that an acknowledged record is on two brokers".to_owned(),
            });
        }
    }
    Ok(faults)
}

/// The topic's `min.insync.replicas`.
async fn in_sync(settings: &Settings, topic: Topic) -> Result<u32, LogError> {
    let admin: AdminClient<DefaultClientContext> = settings.client().create()?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let specifier = ResourceSpecifier::Topic(topic.name());
    let described = admin.describe_configs([&specifier], &options).await?;
    let held = described
        .iter()
        .filter_map(|resource| resource.as_ref().ok())
        .find_map(|resource| {
            resource
                .get("min.insync.replicas")?
                .value
                .as_ref()?
                .parse()
                .ok()
        });
    held.ok_or_else(|| LogError::Unavailable("the topic's settings cannot be read".to_owned()))
}

/// What the brokers say about themselves and our topics.
async fn metadata(settings: &Settings) -> Result<Metadata, LogError> {
    let admin: AdminClient<DefaultClientContext> = settings.client().create()?;
    blocking(move || Ok(admin.inner().fetch_metadata(None, PATIENCE)?)).await
}

fn partitions(metadata: &Metadata, topic: Topic) -> &[rdkafka::metadata::MetadataPartition] {
    let mut topics = metadata.topics().iter();
    topics
        .find(|held| held.name() == topic.name())
        .map_or(&[], |held| held.partitions())
}

/// Runs a blocking call of the client library where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(outcome) => outcome,
        Err(error) => Err(LogError::Unavailable(error.to_string())),
    }
}
