//! The coupons of one person, across books.

use domain::{EventId, Holder, Millis};
use sqlx::AssertSqlSafe;

use crate::acts::read;
use crate::connect::Ledger;
use crate::error::LedgerError;
use crate::offsets::whole;

/// A coupon that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCoupon {
    /// The book it belongs to.
    pub book: EventId,
    /// The printable string.
    pub code: String,
    /// What became of it so far.
    pub state: String,
    /// When it was assigned.
    pub assigned_at: Option<Millis>,
}

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
            "SELECT event, code, state, {} FROM coupons WHERE holder = $1 AND (event, code) > ($2, $3) \
             ORDER BY event, code LIMIT $4",
            self.dialect.shown("assigned_at")
        );
        let rows: Vec<(String, String, String, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(sql))
                .bind(holder.as_str())
                .bind(after.map_or("", |after| after.book.as_str()))
                .bind(after.map_or("", |after| after.code.as_str()))
                .bind(whole(limit as u64)?)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(book, code, state, assigned_at)| {
                let assigned_at = assigned_at.as_deref().map(Millis::parse).transpose();
                Ok(HeldCoupon {
                    book: read("coupons", book.parse())?,
                    code,
                    state,
                    assigned_at: read("coupons", assigned_at)?,
                })
            })
            .collect()
    }
}
