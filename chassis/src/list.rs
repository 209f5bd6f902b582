//! Lists: `{items, next}`, read on with `?after=<next>&limit=`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items of a page when the caller does not say.
const DEFAULT: usize = 50;
/// Most items of a page.
const MOST: usize = 1_000;

/// Where to read on, and how much.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The `next` of the page before.
    #[param(min_length = 1)]
    pub after: Option<String>,
    /// Most items of the page; 50 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to read on; null at the end.
    #[schema(required)]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A page of at most `limit` items, of rows among which is one more when there is more to read; `key` tells of the last row of
    /// the page where to read on.
    pub fn page<R: Into<T>>(mut rows: Vec<R>, limit: usize, key: impl Fn(&R) -> String) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self {
            next: rows.last().filter(|_| more).map(key),
            items: rows.into_iter().map(Into::into).collect(),
        }
    }
}

impl ListQuery {
    /// Most items of the page.
    pub fn limit(&self) -> Result<usize, Problem> {
        page_limit(self.limit)
    }
}

/// Most items of a page, of a list whose query asks for more than where and how much.
pub fn page_limit(given: Option<usize>) -> Result<usize, Problem> {
    match given.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Problem::field(
            "limit",
            "`limit` must be a whole number from 1 to 1000.",
        )),
    }
}

/// Refuses an `after` that no page gave.
#[must_use]
pub fn bad_after() -> Problem {
    Problem::field("after", "`after` must be the `next` of the page before.")
}
