//! `PUT /api/v1/admin/books/{book}`: makes a book, or lays the given rules over its own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chassis::{Json, Path, Problem};
use domain::EventId;
use domain::book::{Book, BookPut};
use lua::PutBook;
use utoipa::ToSchema;

use super::kept;
use super::shown::ShownBook;
use crate::Desk;
use crate::redeem::lost;

/// How often a put is merged again because somebody else changed the book in between.
const MERGES: usize = 8;

/// The rules of a book.
#[derive(ToSchema)]
#[schema(as = BookPut)]
#[expect(dead_code, reason = "it describes `domain::book::BookPut`")]
pub struct Body {
    /// 1 to 200 characters; required in a new book.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// When every coupon that is not used up is over; null takes the time away.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Most coupons that one person may have; 1.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_per_person: Option<u32>,
    /// How often one code may be redeemed; 1.
    #[schema(minimum = 1, maximum = 1_000_000)]
    redemptions_per_code: Option<u32>,
    /// How often one person may redeem codes of the book; null takes the limit away.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_redemptions_per_person: Option<u32>,
    /// How long a lock lasts that names no time of its own, in seconds; 300.
    #[schema(minimum = 1, maximum = 3_600)]
    lock_s: Option<u64>,
    /// What codes look like that are made for the book: text with random parts `{}` (12 characters) or `{n}`; `{}`.
    #[schema(max_length = 40, example = "SPRING-{8}")]
    code_pattern: Option<String>,
    /// What happens to a coupon that is taken back: `return` or `keep`; `return`.
    #[schema(example = "return")]
    on_cancel: Option<String>,
    /// What every call on the book that makes a record waits for: `redis`, `log` or `ledger`; null, and a new book without it,
    /// goes by the installation: `log` with Kafka, else `ledger`.
    #[schema(example = "redis")]
    ack: Option<String>,
}

/// Makes a book, or lays the given rules over its own. What is left out keeps what it held.
#[utoipa::path(
    put, operation_id = "put_book", path = "/api/v1/admin/books/{book}", tag = "books",
    params(("book" = String, Path, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", description = "The book's id: 1 to 63 characters of a-z, 0-9 and -")),
    request_body = Body,
    responses(
        (status = 201, description = "The book is new", body = ShownBook),
        (status = 200, description = "The book was there and is now as put", body = ShownBook),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again` or `outcome-unknown`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<EventId>,
    Json(put): Json<BookPut>,
) -> Result<(StatusCode, axum::Json<ShownBook>), Problem> {
    for _ in 0..MERGES {
        let held = desk.store.book(&id).await.map_err(Problem::try_again)?;
        let (book, version) = match held {
            Some(held) => (held.book.changed(put.clone())?, held.version),
            None => (Book::create(id.clone(), put.clone())?, 0),
        };
        let (status, ordinal) = match desk.store.put_book(&book, version).await.map_err(lost)? {
            PutBook::Created(ordinal) => (StatusCode::CREATED, Some(ordinal)),
            PutBook::Held(ordinal) => (StatusCode::OK, ordinal),
            PutBook::Conflict => continue,
        };
        kept(&desk, &id, book.rules.ack, ordinal).await?;
        let shown = ShownBook::new(book, desk.default_ack);
        return Ok((status, axum::Json(shown)));
    }
    Err(Problem::try_again(
        "the book was changed by others all the while",
    ))
}
