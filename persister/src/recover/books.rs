//! Putting books back of which Redis has lost records.

use std::collections::BTreeSet;

use domain::book::{Book, Coupon, CouponState};
use domain::{EventId, Millis};
use ledger::{BookCoupon, Wanted};
use lua::{Holdings, Recovery, RestoredBook};

use super::{PAGE, RecoverError, Watcher};

impl Watcher {
    /// Puts every book back of which something is lost; which. Comes before the events, one of which may share its id and
    /// with it the count of its records.
    pub(super) async fn books(
        &self,
        recovery: &mut Recovery,
        incarnation: u64,
    ) -> Result<BTreeSet<EventId>, RecoverError> {
        let events = self.ledger.events().await?;
        let mut restored = BTreeSet::new();
        for book in self.ledger.books().await? {
            if !recovery.serves(&book.book) {
                continue;
            }
            let is_alone = events.iter().all(|stored| stored.event.event != book.book);
            if self.book(recovery, &book, is_alone, incarnation).await? {
                restored.insert(book.book);
            }
        }
        Ok(restored)
    }

    /// Puts a book back, if Redis has lost anything of it.
    async fn book(
        &self,
        recovery: &mut Recovery,
        book: &Book,
        is_alone: bool,
        incarnation: u64,
    ) -> Result<bool, RecoverError> {
        let id = &book.book;
        let buried = self.ledger.buried(id).await?;
        let last_buried = buried.last().copied().unwrap_or(0);
        let seen = self.ledger.watermark(id).await?.max(last_buried);
        let counted = recovery.records(id).await?;
        if counted >= seen {
            return Ok(false);
        }
        tracing::warn!(book = %id, counted, seen, "redis has lost records of a book: it is put back from the ledger");
        let mut holdings = Holdings::default();
        let everything = Wanted {
            state: None,
            now: Millis(0),
            is_over: false,
        };
        let mut after = String::new();
        loop {
            let page = self
                .ledger
                .book_coupons(id, everything, &after, PAGE)
                .await?;
            let Some(last) = page.last() else {
                break;
            };
            after.clone_from(&last.code);
            let coupons: Vec<_> = page.into_iter().map(coupon).collect();
            recovery.lay_coupons(book, &coupons, &mut holdings).await?;
        }
        self.store.bury(id, &buried).await?;
        let restored = RestoredBook {
            book,
            epoch: incarnation,
            seen,
            is_alone,
            holdings: &holdings,
        };
        recovery.restore_book(restored).await?;
        Ok(true)
    }
}

/// A coupon of which the ledger tells; none is one that nobody has. Its lock is gone with the token.
fn coupon(row: BookCoupon) -> (String, Option<Coupon>) {
    let holder = row.holder.and_then(|holder| holder.parse().ok());
    let coupon = holder.map(|holder| Coupon {
        holder,
        assigned_at: row.assigned_at.unwrap_or_default(),
        redemptions: row.redemptions,
        lock: None,
        is_cancelled: row.state == CouponState::Expired,
    });
    (row.code, coupon)
}
