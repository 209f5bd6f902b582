//! What the tests of the gateway stand on.

pub mod rig;
pub mod socket;

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::OpenApi as _;

/// All values of this key, at any depth.
fn all<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(members) => {
            for (name, member) in members {
                if name == key {
                    found.extend(member.as_str());
                }
                all(member, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_description_of_the_api_holds_together() {
    let api = serde_json::to_value(crate::Api::openapi()).unwrap();
    let mut refs = Vec::new();
    all(&api, "$ref", &mut refs);
    for reference in refs {
        let there = api.pointer(reference.trim_start_matches('#')).is_some();
        assert!(there, "{reference}");
    }
    let mut calls = Vec::new();
    all(&api, "operationId", &mut calls);
    let distinct: BTreeSet<&str> = calls.iter().copied().collect();
    assert_eq!(calls.len(), distinct.len());
    let expected = [
        "account_page",
        "draw",
        "enter",
        "enter_by_form",
        "events",
        "leave",
        "live",
        "me",
        "page",
        "status",
    ];
    assert_eq!(distinct, BTreeSet::from(expected));
}
