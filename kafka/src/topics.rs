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

/// How a topic of ours is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Copies {
    /// On so many brokers each record is kept.
    replicas: i32,
    /// So many of them have it when it is acknowledged.
    in_sync: u16,
}

impl Copies {
    /// With three brokers a record is acknowledged when two have it; with more or fewer as `settings` ask.
    fn among(brokers: usize, settings: &Settings) -> Result<Self, LogError> {
        let asked = settings.min_in_sync;
        if brokers < usize::from(asked) {
            return Err(LogError::TooFewBrokers { asked, brokers });
        }
        let most = settings.most_replicas.max(i32::from(asked));
        let replicas = i32::try_from(brokers).unwrap_or(i32::MAX).clamp(1, most);
        let usual = if replicas >= 3 { 2 } else { 1 };
        Ok(Self {
            replicas,
            in_sync: asked.max(usual),
        })
    }
}

/// Makes the topics that are missing and waits until every partition of both has a leader. Records are kept for ever.
pub async fn ensure_topics(settings: &Settings) -> Result<(), LogError> {
    let metadata = metadata(settings).await?;
    let mut missing = Topic::ALL.to_vec();
    missing.retain(|topic| partitions(&metadata, *topic).is_empty());
    if !missing.is_empty() {
        let copies = Copies::among(metadata.brokers().len(), settings)?;
        make(settings, &missing, copies).await?;
    }
    led(settings).await
}

/// Makes topics; somebody else may be doing the same.
async fn make(settings: &Settings, missing: &[Topic], copies: Copies) -> Result<(), LogError> {
    let admin: AdminClient<DefaultClientContext> = settings.client().create()?;
    let in_sync = copies.in_sync.to_string();
    let missing = missing.iter().map(|topic| {
        let replication = TopicReplication::Fixed(copies.replicas);
        NewTopic::new(topic.name(), topic.partitions(), replication)
            .set("min.insync.replicas", &in_sync)
            .set("retention.ms", "-1")
            .set("cleanup.policy", "delete")
    });
    let options = AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE));
    let missing: Vec<NewTopic> = missing.collect();
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
    Ok(())
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

/// What the doctor has to say: topics that are missing, and records kept on too few brokers. An error when no broker answers.
pub async fn faults(settings: &Settings) -> Result<Vec<Fault>, LogError> {
    let metadata = metadata(settings).await?;
    let mut faults = Vec::new();
    for topic in Topic::ALL {
        let Some(replicas) = replicas(&metadata, topic) else {
            faults.push(Fault {
                setting: format!("topic {}", topic.name()),
                held: "missing".to_owned(),
                mend: "start the issuer or the persister once, with a user that may make topics"
                    .to_owned(),
            });
            continue;
        };
        let in_sync = in_sync(settings, topic).await?;
        if let Some(fault) = too_few(settings.min_in_sync, topic, replicas, in_sync) {
            faults.push(fault);
        } else if replicas < 3 {
            faults.push(Fault {
                setting: format!("replication of {}", topic.name()),
                held: replicas.to_string(),
                mend: "keep each record on 3 brokers; with fewer, one lost disk can take acknowledged records".to_owned(),
            });
        } else if in_sync < 2 {
            faults.push(Fault {
                setting: format!("min.insync.replicas of {}", topic.name()),
                held: "1".to_owned(),
                mend: "set it to 2, so that an acknowledged record is on two brokers".to_owned(),
            });
        }
    }
    Ok(faults)
}

/// The topics that acknowledge a record before as many brokers have it as must ([`Settings::min_in_sync`]). One that is missing
/// is none of them.
pub async fn too_few_copies(settings: &Settings) -> Result<Vec<Fault>, LogError> {
    let mut faults = Vec::new();
    if settings.min_in_sync <= 1 {
        // No topic promises less, whoever may read its settings.
        return Ok(faults);
    }
    let metadata = metadata(settings).await?;
    for topic in Topic::ALL {
        if let Some(replicas) = replicas(&metadata, topic) {
            let in_sync = in_sync(settings, topic).await?;
            faults.extend(too_few(settings.min_in_sync, topic, replicas, in_sync));
        }
    }
    Ok(faults)
}

/// Does a topic acknowledge a record that fewer than `asked` brokers have? Where it is kept on fewer brokers than
/// `min.insync.replicas` says, Kafka is content with those.
fn too_few(asked: u16, topic: Topic, replicas: usize, in_sync: u16) -> Option<Fault> {
    let name = topic.name();
    if in_sync < asked {
        Some(Fault {
            setting: format!("min.insync.replicas of {name}"),
            held: in_sync.to_string(),
            mend: format!(
                "set it to {asked} (kafka-configs.sh --alter --topic {name} --add-config min.insync.replicas={asked}), \
                 or ask for less with --kafka-min-isr"
            ),
        })
    } else if replicas < usize::from(asked) {
        Some(Fault {
            setting: format!("replication of {name}"),
            held: replicas.to_string(),
            mend: format!(
                "keep it on {asked} brokers at least (kafka-reassign-partitions.sh), or ask for less with --kafka-min-isr"
            ),
        })
    } else {
        None
    }
}

/// The topic's `min.insync.replicas`.
async fn in_sync(settings: &Settings, topic: Topic) -> Result<u16, LogError> {
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

/// On how many brokers the topic's records are kept, at least; `None` when it is missing.
fn replicas(metadata: &Metadata, topic: Topic) -> Option<usize> {
    let held = partitions(metadata, topic).iter();
    held.map(|partition| partition.replicas().len()).min()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_made_with_as_many_copies_as_are_asked_for_and_never_with_fewer() {
        // Brokers, asked for; replicas and how many have a record when it is acknowledged.
        let table = [
            (1, 1, Some((1, 1))),
            (2, 1, Some((2, 1))),
            (3, 1, Some((3, 2))),
            (9, 1, Some((3, 2))),
            (2, 2, Some((2, 2))),
            (5, 3, Some((3, 3))),
            (5, 4, Some((4, 4))),
            (1, 2, None),
            (0, 1, None),
        ];
        for (brokers, asked, made) in table {
            let settings = Settings {
                min_in_sync: asked,
                ..Settings::new("none")
            };
            let copies = Copies::among(brokers, &settings).ok();
            let copies = copies.map(|copies| (copies.replicas, copies.in_sync));
            assert_eq!(copies, made, "{brokers} brokers, {asked} asked for");
        }
    }

    #[test]
    fn a_topic_promises_no_more_than_the_brokers_that_it_is_kept_on() {
        // Asked for, replicas, min.insync.replicas; what is named.
        let table = [
            (1, 1, 1, None),
            (2, 3, 2, None),
            (2, 3, 1, Some("min.insync.replicas of coupon.records")),
            (2, 1, 1, Some("min.insync.replicas of coupon.records")),
            (2, 1, 2, Some("replication of coupon.records")),
        ];
        for (asked, replicas, in_sync, named) in table {
            let fault = too_few(asked, Topic::Records, replicas, in_sync);
            let setting = fault.as_ref().map(|fault| fault.setting.as_str());
            assert_eq!(setting, named, "{asked} {replicas} {in_sync}");
        }
    }
}
