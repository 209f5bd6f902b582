//! `POST …/generate`: makes codes for a book, as a job.

use std::sync::Arc;

use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Keyed, Path, Problem};
use domain::EventId;
use domain::job::{MOST_GENERATED, Work};
use domain::once::Once;
use domain::pattern::CodePattern;
use serde::Deserialize;
use utoipa::ToSchema;

use super::rules;
use crate::Desk;
use crate::jobs::{self, Accepted, Shown};
use crate::once::refused_once;

/// How many codes, and what they look like.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Generate)]
pub struct Body {
    /// How many.
    #[schema(minimum = 1, maximum = 1_000_000)]
    count: u64,
    /// Text with random parts `{}` or `{n}`; the book's own when left out.
    #[schema(value_type = Option<String>, max_length = 40, example = "SPRING-{8}")]
    code_pattern: Option<CodePattern>,
}

/// Makes codes that the book does not hold yet, all of them or none.
#[utoipa::path(
    post, operation_id = "generate_codes", path = "/api/v1/admin/books/{book}/generate", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 202, description = "The job, with its `Location`", body = Shown),
        (status = 400, description = "`bad-request`, with `field`: also a `code_pattern` that offers too few codes"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`idempotency-mismatch`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    staff: Staff,
    Path(book): Path<EventId>,
    Keyed(body, asked): Keyed<Body>,
) -> Result<Accepted, Problem> {
    let once = asked.by(staff.name());
    let call = generate(&desk, &staff, book, body, once.as_ref());
    refused_once(&desk.store, once.as_ref(), call).await
}

async fn generate(
    desk: &Desk,
    staff: &Staff,
    book: EventId,
    body: Body,
    once: Option<&Once>,
) -> Result<Accepted, Problem> {
    if !(1..=MOST_GENERATED).contains(&body.count) {
        return Err(Problem::field(
            "count",
            "`count` must be a whole number from 1 to 1000000.",
        ));
    }
    let rules = rules(desk, &book).await?;
    if let Some(job) = jobs::asked_before(desk, once).await? {
        return jobs::answer(job);
    }
    let code_pattern = body.code_pattern.unwrap_or(rules.code_pattern);
    code_pattern.room_for(body.count)?;
    let work = Work::Generate {
        count: body.count,
        code_pattern,
    };
    jobs::ask(desk, staff, book, work, once, None).await
}
