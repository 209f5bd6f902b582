//! Lists as CSV (RFC 4180), for whoever asks for it by `Accept`: whole, read from the ledger page by page while it is sent.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse as _, Response};
use chassis::{Problem, accept};
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use serde_json::Value;

/// Rows of one page.
pub const PAGE: usize = 1_000;

/// A page of rows, and where to read on.
pub type Page<R> = Result<(Vec<R>, Option<String>), Problem>;

/// Does the caller want CSV?
pub fn is_wanted(headers: &HeaderMap) -> bool {
    accept::prefers(headers, "text/csv")
}

/// All rows from `after` on, with a header row. What fails before the first row is a problem; later, the body breaks off.
pub async fn streamed<R, F>(
    columns: &'static [&'static str],
    after: String,
    read: impl Fn(String) -> F + Send + 'static,
) -> Result<Response, Problem>
where
    R: Serialize + 'static,
    F: Future<Output = Page<R>> + Send + 'static,
{
    let (rows, next) = read(after).await?;
    let opening = format!("{}\r\n{}", columns.join(","), text(columns, &rows));
    let rest = stream::try_unfold(next, move |next| {
        let page = next.map(&read);
        async move {
            let Some(page) = page else {
                return Ok::<_, io::Error>(None);
            };
            let broken = |_| io::Error::other("the ledger did not answer in the middle of a list");
            let (rows, next) = page.await.map_err(broken)?;
            Ok(Some((Bytes::from(text(columns, &rows)), next)))
        }
    });
    let opening = stream::once(std::future::ready(Ok::<_, io::Error>(Bytes::from(opening))));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment"),
        (VARY, "accept"),
    ];
    Ok((headers, Body::from_stream(opening.chain(rest))).into_response())
}

/// Rows as lines.
fn text<R: Serialize>(columns: &[&str], rows: &[R]) -> String {
    let mut text = String::new();
    for row in rows {
        let row = serde_json::to_value(row).unwrap_or_default();
        let fields: Vec<String> = columns.iter().map(|column| field(&row[*column])).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A value as a field, quoted where it must be.
fn field(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_would_break_its_row_is_quoted() {
        let row = json!({"a": "x,y", "b": null, "c": {"k": "v"}, "d": 7, "e": "1\n2"});
        let line = text(&["a", "b", "c", "d", "e"], &[row]);
        assert_eq!(line, "\"x,y\",,\"{\"\"k\"\":\"\"v\"\"}\",7,\"1\n2\"\r\n");
    }
}
