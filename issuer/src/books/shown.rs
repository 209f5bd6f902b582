//! A book and a coupon as every call shows them.

use domain::book::{Book, Coupon, CouponState, Rules};
use domain::event::AckLevel;
use domain::{EventId, Holder, Millis};
use ledger::BookCoupon;
use serde::Serialize;
use utoipa::ToSchema;

/// A book with its rules, as they hold.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Book)]
pub struct ShownBook {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    book: Book,
}

impl ShownBook {
    /// A book; the ack level in force is shown, its own or the installation's.
    pub fn new(mut book: Book, default_ack: AckLevel) -> Self {
        book.rules.ack.get_or_insert(default_ack);
        Self { book }
    }
}

/// A book with its rules, and the event that issues its codes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedBook)]
pub struct ShownListed {
    #[serde(flatten)]
    book: ShownBook,
    /// The event that issues its codes, if one does.
    #[schema(value_type = Option<String>, example = "spring", required)]
    event: Option<EventId>,
}

impl ShownListed {
    /// A book; `for_event` when the event of its id issues its codes.
    pub fn new(book: Book, for_event: bool, default_ack: AckLevel) -> Self {
        let event = for_event.then(|| book.book.clone());
        let book = ShownBook::new(book, default_ack);
        Self { book, event }
    }
}

/// Where a coupon stands.
#[derive(ToSchema)]
#[schema(as = CouponState, rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "it describes `domain::book::CouponState`, which knows no OpenAPI"
)]
pub enum StateSchema {
    Unassigned,
    Assigned,
    Locked,
    Redeemed,
    Expired,
}

/// A coupon of a book.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookCoupon)]
pub struct Shown {
    /// The printable string.
    code: String,
    /// Where it stands.
    #[schema(value_type = StateSchema, example = "assigned")]
    state: CouponState,
    /// Whose it is.
    #[schema(required)]
    holder: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    assigned_at: Option<Millis>,
    /// When its lock ends.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    locked_until: Option<Millis>,
    /// How often it was redeemed.
    redemptions: u32,
    /// How often it may still be.
    remaining: u32,
}

impl Shown {
    /// A coupon that somebody has, as it stands at `now`.
    pub fn new(code: &str, coupon: &Coupon, rules: &Rules, now: Millis) -> Self {
        Self {
            code: code.to_owned(),
            state: coupon.state(rules, now),
            holder: Some(coupon.holder.to_string()),
            assigned_at: Some(coupon.assigned_at),
            locked_until: coupon.live_lock(now).map(|lock| lock.until),
            redemptions: coupon.redemptions,
            remaining: coupon.remaining(rules),
        }
    }

    /// A coupon that somebody just got, as it stands at `now`: `uses` is how often it may be redeemed.
    pub fn assigned(code: &str, holder: &Holder, uses: u32, now: Millis) -> Self {
        Self {
            code: code.to_owned(),
            state: CouponState::Assigned,
            holder: Some(holder.to_string()),
            assigned_at: Some(now),
            locked_until: None,
            redemptions: 0,
            remaining: uses,
        }
    }

    /// One that is nobody's.
    pub fn unassigned(code: &str, rules: &Rules) -> Self {
        Self {
            code: code.to_owned(),
            state: CouponState::Unassigned,
            holder: None,
            assigned_at: None,
            locked_until: None,
            redemptions: 0,
            remaining: rules.redemptions_per_code,
        }
    }

    /// One as the ledger knows it, at `now`: what ended by itself has made no record.
    pub fn kept(row: BookCoupon, rules: &Rules, now: Millis) -> Self {
        let locked_until = row.locked_until.filter(|until| *until > now);
        let state = match row.state {
            CouponState::Redeemed => CouponState::Redeemed,
            _ if rules.are_over(now) => CouponState::Expired,
            CouponState::Locked if locked_until.is_none() => CouponState::Assigned,
            state => state,
        };
        Self {
            code: row.code,
            state,
            holder: row.holder,
            assigned_at: row.assigned_at,
            locked_until: locked_until.filter(|_| state == CouponState::Locked),
            redemptions: row.redemptions,
            remaining: rules.redemptions_per_code.saturating_sub(row.redemptions),
        }
    }

    /// One whose code was made at issue: no book tells how often it may be redeemed, so it is for once.
    pub fn made(row: BookCoupon) -> Self {
        Self {
            code: row.code,
            state: row.state,
            holder: row.holder,
            assigned_at: row.assigned_at,
            locked_until: None,
            redemptions: row.redemptions,
            remaining: u32::from(row.redemptions == 0),
        }
    }

    /// How often it was redeemed, and may still be.
    pub fn redemptions(&self) -> (u32, u32) {
        (self.redemptions, self.remaining)
    }
}
