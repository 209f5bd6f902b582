//! Points between two durable steps, where a test may kill the process or lose the reply, and errors that it may plant to
//! see them caught. A build without debug assertions holds none of it: every function here is then a constant.
//!
//! The environment variable `MISHAPS` says what happens, in words parted by spaces: `relay.produced=kill@3` kills the
//! process when the point is crossed for the third time, `relay.produced=lost@2` loses what the second crossing would have
//! answered, and `plant=relay-trims-early` plants an error. `MISHAPS_SCRIPT` holds lines `old=>new` that alter Lua scripts.

#[cfg(debug_assertions)]
mod armed;

/// The step was carried out and its answer is lost: whoever asked knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer was lost at {0}")]
pub struct Lost(pub &'static str);

/// Crosses a point between two durable steps.
#[cfg(debug_assertions)]
pub fn cross(point: &'static str) -> Result<(), Lost> {
    armed::plan().cross(point)
}

/// Crosses a point between two durable steps: nothing happens in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn cross(_point: &'static str) -> Result<(), Lost> {
    Ok(())
}

/// Is this error planted?
#[cfg(debug_assertions)]
#[must_use]
pub fn planted(error: &str) -> bool {
    armed::plan().planted(error)
}

/// Is this error planted? Never in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[must_use]
pub const fn planted(_error: &str) -> bool {
    false
}

/// A Lua script, altered if a test wants that.
#[cfg(debug_assertions)]
#[must_use]
pub fn script(text: &str) -> std::borrow::Cow<'_, str> {
    armed::altered(text, &std::env::var("MISHAPS_SCRIPT").unwrap_or_default())
}

/// A Lua script, as it is in this build.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[must_use]
pub const fn script(text: &str) -> std::borrow::Cow<'_, str> {
    std::borrow::Cow::Borrowed(text)
}
