//! Books: codes that the organiser gives, handed out, locked and used. What staff do stands at the ops door; what holders do,
//! or a program for them, at the public one.

mod all;
mod assign;
mod cancel;
mod codes;
mod coupon;
mod csv;
mod distribute;
mod generate;
mod get;
mod history;
mod list;
mod lock;
mod put;
mod redeem;
mod shown;
mod unlock;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use chassis::Problem;
use chassis::admin::OpsGuard;
use domain::book::Rules;
use domain::event::AckLevel;
use domain::{EventId, Refusal};
use ledger::LedgerError;
use lua::SteppedCoupon;
use utoipa::OpenApi;

use crate::Desk;
use crate::caller::Caller;
use crate::redeem::lost;
pub use shown::Shown;

/// How often the ack level of many records is waited for before the outcome is called unknown: two minutes in all.
const WAITS: usize = 24;

/// The public door's routes. The caller's credential decides how they are limited.
pub fn public(desk: Arc<Desk>) -> Router {
    let coupon = "/api/v1/books/{book}/coupons/{code}";
    Router::new()
        .route("/api/v1/books/{book}/assignments", post(assign::handler))
        .route(coupon, get(coupon::handler))
        .route(
            &format!("{coupon}/lock"),
            post(lock::handler).delete(unlock::handler),
        )
        .route(&format!("{coupon}/redemption"), post(redeem::handler))
        .with_state(desk)
}

/// The ops door's routes: operators read, admins change.
pub fn ops(desk: Arc<Desk>, guard: &OpsGuard) -> Router {
    let book = "/api/v1/admin/books/{book}";
    let routes = Router::new()
        .route("/api/v1/admin/books", get(all::handler))
        .route(book, get(get::handler).put(put::handler))
        .route(&format!("{book}/codes"), post(codes::handler))
        .route(&format!("{book}/generate"), post(generate::handler))
        .route(&format!("{book}/distributions"), post(distribute::handler))
        .route(&format!("{book}/coupons"), get(list::handler))
        .route(
            &format!("{book}/coupons/{{code}}/cancel"),
            post(cancel::handler),
        )
        .route(&format!("{book}/history"), get(history::handler));
    guard.staff(routes).with_state(desk)
}

/// The books' part of the API's description.
#[derive(OpenApi)]
#[openapi(
    paths(
        all::handler,
        get::handler,
        put::handler,
        codes::handler,
        generate::handler,
        distribute::handler,
        list::handler,
        cancel::handler,
        history::handler,
        assign::handler,
        coupon::handler,
        lock::handler,
        unlock::handler,
        redeem::handler
    ),
    tags((name = "books", description = "Given codes: handed out, locked, redeemed"))
)]
pub struct Api;

/// The rules of a book that there must be.
async fn rules(desk: &Desk, book: &EventId) -> Result<Rules, Problem> {
    let held = desk.store.book(book).await.map_err(Problem::try_again)?;
    Ok(held.ok_or(Refusal::NoSuchBook)?.book.rules)
}

/// The rules of a book that the caller may use.
async fn rules_for(desk: &Desk, caller: &Caller, book: &EventId) -> Result<Rules, Problem> {
    caller.scoped(book)?;
    caller.may_name_a_code(desk)?;
    rules(desk, book).await
}

/// Waits until a record of the book is kept as far as the book's ack level says, or the installation's where it has none.
async fn kept(
    desk: &Desk,
    book: &EventId,
    ack: Option<AckLevel>,
    ordinal: Option<u64>,
) -> Result<(), Problem> {
    let Some(ordinal) = ordinal else {
        return Ok(());
    };
    let level = ack.unwrap_or(desk.default_ack);
    if desk.acks.reached(book, level, ordinal).await {
        return Ok(());
    }
    Err(Problem::outcome_unknown(format!(
        "record {ordinal} of {book} is not kept yet"
    )))
}

/// Waits for the last record of many: a million rows take the ledger a while.
pub async fn kept_at_last(
    desk: &Desk,
    book: &EventId,
    ack: Option<AckLevel>,
    ordinal: Option<u64>,
) -> Result<(), Problem> {
    for _ in 1..WAITS {
        if kept(desk, book, ack, ordinal).await.is_ok() {
            return Ok(());
        }
    }
    kept(desk, book, ack, ordinal).await
}

/// The coupon after a step, once its record is kept; or why the step was not made. A wrong code counts as its caller's guess.
async fn stepped(
    desk: &Desk,
    caller: Option<&Caller>,
    book: &EventId,
    rules: &Rules,
    code: &str,
    stepped: Result<SteppedCoupon, lua::StoreError>,
) -> Result<Shown, Problem> {
    Err(match stepped.map_err(lost)? {
        SteppedCoupon::Done {
            coupon,
            at,
            ordinal,
        } => {
            kept(desk, book, rules.ack, ordinal).await?;
            return Ok(match coupon {
                Some(coupon) => Shown::new(code, &coupon, rules, at),
                None => Shown::unassigned(code, rules),
            });
        }
        SteppedCoupon::Locked => Refusal::CouponLocked.into(),
        SteppedCoupon::LimitReached => Refusal::LimitReached.into(),
        SteppedCoupon::Move { from, to } => Problem::from(Refusal::StateMove)
            .with("from", from)
            .with("to", to),
        SteppedCoupon::Expired => Refusal::CouponExpired.into(),
        SteppedCoupon::Mismatch => Refusal::IdempotencyMismatch.into(),
        SteppedCoupon::NoSuchCoupon => match caller {
            Some(caller) => caller.no_such_coupon(desk),
            None => Refusal::NoSuchCoupon.into(),
        },
        SteppedCoupon::NoSuchBook => Refusal::NoSuchBook.into(),
    })
}

/// A ledger that does not answer.
fn ledger_failed(error: LedgerError) -> Problem {
    Problem::try_again(error)
}
