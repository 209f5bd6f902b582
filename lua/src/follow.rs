//! Following streams: one blocking read over many of them, on a connection of its own. Dense ids make a missing entry visible.

use std::collections::HashMap;
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;

use crate::connect::{Settings, StoreError};

/// A blocking reader. After an error, or when a read was abandoned, the next read uses a new connection.
pub(crate) struct Follower {
    settings: Settings,
    connection: Option<MultiplexedConnection>,
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
            connection: Some(settings.patient_connection().await?),
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
            tokio::time::sleep(patience).await;
            return Ok(HashMap::new());
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.settings.patient_connection().await?,
        };
        let command = read_command(streams, most, patience);
        let within = patience + self.settings.response_timeout;
        let reply = match tokio::time::timeout(within, command.query_async(&mut connection)).await {
            Ok(reply) => reply?,
            Err(_) => return Err(StoreError::Unknown("a read took too long".to_owned())),
        };
        self.connection = Some(connection);
        entries(reply)
    }
}

/// Reads `{key: [[id, [name, value, …]], …], …}`, or nothing.
fn entries(reply: Value) -> Result<HashMap<String, Vec<Entry>>, StoreError> {
    let streams = match reply {
        Value::Nil => Vec::new(),
        Value::Map(streams) => streams,
        _ => return Err(odd()),
    };
    let mut read = HashMap::with_capacity(streams.len());
    for (key, entries) in streams {
        let key = redis::from_redis_value(key)
            .map_err(|error| StoreError::Unexpected(error.to_string()))?;
        let entries: Result<_, _> = listed(entries)?.into_iter().map(Entry::read).collect();
        read.insert(key, entries?);
    }
    Ok(read)
}

fn listed(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(odd()),
    }
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
        let id: String = redis::from_redis_value(id)
            .map_err(|error| StoreError::Unexpected(error.to_string()))?;
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
