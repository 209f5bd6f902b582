//! The shapes of answers: exact members, times as the API shows them.

use std::collections::BTreeSet;

use serde_json::Value;

/// Checks that an object has exactly these members, given in one text.
///
/// # Panics
/// When it has not.
#[track_caller]
pub fn members(object: &Value, names: &str) {
    let found: BTreeSet<_> = object
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys())
        .map(String::as_str)
        .collect();
    let wanted: BTreeSet<_> = names.split(' ').collect();
    assert_eq!(found, wanted, "{object}");
}

/// Checks that a text is a time such as `2026-11-21T10:00:03.120Z`.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn time(value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{value}");
}
