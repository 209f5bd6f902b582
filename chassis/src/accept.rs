//! `Accept` (RFC 9110): does the caller want another kind than JSON?

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Does the caller name `kind`, such as `text/csv`, and want it no less than JSON? A wildcard alone means JSON.
#[must_use]
pub fn prefers(headers: &HeaderMap, kind: &str) -> bool {
    let named = headers.get_all(ACCEPT).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let wanted: Vec<(&str, f32)> = named
        .flat_map(|value| value.split(','))
        .map(weighed)
        .collect();
    let weight = |kind: &str| {
        let mut held = wanted.iter();
        held.find(|(named, _)| named.eq_ignore_ascii_case(kind))
            .map(|(_, weight)| *weight)
    };
    let json = ["application/json", "application/*", "*/*"];
    let json = json.into_iter().find_map(weight).unwrap_or(0.0);
    weight(kind).is_some_and(|weight| weight > 0.0 && weight >= json)
}

/// A kind, and how much it is wanted: 1 unless said otherwise.
fn weighed(named: &str) -> (&str, f32) {
    let mut parts = named.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let mut weights = parts.filter_map(|part| {
        let (name, weight) = part.split_once('=')?;
        name.eq_ignore_ascii_case("q").then(|| weight.parse().ok())
    });
    (kind, weights.next().flatten().unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_kind_is_for_whoever_names_it_and_wants_it_no_less_than_json() {
        for (accepted, csv) in [
            ("text/csv", true),
            ("Text/CSV; header=present", true),
            ("application/json, text/csv", true),
            ("application/json;q=0.5, text/csv;q=0.6", true),
            ("text/csv;q=0.5, */*;q=0.1", true),
            ("text/csv;q=0.5, application/json", false),
            ("*/*, text/csv;Q=0.9", false),
            ("text/csv;q=0", false),
            ("text/html, */*;q=0.8", false),
            ("text/*", false),
            ("text/csvs", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accepted.parse().unwrap())]);
            assert_eq!(prefers(&headers, "text/csv"), csv, "{accepted}");
        }
        assert!(!prefers(&HeaderMap::new(), "text/csv"));
    }
}
