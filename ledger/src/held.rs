//! The coupons of one person, across books.

use domain::book::Rules;
use domain::{EventId, Holder, Millis};
use sqlx::AssertSqlSafe;

use crate::books::BookCoupon;
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::offsets::whole;

/// A coupon that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCoupon {
    /// The book it belongs to.
    pub book: EventId,
    /// What the book is called; its event's title, when the code was made at issue.
    pub title: Option<String>,
    /// The coupon, as a record last told of it.
    pub coupon: BookCoupon,
    /// The book's rules; none of a code that was made at issue.
    pub rules: Option<Rules>,
}

/// The columns of a held coupon, in the order of the statement that reads them.
type Columns = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
);

/// Where a page goes on: after the coupon with this code of this book.
#[derive(Clone, Debug)]
pub struct HeldAfter {
    /// The book.
    pub book: EventId,
    /// The code.
    pub code: String,
}

impl Ledger {
    /// The coupons that somebody holds, in order of book and code, at most `limit`.
    pub async fn held_coupons(
        &self,
        holder: &Holder,
        after: Option<&HeldAfter>,
        limit: usize,
    ) -> Result<Vec<HeldCoupon>, LedgerError> {
        let sql = format!(
            "SELECT event, code, state, {}, {}, redemptions, CAST(books.rules AS text), events.title FROM coupons \
             LEFT JOIN books ON books.book = event AND coupons.updated_ordinal > 0 LEFT JOIN events ON events.id = event \
             WHERE holder = $1 AND (event, code) > ($2, $3) ORDER BY event, code LIMIT $4",
            self.dialect.shown("assigned_at"),
            self.dialect.shown("locked_until")
        );
        let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(holder.as_str())
            .bind(after.map_or("", |after| after.book.as_str()))
            .bind(after.map_or("", |after| after.code.as_str()))
            .bind(whole(limit as u64)?)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|row| held(holder, row).map_err(odd))
            .collect()
    }
}

fn held(
    holder: &Holder,
    (book, code, state, assigned_at, locked_until, redemptions, rules, title): Columns,
) -> Result<HeldCoupon, Box<dyn std::error::Error>> {
    let moment = |at: Option<String>| at.as_deref().map(Millis::parse).transpose();
    let rules: Option<Rules> = rules.as_deref().map(serde_json::from_str).transpose()?;
    Ok(HeldCoupon {
        book: book.parse()?,
        title: rules.as_ref().map(|rules| rules.title.clone()).or(title),
        coupon: BookCoupon {
            code,
            state: state.parse()?,
            holder: Some(holder.to_string()),
            assigned_at: moment(assigned_at)?,
            locked_until: moment(locked_until)?,
            redemptions: u32::try_from(redemptions).unwrap_or(u32::MAX),
        },
        rules,
    })
}

fn odd(what: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unavailable(format!("a row of coupons: {what}"))
}
