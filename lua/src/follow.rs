//! Following streams: one blocking read over many of them, on a connection of its own. A Redis Cluster reads no streams of different
//! slots together, so there each is asked for by itself, again and again. Dense ids make a missing entry visible.

use std::collections::HashMap;
use std::slice::from_ref;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use tokio::time::{Instant, sleep};

use crate::connect::{Settings, StoreError};
use crate::slots::{Slots, slot_of};

/// How long a cluster in which nothing new was found is left in peace.
const PAUSE: Duration = Duration::from_millis(50);

/// A reader. After an error, or when a read was abandoned, the next read uses new connections.
pub(crate) struct Follower {
    settings: Settings,
    reader: Option<Reader>,
}

enum Reader {
    /// Of a Redis that stands alone.
    Alone(MultiplexedConnection),
    /// Of the primaries of a cluster.
    Cluster(Vec<(Slots, MultiplexedConnection)>),
}

/// One entry of a stream with dense ids.
pub(crate) struct Entry {
    /// Its ordinal.
    pub(crate) n: u64,
    /// Names and values, by turns.
    fields: Vec<Value>,
}

impl Follower {
    /// Connects.
    pub(crate) async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self {
            settings: settings.clone(),
            reader: Some(Reader::connect(settings).await?),
        })
    }

    /// The next entries of the streams, each after the ordinal beside it, at most `most` per stream; waits at most `patience`
    /// for the first. Answers with the entries of each key that has any.
    pub(crate) async fn read(
        &mut self,
        streams: &[(String, u64)],
        most: usize,
        patience: Duration,
    ) -> Result<HashMap<String, Vec<Entry>>, StoreError> {
        if streams.is_empty() {
            sleep(patience).await;
            return Ok(HashMap::new());
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::connect(&self.settings).await?,
        };
        let within = patience + self.settings.response_timeout;
        let reading = reader.read(streams, most, patience);
        let replies = match tokio::time::timeout(within, reading).await {
            Ok(replies) => replies?,
            Err(_) => return Err(StoreError::Unknown("a read took too long".to_owned())),
        };
        self.reader = Some(reader);
        entries(replies)
    }
}

impl Reader {
    async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        if !settings.is_cluster() {
            return Ok(Self::Alone(settings.patient_connection().await?));
        }
        let primaries = settings.primaries().await?;
        let connected = primaries.into_iter().map(|primary| async move {
            let connection = settings.single_connection(&primary.client).await?;
            Ok::<_, StoreError>((primary.slots, connection))
        });
        Ok(Self::Cluster(try_join_all(connected).await?))
    }

    async fn read(
        &mut self,
        streams: &[(String, u64)],
        most: usize,
        patience: Duration,
    ) -> Result<Vec<Value>, StoreError> {
        let primaries = match self {
            Self::Alone(connection) => {
                let command = read_command(streams, most, patience);
                return Ok(vec![command.query_async(connection).await?]);
            }
            Self::Cluster(primaries) => primaries,
        };
        let questions = questions(primaries, streams, most)?;
        let until = Instant::now() + patience;
        loop {
            let asked = primaries.iter_mut().zip(&questions);
            let asked = asked.map(|((_, connection), question)| answers(connection, question));
            let replies = try_join_all(asked).await?.concat();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || replies.iter().any(|reply| *reply != Value::Nil) {
                return Ok(replies);
            }
            sleep(PAUSE.min(left)).await;
        }
    }
}

/// What each primary is asked, without waiting: for every stream that it serves.
fn questions(
    primaries: &[(Slots, MultiplexedConnection)],
    streams: &[(String, u64)],
    most: usize,
) -> Result<Vec<Pipeline>, StoreError> {
    let mut questions = vec![redis::pipe(); primaries.len()];
    for stream in streams {
        let slot = slot_of(stream.0.as_bytes());
        let serving = primaries.iter().position(|(slots, _)| slots.contains(slot));
        let serving = serving.ok_or_else(|| {
            StoreError::Unavailable("no primary serves the slot of a stream".to_owned())
        })?;
        questions[serving].add_command(read_command(from_ref(stream), most, Duration::ZERO));
    }
    Ok(questions)
}

async fn answers(
    connection: &mut MultiplexedConnection,
    question: &Pipeline,
) -> Result<Vec<Value>, RedisError> {
    if question.is_empty() {
        return Ok(Vec::new());
    }
    question.query_async(connection).await
}

/// Reads `{key: [[id, [name, value, …]], …], …}`, or nothing, of each reply.
fn entries(replies: Vec<Value>) -> Result<HashMap<String, Vec<Entry>>, StoreError> {
    let mut read = HashMap::new();
    for reply in replies {
        let streams = match reply {
            Value::Nil => Vec::new(),
            Value::Map(streams) => streams,
            _ => return Err(odd()),
        };
        for (key, entries) in streams {
            let entries: Result<_, _> = listed(entries)?.into_iter().map(Entry::read).collect();
            read.insert(text(key)?, entries?);
        }
    }
    Ok(read)
}

fn listed(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(odd()),
    }
}

fn text(value: Value) -> Result<String, StoreError> {
    redis::from_redis_value(value).map_err(|error| StoreError::Unexpected(error.to_string()))
}

fn odd() -> StoreError {
    StoreError::Unexpected("a stream of another shape".to_owned())
}

fn read_command(streams: &[(String, u64)], most: usize, patience: Duration) -> redis::Cmd {
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(most);
    // `BLOCK 0` would wait for ever.
    if !patience.is_zero() {
        let wait_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        command.arg("BLOCK").arg(wait_ms.max(1));
    }
    command.arg("STREAMS");
    for (key, _) in streams {
        command.arg(key);
    }
    for (_, after) in streams {
        command.arg(format!("{after}-0"));
    }
    command
}

impl Entry {
    fn read(entry: Value) -> Result<Self, StoreError> {
        let mut parts = listed(entry)?.into_iter();
        let (Some(id), Some(fields), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(odd());
        };
        let id = text(id)?;
        let n = id.strip_suffix("-0").and_then(|n| n.parse().ok());
        Ok(Self {
            n: n.ok_or_else(|| StoreError::Unexpected(format!("the stream id `{id}`")))?,
            fields: listed(fields)?,
        })
    }

    /// The field `name`.
    pub(crate) fn text(&self, name: &str) -> Result<String, StoreError> {
        let named =
            |field: &Value| matches!(field, Value::BulkString(known) if known == name.as_bytes());
        self.fields
            .chunks_exact(2)
            .find(|field| named(&field[0]))
            .and_then(|field| redis::from_redis_value_ref(&field[1]).ok())
            .ok_or_else(|| StoreError::Unexpected(format!("an entry without `{name}`")))
    }

    /// The field `name` as what it must be.
    pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, StoreError> {
        crate::script::parsed(&self.text(name)?)
    }
}
