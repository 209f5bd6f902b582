//! Putting a book back: its codes that nobody has, and its coupons as the ledger last knew them.

use std::collections::HashMap;

use domain::Holder;
use domain::book::{Book, Coupon};

use super::{GAP, PIECE, RESTORE_BOOK, Recovery, not_ours};
use crate::books::{coupon_text, with_rules};
use crate::connect::StoreError;
use crate::keys::Keys;
use crate::script::tags;

/// What each holder has of a book, and how often they redeemed: gathered while its coupons are laid out.
#[derive(Debug, Default)]
pub struct Holdings(HashMap<Holder, (u32, u32)>);

/// A book as the ledger knows it.
#[derive(Clone, Copy, Debug)]
pub struct RestoredBook<'a> {
    /// The book.
    pub book: &'a Book,
    /// The epoch of the records that it writes from now on.
    pub epoch: u64,
    /// The highest ordinal among its records.
    pub seen: u64,
    /// Is there no event of this id, which would be put back after it?
    pub is_alone: bool,
    /// What its holders have.
    pub holdings: &'a Holdings,
}

impl Recovery {
    /// Lays coupons beside the book's keys: codes that nobody has, and the others with their state.
    pub async fn lay_coupons(
        &mut self,
        book: &Book,
        coupons: &[(String, Option<Coupon>)],
        holdings: &mut Holdings,
    ) -> Result<(), StoreError> {
        if coupons.is_empty() {
            return self.hold().await;
        }
        let keys = Keys::of(&book.book);
        let (mut free, mut assigned) = (redis::cmd("SADD"), redis::cmd("HSET"));
        free.arg(self.beside(&keys.free()));
        assigned.arg(self.beside(&keys.assigned()));
        let mut frees = 0;
        for (code, coupon) in coupons {
            let Some(coupon) = coupon else {
                free.arg(code);
                frees += 1;
                continue;
            };
            assigned.arg(code).arg(coupon_text(coupon));
            let (held, redeemed) = holdings.0.entry(coupon.holder.clone()).or_default();
            *held += u32::from(!coupon.is_cancelled);
            *redeemed += coupon.redemptions;
        }
        let mut pipe = redis::pipe();
        if frees > 0 {
            pipe.add_command(free).ignore();
        }
        if frees < coupons.len() {
            pipe.add_command(assigned).ignore();
        }
        self.lay(pipe, &[keys.free(), keys.assigned()]).await
    }

    /// Puts a book back; its coupons were laid beside it before.
    pub async fn restore_book(&mut self, restored: RestoredBook<'_>) -> Result<(), StoreError> {
        tags!(Outcome { Restored = "restored", NotOurs = "not-ours" });
        let book = restored.book;
        let keys = Keys::of(&book.book);
        let holdings: Vec<_> = restored.holdings.0.iter().collect();
        for piece in holdings.chunks(PIECE) {
            let held = piece.iter().map(|(who, (held, _))| (who.as_str(), *held));
            let redeemed = piece.iter().map(|(who, (_, uses))| (who.as_str(), *uses));
            self.lay_pairs("HSET", &keys.holders(), held.collect())
                .await?;
            self.lay_pairs("HSET", &keys.redeemers(), redeemed.collect())
                .await?;
        }
        self.list(&book.book).await?;
        let mut touched = vec![
            keys.event(),
            keys.counts(),
            keys.outbox(),
            keys.acked(),
            keys.book(),
        ];
        for key in [
            keys.free(),
            keys.assigned(),
            keys.holders(),
            keys.redeemers(),
            keys.dealt(),
            keys.coming(),
            keys.coming_pieces(),
        ] {
            touched.extend([self.beside(&key), key]);
        }
        let call = RESTORE_BOOK
            .keys(touched)
            .arg(&[restored.epoch, restored.seen, GAP])
            .arg(u8::from(restored.is_alone));
        let mut reply = with_rules(call, &book.rules)?
            .run_on(&mut self.connection)
            .await?;
        match reply.tag()? {
            Outcome::Restored => Ok(()),
            Outcome::NotOurs => Err(not_ours()),
        }
    }
}
