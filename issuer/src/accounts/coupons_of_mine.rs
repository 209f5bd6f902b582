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

/// One of the caller's coupons, as the ledger knows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownCoupon {
    /// The book it belongs to.
    #[schema(value_type = String)]
    book: EventId,
    /// The printable string.
    code: String,
    /// `assigned`, `locked`, `redeemed` or `expired`.
    state: String,
    /// When it became the caller's.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    assigned_at: Option<Millis>,
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
    let mut found = accounts
        .ledger
        .held_coupons(&holder, after.as_ref(), limit + 1)
        .await
        .map_err(ledger_failed)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(written);
    Ok(Json(List {
        items: found.into_iter().map(ShownCoupon::from).collect(),
        next,
    }))
}

/// Where the next page goes on, as one word: book and code may hold any character.
fn written(last: &HeldCoupon) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}\0{}", last.book, last.code))
}

fn read(after: &str) -> Option<HeldAfter> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(after).ok()?).ok()?;
    let (book, code) = text.split_once('\0')?;
    Some(HeldAfter {
        book: book.parse().ok()?,
        code: (!code.contains('\0')).then(|| code.to_owned())?,
    })
}

impl From<HeldCoupon> for ShownCoupon {
    fn from(held: HeldCoupon) -> Self {
        Self {
            book: held.book,
            code: held.code,
            state: held.state,
            assigned_at: held.assigned_at,
        }
    }
}
