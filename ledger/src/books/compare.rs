//! The coupons of books as they stand in their rows, for the comparison with Redis; what their history says of them; and the mend
//! of a row that is missing or altered.

use domain::book::{Book, CouponState};
use domain::{EventId, Millis};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{BookCoupon, book, moment, odd};
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::issuances::json;
use crate::offsets::whole;

/// A coupon's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRow {
    /// The coupon.
    pub coupon: BookCoupon,
    /// The ordinal of the record that last told of it.
    pub ordinal: u64,
}

/// Where the steps of a coupon led to, by its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastStep {
    /// Where its last step led to.
    pub state: CouponState,
    /// Whose it was in that step.
    pub holder: String,
    /// How often it was redeemed since it was assigned last.
    pub redemptions: u32,
}

/// The columns of a coupon's row.
type Columns = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    i64,
);

/// A row that is to be as it says.
#[derive(Serialize)]
struct Mended<'a> {
    event: &'a EventId,
    code: &'a str,
    state: CouponState,
    holder: Option<&'a str>,
    assigned_at: Option<Millis>,
    redemptions: u32,
    locked_until: Option<Millis>,
    updated_ordinal: u64,
}

impl Ledger {
    /// The ids of all books.
    pub async fn book_ids(&self) -> Result<Vec<EventId>, LedgerError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT book FROM books")
            .fetch_all(&self.pool)
            .await?;
        ids.iter().map(|id| id.parse().map_err(odd)).collect()
    }

    /// A book, and the ordinal of the record that last told of its rules.
    pub async fn book_told(&self, id: &EventId) -> Result<Option<(Book, u64)>, LedgerError> {
        let sql = "SELECT book, CAST(rules AS text), updated_ordinal FROM books WHERE book = $1";
        let row: Option<(String, String, i64)> = sqlx::query_as(sql)
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|(id, rules, ordinal)| Ok((book((id, rules))?, ordinal.unsigned_abs())))
            .transpose()
    }

    /// The rows of a book's coupons with a code after `after`, in order of code, at most `limit`.
    pub async fn book_rows(
        &self,
        book: &EventId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<BookRow>, LedgerError> {
        let sql = self.book_rows_where("event = $1 AND code > $2", "ORDER BY code LIMIT $3");
        let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(book.as_str())
            .bind(after)
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(row).collect()
    }

    /// The rows of these codes of a book, in any order.
    pub async fn book_rows_of(
        &self,
        book: &EventId,
        codes: &[String],
    ) -> Result<Vec<BookRow>, LedgerError> {
        let among = format!("event = $2 AND code IN {}", self.dialect.texts());
        let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(self.book_rows_where(&among, "")))
            .bind(json(&codes)?)
            .bind(book.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(row).collect()
    }

    fn book_rows_where(&self, condition: &str, order: &str) -> String {
        format!(
            "SELECT code, state, holder, {}, {}, redemptions, updated_ordinal FROM coupons WHERE {condition} \
             AND updated_ordinal > 0 {order}",
            self.dialect.shown("assigned_at"),
            self.dialect.shown("locked_until"),
        )
    }

    /// Where the steps of these codes of a book led to, by its history; what made no step is left out.
    pub async fn last_steps(
        &self,
        book: &EventId,
        codes: &[&str],
    ) -> Result<Vec<(String, LastStep)>, LedgerError> {
        let sql = format!(
            "WITH told AS (SELECT code, ordinal, user_id, step, to_state FROM coupon_history WHERE book = $2 AND code IN {}), \
             ends AS (SELECT code, max(ordinal) AS last, max(CASE WHEN step = 'assigned' THEN ordinal ELSE 0 END) AS given \
             FROM told GROUP BY code) \
             SELECT told.code, max(CASE WHEN ordinal = last THEN to_state END), max(CASE WHEN ordinal = last THEN user_id END), \
             sum(CASE WHEN step = 'redeemed' AND ordinal > given THEN 1 ELSE 0 END) \
             FROM told JOIN ends ON ends.code = told.code GROUP BY told.code",
            self.dialect.texts()
        );
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(json(&codes)?)
            .bind(book.as_str())
            .fetch_all(&self.pool)
            .await?;
        let last = |(code, state, holder, redemptions): (String, String, String, i64)| {
            let step = LastStep {
                state: state.parse().map_err(odd)?,
                holder,
                redemptions: u32::try_from(redemptions).unwrap_or(u32::MAX),
            };
            Ok((code, step))
        };
        rows.into_iter().map(last).collect()
    }

    /// Makes the row of a coupon say this, as of the record with this ordinal; adds it where it is missing. False when a newer
    /// record has told of the coupon: then nothing is done.
    pub async fn mend_coupon(
        &self,
        book: &EventId,
        coupon: &BookCoupon,
        ordinal: u64,
    ) -> Result<bool, LedgerError> {
        let mended = Mended {
            event: book,
            code: &coupon.code,
            state: coupon.state,
            holder: coupon.holder.as_deref(),
            assigned_at: coupon.assigned_at,
            redemptions: coupon.redemptions,
            locked_until: coupon.locked_until,
            updated_ordinal: ordinal,
        };
        let sql = format!(
            "INSERT INTO coupons (event, code, state, holder, assigned_at, redemptions, locked_until, updated_ordinal) \
             SELECT event, code, state, holder, assigned_at, redemptions, locked_until, updated_ordinal FROM {} WHERE true \
             ON CONFLICT (event, code) DO UPDATE SET state = excluded.state, holder = excluded.holder, \
             assigned_at = excluded.assigned_at, redemptions = excluded.redemptions, \
             locked_until = excluded.locked_until, updated_ordinal = excluded.updated_ordinal \
             WHERE coupons.updated_ordinal <= excluded.updated_ordinal",
            self.dialect.book_coupons()
        );
        let written = sqlx::query(AssertSqlSafe(sql))
            .bind(json(&[mended])?)
            .execute(&self.pool)
            .await?;
        Ok(written.rows_affected() == 1)
    }
}

fn row(
    (code, state, holder, assigned_at, locked_until, redemptions, ordinal): Columns,
) -> Result<BookRow, LedgerError> {
    Ok(BookRow {
        coupon: BookCoupon {
            code,
            state: state.parse().map_err(odd)?,
            holder,
            assigned_at: moment(assigned_at)?,
            locked_until: moment(locked_until)?,
            redemptions: u32::try_from(redemptions).unwrap_or(u32::MAX),
        },
        ordinal: ordinal.unsigned_abs(),
    })
}
