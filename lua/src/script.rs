//! The scripts and their calls: keys and arguments in, a tagged reply out.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::once::Once;
use parking_lot::RwLock;
use redis::aio::ConnectionLike;
use redis::{Cmd, FromRedisValue, RedisError, ToRedisArgs, Value};
use tracing::Instrument as _;

use crate::connect::StoreError;
use crate::door::Door;
use crate::keys::Keys;
use crate::node::Node;
use crate::slots::{is_one_slot, slot_of_first};

/// A script of `lua/scripts`, put together from the parts it uses and itself.
pub(crate) struct Script {
    text: String,
    /// Does it run on every Redis, also on one that is not recognised?
    open: bool,
    span: fn() -> tracing::Span,
    /// What Redis calls the script, by incarnation.
    hashes: RwLock<BTreeMap<u64, Arc<str>>>,
}

/// Makes a static of a script from its name and the parts that go before it: `script!(ENTER = "enter", "bulk", "places")`.
/// Scripts whose calls may come with an idempotency key, their last key and argument, stand inside the part "once":
/// `script!(once ADD_CODES = "add_codes")`, and are called with [`Call::once`].
/// Scripts that tell nothing of an event may run while Redis is not recognised: `script!(open HOLD_LEASE = "hold_lease")`.
macro_rules! script {
    (open $static:ident = $name:literal $(, $part:literal)*) => {
        $crate::script::script!(@ true, $static, $name $(, $part)*);
    };
    (once $static:ident = $name:literal $(, $part:literal)*) => {
        static $static: std::sync::LazyLock<$crate::script::Script> = std::sync::LazyLock::new(|| {
            let span = || tracing::debug_span!(concat!("redis.", $name));
            $crate::script::Script::new(false, span, concat!(
                $(include_str!(concat!("../scripts/parts/", $part, ".lua")), "\n",)*
                include_str!("../scripts/parts/once.lua"),
                "\nlocal function step()\n",
                include_str!(concat!("../scripts/", $name, ".lua")),
                "\nend\nreturn once(table.remove(KEYS), table.remove(ARGV), step)\n",
            ))
        });
    };
    ($static:ident = $name:literal $(, $part:literal)*) => {
        $crate::script::script!(@ false, $static, $name $(, $part)*);
    };
    (@ $open:literal, $static:ident, $name:literal $(, $part:literal)*) => {
        static $static: std::sync::LazyLock<$crate::script::Script> = std::sync::LazyLock::new(|| {
            let span = || tracing::debug_span!(concat!("redis.", $name));
            $crate::script::Script::new($open, span, concat!(
                $(include_str!(concat!("../scripts/parts/", $part, ".lua")), "\n",)*
                include_str!(concat!("../scripts/", $name, ".lua")),
            ))
        });
    };
}
pub(crate) use script;

/// The tag with which a script refuses a whole call because too many records wait for the log.
const OUTBOX_FULL: &[u8] = b"outbox-full";
/// Tags that a Redis which forgot everything would answer, too.
const DOUBTFUL: [&[u8]; 3] = [b"no-such-event", b"no-such-book", b"created"];

impl Script {
    /// The script with its whole text, and the span of its calls.
    pub(crate) fn new(open: bool, span: fn() -> tracing::Span, text: &str) -> Self {
        Self {
            text: mishaps::script(text).into_owned(),
            open,
            span,
            hashes: RwLock::default(),
        }
    }

    /// Begins a call with the keys that the script's contract lists, in its order.
    pub(crate) fn keys(&self, keys: impl Into<Vec<String>>) -> Call<'_> {
        Call {
            script: self,
            keys: keys.into(),
            args: Vec::new(),
        }
    }

    /// The command that gives it to Redis, as of an incarnation.
    pub(crate) fn load(&self, incarnation: u64) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.text_in(incarnation));
        command
    }

    fn text_in(&self, incarnation: u64) -> String {
        format!("local INCARNATION = '{incarnation}'\n{}", self.text)
    }

    fn hash(&self, incarnation: u64) -> Arc<str> {
        if let Some(known) = self.hashes.read().get(&incarnation) {
            return Arc::clone(known);
        }
        let hash: Arc<str> = redis::Script::new(&self.text_in(incarnation))
            .get_hash()
            .into();
        self.hashes.write().insert(incarnation, Arc::clone(&hash));
        hash
    }
}

