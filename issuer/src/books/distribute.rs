//! `POST …/distributions`: deals a book's coupons to the members of a pool, as a job.

use std::sync::Arc;

use axum::extract::State;
use chassis::admin::Staff;
use chassis::{Keyed, Path, Problem};
use domain::job::{Mode, Work};
use domain::once::Once;
use domain::pool::PoolId;
use domain::{EventId, Holder, Refusal};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ledger_failed, rules};
use crate::Desk;
use crate::jobs::{self, Accepted, Shown};
use crate::once::refused_once;

/// Members of one page of the ledger.
const PAGE: usize = 1_000;

/// How coupons are dealt.
#[derive(ToSchema)]
#[schema(as = DistributionMode, rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "it describes `domain::job::Mode`, which knows no OpenAPI"
)]
enum ModeSchema {
    Equal,
    Random,
}

/// To whom, how, and how many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Distribution)]
pub struct Body {
    /// The pool's id.
    #[schema(example = "gold")]
    pool: String,
    /// `equal`: each member gets as many, or nobody anything. `random`: one after another, until codes or limits end.
    #[schema(value_type = ModeSchema, example = "equal")]
    mode: Mode,
    /// Most that each gets now, never above the book's limit: 1 when left out with `equal`, the limit with `random`.
    #[schema(minimum = 1, maximum = 1_000_000)]
    per_person: Option<u32>,
}

/// Deals coupons to everybody who is in the pool now.
#[utoipa::path(
    post, operation_id = "distribute", path = "/api/v1/admin/books/{book}/distributions", tag = "books",
    params(
        ("book" = String, Path, description = "The book's id"),
        chassis::IdempotencyKey,
    ),
    request_body = Body,
    responses(
        (status = 202, description = "The job, with its `Location`", body = Shown),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`no-such-book` or `no-such-pool`"),
        (status = 409, description = "`none-left`: `equal` takes more codes than there are (with `needed`, `available`); nothing was given"),
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
    let call = distribute(&desk, &staff, book, body, once.as_ref());
    refused_once(&desk.store, once.as_ref(), call).await
}

async fn distribute(
    desk: &Desk,
    staff: &Staff,
    book: EventId,
    body: Body,
    once: Option<&Once>,
) -> Result<Accepted, Problem> {
    if body
        .per_person
        .is_some_and(|each| !(1..=1_000_000).contains(&each))
    {
        return Err(Problem::field(
            "per_person",
            "`per_person` must be a whole number from 1 to 1000000.",
        ));
    }
    let limit = rules(desk, &book).await?.max_per_person;
    if let Some(job) = jobs::asked_before(desk, once).await? {
        return jobs::answer(job);
    }
    let pool: PoolId = body.pool.parse().map_err(|_| Refusal::NoSuchPool)?;
    let members = members(desk, &pool).await?;
    let mut short = None;
    if body.mode == Mode::Equal {
        let most = [body.per_person.unwrap_or(1), limit];
        let needed = jobs::needed(desk, &book, &members, most).await;
        let needed = needed.map_err(Problem::try_again)?;
        let available = desk.store.free_codes(&book).await;
        let available = available.map_err(Problem::try_again)?;
        short = (available < needed).then_some((needed, available));
    }
    let work = Work::Distribute {
        pool,
        mode: body.mode,
        per_person: body.per_person,
    };
    jobs::ask(desk, staff, book, work, once, short).await
}

/// Everybody who is in the pool.
async fn members(desk: &Desk, pool: &PoolId) -> Result<Vec<Holder>, Problem> {
    let mut members: Vec<Holder> = Vec::new();
    loop {
        let page = desk.ledger.pool_members(pool, members.last(), PAGE);
        let page = page.await.map_err(ledger_failed)?;
        let page = page.ok_or(Refusal::NoSuchPool)?;
        if page.is_empty() {
            return Ok(members);
        }
        members.extend(page);
    }
}
