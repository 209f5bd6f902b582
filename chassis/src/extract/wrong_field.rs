//! What serde says about a wrong field, in words for whoever sent it: the field's whole path and what is wanted there.

use domain::Refusal;

use crate::problem::Problem;

/// The longest explanation, in characters: what was sent may be quoted in it, and may be long.
const MOST_DETAIL: usize = 300;

/// serde's words for what is wanted, and ours. The first that fits is taken.
const WANTED: [(&str, &str); 9] = [
    ("u8", "a whole number from 0"),
    ("u16", "a whole number from 0"),
    ("u32", "a whole number from 0"),
    ("u64", "a whole number from 0"),
    ("f64", "a number"),
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("struct ", "an object"),
];

/// `bad-request` for what went wrong at `path`, where `said` is serde's message.
pub(super) fn wrong_field(path: &str, said: &str) -> Problem {
    let said = without_position(said);
    let (field, detail) = if let Some(name) = quoted_after(said, "missing field `") {
        let field = joined(path, name);
        let detail = format!("`{field}` is missing.");
        (field, detail)
    } else if let Some(name) = quoted_after(said, "unknown field `") {
        let field = joined(path, name);
        let detail = format!("`{field}` is unknown here: {}.", known(said));
        (field, detail)
    } else if let Some(name) = quoted_after(said, "duplicate field `") {
        let field = joined(path, name);
        let detail = format!("`{field}` is given twice.");
        (field, detail)
    } else if path == "." {
        return Problem::new(Refusal::BadRequest, capped(format!("{said}.")));
    } else {
        let detail = format!("`{path}` is not as it must be: {}.", in_our_words(said));
        (path.to_owned(), detail)
    };
    Problem::field(&capped(field), capped(detail))
}

/// The path of the first text or name with a NUL in it. Only a body that holds the escape is read for it.
pub(super) fn nul_in(body: &[u8]) -> Option<String> {
    const ESCAPE: &[u8] = br"\u0000";
    if !body.windows(ESCAPE.len()).any(|bytes| bytes == ESCAPE) {
        return None;
    }
    nul_below(&serde_json::from_slice(body).ok()?, ".")
}

fn nul_below(value: &serde_json::Value, path: &str) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| nul_below(item, &format!("{path}[{n}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let below = joined(path, &name.replace('\0', "\u{fffd}"));
            if name.contains('\0') {
                return Some(below);
            }
            nul_below(field, &below)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The path of `name` inside `path`; serde's path may end in the name already.
fn joined(path: &str, name: &str) -> String {
    match path {
        "." => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// What stands after `opening`, up to the closing back-tick.
fn quoted_after<'a>(said: &'a str, opening: &str) -> Option<&'a str> {
    said.strip_prefix(opening)?
        .split_once('`')
        .map(|(name, _)| name)
}

/// The known fields, from serde's "expected one of …".
fn known(said: &str) -> &str {
    match said.split_once("`, ") {
        Some((_, expected)) if expected.starts_with("expected") => expected,
        _ => "no field is expected",
    }
}

/// serde's message with its type names turned into words.
fn in_our_words(said: &str) -> String {
    let Some((found, wanted)) = said.rsplit_once(", expected ") else {
        return match said {
            "invalid digit found in string" | "cannot parse integer from empty string" => {
                "expected a whole number".to_owned()
            }
            "expected value" => "expected a text".to_owned(),
            said => said.to_owned(),
        };
    };
    let ours = WANTED.into_iter().find(|(theirs, _)| {
        wanted == *theirs || (theirs.ends_with(' ') && wanted.starts_with(theirs))
    });
    format!(
        "{found}, expected {}",
        ours.map_or(wanted, |(_, ours)| ours)
    )
}

/// `serde_json` adds where it stopped reading, which the path says better.
fn without_position(said: &str) -> &str {
    match said.rfind(" at line ") {
        Some(at) => &said[..at],
        None => said,
    }
}

fn capped(text: String) -> String {
    match text.char_indices().nth(MOST_DETAIL) {
        Some((end, _)) => format!("{}….", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_hides() {
        assert_eq!(nul_in(br#"{"a":"\u0000"}"#).as_deref(), Some("a"));
        assert_eq!(
            nul_in(br#"{"a":{"b":[1,"x\u0000"]}}"#).as_deref(),
            Some("a.b[1]")
        );
        assert!(nul_in(br#"{"a\u0000":1}"#).is_some());
        assert_eq!(nul_in(br#"{"a":"\\u0000"}"#), None);
        assert_eq!(nul_in(br#"{"a":"plain"}"#), None);
    }

    #[test]
    fn a_long_quotation_is_cut() {
        let said = format!(
            "invalid type: string \"{}\", expected u64",
            "x".repeat(9_000)
        );
        let problem = axum::response::IntoResponse::into_response(wrong_field("stock", &said));
        let size = axum::body::HttpBody::size_hint(problem.body()).exact();
        assert!(size.unwrap() < 1_000);
    }
}