/// A call under construction.
pub(crate) struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call<'_> {
    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    /// Names what keeps the call from taking effect twice; for every call of a script that stands inside the part "once", after
    /// all its keys and arguments.
    pub(crate) fn once(mut self, keys: &Keys<'_>, once: Option<&Once>) -> Self {
        self.keys.push(keys.once(once.map_or("-", Once::name)));
        self.arg(once.map_or("", Once::digest))
    }

    /// Runs the script.
    pub(crate) async fn run(self, door: &Door) -> Result<Reply, StoreError> {
        let span = (self.script.span)();
        self.run_in(door).instrument(span).await
    }

    async fn run_in(&self, door: &Door) -> Result<Reply, StoreError> {
        debug_assert!(is_one_slot(&self.keys), "in several slots: {:?}", self.keys);
        let slot = || slot_of_first(&self.keys);
        let sent = || door.at(slot, |node| async move { self.sent(&node).await });
        let value = match sent().await {
            // Given and run in one: a recovery may make Redis forget its scripts at any moment.
            Err(error) if error.code() == Some("NOSCRIPT") && self.script.open => {
                let evaluated =
                    |node: Arc<Node>| async move { self.evaluate(&mut node.connection()).await };
                door.at(slot, evaluated).await?
            }
            Err(error) if error.code() == Some("NOSCRIPT") => {
                door.node(slot)?.load(self.script).await?;
                sent().await?
            }
            answered => answered?,
        };
        let reply = Reply::new(value)?;
        if reply.begins_with(&[OUTBOX_FULL]) {
            return Err(StoreError::OutboxFull);
        }
        if !self.script.open && reply.begins_with(&DOUBTFUL) {
            door.node(slot)?.confirm().await?;
        }
        Ok(reply)
    }

    /// Runs a script on one connection, whatever Redis is at its other end; for scripts that are called now and then.
    pub(crate) async fn run_on(
        self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> Result<Reply, StoreError> {
        Reply::new(self.evaluate(connection).await?)
    }

    async fn evaluate(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> Result<Value, RedisError> {
        let mut command = redis::cmd("EVAL");
        command.arg(self.script.text_in(0));
        self.with_keys(command).query_async(connection).await
    }

    async fn sent(&self, node: &Node) -> Result<Value, RedisError> {
        let incarnation = if self.script.open {
            0
        } else {
            node.incarnation()
        };
        let mut command = redis::cmd("EVALSHA");
        command.arg(&*self.script.hash(incarnation));
        let mut connection = node.connection();
        self.with_keys(command).query_async(&mut connection).await
    }

    fn with_keys(&self, mut command: Cmd) -> Cmd {
        command.arg(self.keys.len()).arg(&self.keys);
        for arg in &self.args {
            command.arg(arg);
        }
        command
    }
}

/// The first element of a reply, as an enum that knows its texts.
pub(crate) trait Tag: Sized {
    /// The tag with this text.
    fn read(text: &str) -> Option<Self>;
}

/// Reads a tag.
pub(crate) fn tag<T: Tag>(text: &str) -> Result<T, StoreError> {
    T::read(text).ok_or_else(|| StoreError::Unexpected(format!("the tag `{text}`")))
}

/// Makes an enum of a script's tags, so that the `match` that decodes them has no default arm.
macro_rules! tags {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        #[derive(Clone, Copy)]
        enum $name { $($variant),+ }

        impl $crate::script::Tag for $name {
            fn read(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use tags;

/// A reply that is read element by element.
pub(crate) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    fn new(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            other => Err(StoreError::Unexpected(format!("not a list: {other:?}"))),
        }
    }

    /// Is its tag one of these?
    fn begins_with(&self, tags: &[&[u8]]) -> bool {
        let first = self.0.as_slice().first();
        matches!(first, Some(Value::BulkString(tag)) if tags.contains(&tag.as_slice()))
    }

    /// The next element.
    pub(crate) fn take<T: FromRedisValue>(&mut self) -> Result<T, StoreError> {
        let value = self
            .0
            .next()
            .ok_or_else(|| StoreError::Unexpected("the reply is too short".to_owned()))?;
        T::from_redis_value(value).map_err(|error| StoreError::Unexpected(error.to_string()))
    }

    /// The next element as a tag.
    pub(crate) fn tag<T: Tag>(&mut self) -> Result<T, StoreError> {
        tag(&self.take::<String>()?)
    }

    /// The next element as a text that is an id, a number, a phase …
    pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
    ) -> Result<T, StoreError> {
        let text: String = self.take()?;
        parsed(&text)
    }

    /// The next element, a list, as a reply of its own.
    pub(crate) fn list(&mut self) -> Result<Self, StoreError> {
        self.take().and_then(Self::new)
    }

    /// The rest, all of one kind.
    pub(crate) fn rest<T: FromRedisValue>(mut self) -> Result<Vec<T>, StoreError> {
        (0..self.0.len()).map(|_| self.take()).collect()
    }

    /// The rest: one list for each of `asked`, read by `read`.
    pub(crate) fn each_with<Q, A>(
        mut self,
        asked: &[Q],
        read: impl Fn(&Q, Self) -> Result<A, StoreError>,
    ) -> Result<Vec<A>, StoreError> {
        asked.iter().map(|one| read(one, self.list()?)).collect()
    }
}

/// Reads a text of the store as what it must be.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Unexpected(format!("`{text}`: {error}")))
}
