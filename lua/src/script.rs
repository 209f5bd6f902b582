//! The scripts and their calls: keys and arguments in, a tagged reply out.

use redis::aio::ConnectionManager;
use redis::{FromRedisValue, ScriptInvocation, ToRedisArgs, Value};
use tracing::Instrument as _;

use crate::connect::StoreError;

/// A script of `lua/scripts`, put together from the parts it uses and itself.
pub(crate) struct Script {
    body: redis::Script,
    span: fn() -> tracing::Span,
}

/// Makes a static of a script from its name and the parts that go before it: `script!(ENTER = "enter", "bulk", "places")`.
macro_rules! script {
    ($static:ident = $name:literal $(, $part:literal)*) => {
        static $static: std::sync::LazyLock<$crate::script::Script> = std::sync::LazyLock::new(|| {
            let span = || tracing::debug_span!(concat!("redis.", $name));
            $crate::script::Script::new(span, concat!(
                $(include_str!(concat!("../scripts/parts/", $part, ".lua")), "\n",)*
                include_str!(concat!("../scripts/", $name, ".lua")),
            ))
        });
    };
}
pub(crate) use script;

impl Script {
    /// The script with its whole text, and the span of its calls.
    pub(crate) fn new(span: fn() -> tracing::Span, text: &str) -> Self {
        Self {
            body: redis::Script::new(&mishaps::script(text)),
            span,
        }
    }

    /// Begins a call with the keys that the script's contract lists, in its order.
    pub(crate) fn keys<const N: usize>(&self, keys: [String; N]) -> Call<'_> {
        let mut invocation = self.body.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        Call {
            invocation,
            span: self.span,
        }
    }
}

/// A call under construction.
pub(crate) struct Call<'a> {
    invocation: ScriptInvocation<'a>,
    span: fn() -> tracing::Span,
}

impl Call<'_> {
    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        self.invocation.arg(arg);
        self
    }

    /// Runs the script.
    pub(crate) async fn run(self, connection: &ConnectionManager) -> Result<Reply, StoreError> {
        let mut connection = connection.clone();
        let value: Value = self
            .invocation
            .invoke_async(&mut connection)
            .instrument((self.span)())
            .await?;
        Reply::new(value)
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
