//! `POST …/codes`: gives a book its codes, as CSV or JSON; all of them or none.

mod intake;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use chassis::admin::Staff;
use chassis::{KeyedCall, Path, Problem, Query};
use domain::once::BodyDigest;
use domain::secret::Secret;
use domain::{EventId, Refusal};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{kept_at_last, rules};
use crate::Desk;
use crate::once::refused_once;
use intake::{Intake, Rejected};
use rows::{Row, Rows};

/// The largest body, in bytes: a million codes with something beside them.
const MOST_BYTES: usize = 128 * 1024 * 1024;
/// The largest JSON body, which is held whole.
const MOST_JSON: usize = 32 * 1024 * 1024;
/// How long a client may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// Is it only to be tried?
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// True looks at everything and takes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Codes as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Codes)]
pub struct Given {
    /// The codes: 1 to 64 visible ASCII characters each.
    codes: Vec<String>,
}

/// What was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = CodesTaken)]
pub struct Answer {
    /// How many codes.
    accepted: u64,
    /// None: any that cannot be taken refuses them all.
    rejected: Vec<Rejected>,
}

/// Gives a book its codes, at most 1,000,000 at once, all of them or none.
///
/// CSV (RFC 4180) with or without a header: the column `code`, or the first. JSON: `{"codes": […]}`.
#[utoipa::path(
    post, operation_id = "post_codes", path = "/api/v1/admin/books/{book}/codes", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"), Asked,
        chassis::IdempotencyKey,
    ),
    request_body(content((String = "text/csv"), (Given = "application/json"))),
    responses(
        (status = 201, description = "The codes are in the book", body = Answer),
        (status = 200, description = "They could be (`dry_run`)", body = Answer),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`codes-rejected`, with `rejected` and `rejected_total`; `idempotency-mismatch`"),
        (status = 503, description = "`try-again` or `outcome-unknown`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    staff: Staff,
    Path(book): Path<EventId>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<(StatusCode, axum::Json<Answer>), Problem> {
    let ack = rules(&desk, &book).await?.ack;
    let call = KeyedCall::of(&request)?;
    let kind = request.headers().get(CONTENT_TYPE).cloned();
    let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    let name = Secret::generate(&*desk.random).reveal().to_owned();
    let mut intake = Intake::new(&desk, book.clone(), name, staff.name());
    let mut body = Sent {
        body: request.into_body(),
        digest: BodyDigest::default(),
    };
    let taken = match kind.as_str() {
        "text/csv" => csv(&mut body, &mut intake).await,
        "application/json" => json(&mut body, &mut intake).await,
        _ => Err(Problem::new(
            Refusal::UnsupportedMediaType,
            "Send the codes as `text/csv`, or as JSON with `application/json`.",
        )),
    };
    let finished = match taken {
        Ok(()) => {
            let once = call.by(staff.name(), body.digest);
            let finish = intake.finish(asked.dry_run, once.as_ref());
            refused_once(&desk.store, once.as_ref(), finish).await
        }
        Err(problem) => Err(problem),
    };
    // What was decided on is not there any more; all else is not to count.
    intake.forget().await;
    let (accepted, ordinal) = finished?;
    kept_at_last(&desk, &book, ack, ordinal).await?;
    let status = if asked.dry_run {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let rejected = Vec::new();
    Ok((status, axum::Json(Answer { accepted, rejected })))
}

/// Takes in CSV as it comes.
async fn csv(body: &mut Sent, intake: &mut Intake<'_>) -> Result<(), Problem> {
    let (mut rows, mut column, mut bytes) = (Rows::default(), None, 0);
    while let Some(piece) = body.next().await? {
        bytes += piece.len();
        if bytes > MOST_BYTES {
            return Err(Refusal::TooLarge.into());
        }
        for row in rows.push(&piece) {
            take(row, &mut column, intake).await?;
        }
    }
    if let Some(line) = rows.unclosed() {
        let detail = format!("The quote in the row that begins on line {line} is never closed.");
        return Err(Problem::field("codes", detail));
    }
    match rows.finish() {
        Some(row) => take(row, &mut column, intake).await,
        None => Ok(()),
    }
}

/// Takes in a row; the first one tells, by its names, which column holds the codes.
async fn take(
    row: Row,
    column: &mut Option<usize>,
    intake: &mut Intake<'_>,
) -> Result<(), Problem> {
    if column.is_none() {
        let mut names = row.fields.iter().map(|name| name.trim());
        let header = names.position(|name| name.eq_ignore_ascii_case("code"));
        *column = Some(header.unwrap_or(0));
        if header.is_some() {
            return Ok(());
        }
    }
    let code = row
        .fields
        .get(column.unwrap_or(0))
        .map_or("", String::as_str);
    intake.take(row.line, code).await
}

/// Takes in a JSON list.
async fn json(body: &mut Sent, intake: &mut Intake<'_>) -> Result<(), Problem> {
    let mut held = Vec::new();
    while let Some(piece) = body.next().await? {
        if held.len() + piece.len() > MOST_JSON {
            return Err(Refusal::TooLarge.into());
        }
        held.extend_from_slice(&piece);
    }
    let given: Given = serde_json::from_slice(&held).map_err(|wrong| {
        Problem::field(
            "codes",
            format!("The body must be `{{\"codes\": […]}}`: {wrong}."),
        )
    })?;
    drop(held);
    for (line, code) in (1..).zip(&given.codes) {
        intake.take(line, code).await?;
    }
    Ok(())
}

/// A body that is read piece by piece.
struct Sent {
    body: Body,
    digest: BodyDigest,
}

impl Sent {
    /// The next piece.
    async fn next(&mut self) -> Result<Option<axum::body::Bytes>, Problem> {
        loop {
            let frame = tokio::time::timeout(PAUSE, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| broken())? else {
                return Ok(None);
            };
            if let Ok(piece) = frame.map_err(|_| broken())?.into_data() {
                self.digest.take(&piece);
                return Ok(Some(piece));
            }
        }
    }
}

fn broken() -> Problem {
    Problem::new(
        Refusal::BadRequest,
        "The body broke off before it was whole; send it again. Nothing was taken.",
    )
}
