//! `GET /api/v1/accounts/me/coupons`: one's own coupons, across books.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chassis::list::{List, ListQuery, bad_after};
use chassis::{Problem, Query};
use domain::{EventId, Holder, Millis};
use ledger::{HeldAfter, HeldCoupon};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Accounts, SignedIn, ledger_failed};
use crate::books::Shown;

/// One of the caller's coupons, as the ledger knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldCoupon)]
pub struct ShownCoupon {
    /// The book it belongs to.
    #[schema(value_type = String)]
    book: EventId,
    /// What the book is called; its event's title, when the code was made at issue.
    title: String,
    #[serde(flatten)]
    coupon: Shown,
}

/// One's own coupons, across books, in order of book and code.
#[utoipa::path(
    get, operation_id = "coupons_of_mine", path = "/api/v1/accounts/me/coupons", tag = "accounts",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = List<ShownCoupon>),
        (status = 400, description = "`bad-request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    SignedIn(access): SignedIn,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ShownCoupon>>, Problem> {
    let limit = query.limit()?;
    let after = match &query.after {
        Some(after) => Some(read(after).ok_or_else(bad_after)?),
        None => None,
    };
    let holder = Holder::from(&access.account);
    let found = accounts
        .ledger
        .held_coupons(&holder, after.as_ref(), limit + 1);
    let found = found.await.map_err(ledger_failed)?;
    let now = accounts.now().await?;
    let List { items, next } = List::page(found, limit, written);
    let items = items.into_iter().map(|held| shown(held, now)).collect();
    Ok(Json(List { items, next }))
}

fn shown(held: HeldCoupon, now: Millis) -> ShownCoupon {
    ShownCoupon {
        title: held.title.unwrap_or_else(|| held.book.to_string()),
        book: held.book,
        coupon: match held.rules {
            Some(rules) => Shown::kept(held.coupon, &rules, now),
            None => Shown::made(held.coupon),
        },
    }
}

/// Where the next page goes on, as one word: book and code may hold any character.
fn written(last: &HeldCoupon) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}\0{}", last.book, last.coupon.code))
}

fn read(after: &str) -> Option<HeldAfter> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(after).ok()?).ok()?;
    let (book, code) = text.split_once('\0')?;
    Some(HeldAfter {
        book: book.parse().ok()?,
        code: (!code.contains('\0')).then(|| code.to_owned())?,
    })
}
