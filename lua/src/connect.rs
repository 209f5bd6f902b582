//! Connecting to Redis.

mod faults;

use std::sync::Arc;
use std::time::Duration;

use domain::Millis;
use redis::aio::{ConnectionManagerConfig, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    ProtocolVersion, RedisError,
};

use crate::batches::Batches;
use crate::door::Door;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that broke is made again in this many attempts with growing pauses, about half a second in all: calls that come
/// meanwhile wait for it, so that a short restart is not noticed, and are told soon when it is a long one.
const CONNECT_ATTEMPTS: usize = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// A connection on which nothing came for so long is probed, so often: one that only listens would else never notice that the other
/// end is gone without a word.
const SILENCE: Duration = Duration::from_secs(10);
const PROBES: Duration = Duration::from_secs(5);

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://…`, `rediss://…` (TLS) or `redis+unix:///path/to/socket`. With several hosts, separated by commas, they are nodes
    /// of a Redis Cluster, of which one suffices to find the others.
    pub url: String,
    /// How long a script may take before its outcome counts as unknown.
    pub response_timeout: Duration,
    /// Most records of one event that may wait in its outbox. At this bound no coupon is issued or moved and nobody is
    /// let in, and who enters or leaves is no longer recorded, until the log has taken some.
    pub outbox_max: u64,
}

impl Settings {
    /// Reaches `url` with the usual timeout of two seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            response_timeout: Duration::from_secs(2),
            outbox_max: 1_000_000,
        }
    }

    /// How long a gathered request may wait for its answer: for the call before its own, and its own.
    pub(crate) fn patience(&self) -> Duration {
        self.response_timeout * 2
    }

    /// The nodes of the URL.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let whole = || vec![self.url.clone()];
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return whole();
        };
        if scheme == "redis+unix" {
            return whole();
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let at = authority.rfind('@').map_or(0, |at| at + 1);
        let (credential, hosts) = authority.split_at(at);
        hosts
            .split(',')
            .map(|host| format!("{scheme}://{credential}{host}{path}"))
            .collect()
    }

    /// How to reach the node of a URL, with Nagle's delay off because every reply is waited for, and RESP3 because with it a
    /// connection that broke is noticed, and made again, before the next call. Silence is probed.
    pub(crate) fn way_to(url: &str) -> Result<ConnectionInfo, StoreError> {
        let info = url.into_connection_info()?;
        let redis = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(TcpKeepalive::new().with_time(SILENCE).with_interval(PROBES));
        Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
    }

    /// A connection to a Redis that stands alone, whose replies may take as long as they like: for commands that block.
    pub(crate) async fn patient_connection(&self) -> Result<MultiplexedConnection, StoreError> {
        connection(&Client::open(Self::way_to(&self.url)?)?, None).await
    }

    /// A connection that is never made again: every reply comes from the same process.
    pub(crate) async fn single_connection(
        &self,
        client: &Client,
    ) -> Result<MultiplexedConnection, StoreError> {
        connection(client, Some(self.response_timeout)).await
    }

    /// What a connection that is made again goes by.
    pub(crate) fn remade(&self) -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(self.response_timeout))
            .set_number_of_retries(CONNECT_ATTEMPTS)
            .set_min_delay(SHORTEST_PAUSE)
            .set_max_delay(LONGEST_PAUSE)
    }
}

async fn connection(
    client: &Client,
    response_timeout: Option<Duration>,
) -> Result<MultiplexedConnection, StoreError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(response_timeout);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// A connection that hears published messages.
pub(crate) async fn subscriber(client: &Client) -> Result<redis::aio::PubSub, StoreError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(StoreError::Unavailable("connecting timed out".to_owned())),
    }
}

/// A failed call to Redis. Whether it was carried out is what the variants tell apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Redis could not be reached, or refused the call before running it: nothing happened.
    #[error("redis is not available: {0}")]
    Unavailable(String),
    /// The reply was lost or late: the call may have been carried out.
    #[error("redis did not answer in time, the call may have been carried out: {0}")]
    Unknown(String),
    /// As many records of the event wait for the log as may ([`Settings::outbox_max`]): nothing happened, ask again later.
    #[error("the outbox is full: the log is away")]
    OutboxFull,
    /// The reply is not what the script's contract says.
    #[error("redis answered something unexpected: {0}")]
    Unexpected(String),
}

/// Error codes with which Redis refuses a call before running it.
const REFUSALS: [&str; 16] = [
    "LOADING",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "MISCONF",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "EXECABORT",
    "BUSY",
    "NOREPLICAS",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
];

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        let told = error.to_string();
        if error.is_connection_refusal() {
            return Self::Unavailable(told);
        }
        match error.kind() {
            // A timeout, or a connection that broke: the command may have been on its way.
            ErrorKind::Io => Self::Unknown(told),
            ErrorKind::InvalidClientConfig
            | ErrorKind::Client
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::RESP3NotSupported => Self::Unavailable(told),
            _ if error.code().is_some_and(|code| REFUSALS.contains(&code)) => {
                Self::Unavailable(told)
            }
            _ => Self::Unexpected(told),
        }
    }
}

/// The door to Redis. Cheap to clone; concurrent calls share one pipelined connection.
#[derive(Clone)]
pub struct Store {
    pub(crate) door: Door,
    pub(crate) batches: Arc<Batches>,
}

impl From<mishaps::Lost> for StoreError {
    fn from(lost: mishaps::Lost) -> Self {
        Self::Unknown(lost.to_string())
    }
}

impl Store {
    /// Connects; concurrent enters, looks, redeems, claims and assignments of an event are gathered into shared calls from then on.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let door = Door::open(settings).await?;
        let batches = Batches::new(&door, settings);
        Ok(Self {
            door,
            batches: Arc::new(batches),
        })
    }

    /// The connection, for a single command.
    pub(crate) fn connection(&self) -> Door {
        self.door.clone()
    }

    /// Redis answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(redis::cmd("PING")
            .query_async(&mut self.connection())
            .await?)
    }

    /// The present moment by the store's clock (`TIME`); of a cluster, by that of the primary with the list of events.
    pub async fn now(&self) -> Result<Millis, StoreError> {
        let told = redis::cmd("TIME")
            .query_async(&mut self.connection())
            .await?;
        Ok(millis(told))
    }
}

/// What `TIME` tells, seconds and microseconds, as a moment.
pub(crate) fn millis((seconds, micros): (i64, i64)) -> Millis {
    Millis(seconds * 1_000 + micros / 1_000)
}
