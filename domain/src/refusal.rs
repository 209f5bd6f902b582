//! Refusals: what we say no to, as values with stable names. One table gives each its status, title and explanation.

mod table;

use table::TABLE;

/// A refusal. Its name is the last part of the problem's `type` (RFC 9457), `/problems/<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The request is not as it must be.
    BadRequest,
    /// No credential, or one that opens nothing.
    Unauthorized,
    /// The caller shows no place in this line.
    NoPlace,
    /// The ticket is not one of ours.
    TicketInvalid,
    /// The ticket's time is over.
    TicketExpired,
    /// The address and the password are no account's.
    WrongCredentials,
    /// The session is over.
    SessionEnded,
    /// The credential does not open this.
    Forbidden,
    /// A change by cookie came from another site.
    ForeignOrigin,
    /// The ticket is for another event.
    TicketWrongEvent,
    /// The place token is not the ticket's.
    NotTheHolder,
    /// Nothing is here.
    NotFound,
    /// The event is unknown.
    NoSuchEvent,
    /// The coupon is unknown, or somebody else's.
    NoSuchCoupon,
    /// The book is unknown, or not the caller's to use.
    NoSuchBook,
    /// The pool is unknown.
    NoSuchPool,
    /// The job is unknown.
    NoSuchJob,
    /// The account is unknown.
    NoSuchAccount,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The event is a draft.
    NotOpenYet,
    /// No coupon is left.
    SoldOut,
    /// The line takes nobody new.
    LineClosed,
    /// The holder has a coupon already.
    AlreadyIssued,
    /// The event's life has no such move.
    PhaseMove,
    /// The dead letter stays one.
    StillDead,
    /// The field is fixed by now.
    EventIsLive,
    /// The address has an account.
    AccountExists,
    /// Nobody would be an admin any more.
    LastAdmin,
    /// Somebody has or used as much as one may.
    LimitReached,
    /// Fewer coupons are left than were asked for.
    NoneLeft,
    /// The coupon is locked.
    CouponLocked,
    /// The life of a coupon has no such move.
    StateMove,
    /// The coupon is over.
    CouponExpired,
    /// The event is over.
    EventClosed,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Codes of an upload cannot be in the book.
    CodesRejected,
    /// The idempotency key came with another body before.
    IdempotencyMismatch,
    /// Too many calls.
    SlowDown,
    /// A store does not answer.
    TryAgain,
    /// A store's answer was lost; asking again tells.
    OutcomeUnknown,
}

/// How a refusal is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The stable name.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A few words, the same in every case.
    pub title: &'static str,
    /// For people who open the problem's page: what it means and what to do.
    pub explanation: &'static str,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 41] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::NoPlace,
        Self::TicketInvalid,
        Self::TicketExpired,
        Self::WrongCredentials,
        Self::SessionEnded,
        Self::Forbidden,
        Self::ForeignOrigin,
        Self::TicketWrongEvent,
        Self::NotTheHolder,
        Self::NotFound,
        Self::NoSuchEvent,
        Self::NoSuchCoupon,
        Self::NoSuchBook,
        Self::NoSuchPool,
        Self::NoSuchJob,
        Self::NoSuchAccount,
        Self::MethodNotAllowed,
        Self::NotOpenYet,
        Self::SoldOut,
        Self::LineClosed,
        Self::AlreadyIssued,
        Self::PhaseMove,
        Self::StillDead,
        Self::EventIsLive,
        Self::AccountExists,
        Self::LastAdmin,
        Self::LimitReached,
        Self::NoneLeft,
        Self::CouponLocked,
        Self::StateMove,
        Self::CouponExpired,
        Self::EventClosed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::CodesRejected,
        Self::IdempotencyMismatch,
        Self::SlowDown,
        Self::TryAgain,
        Self::OutcomeUnknown,
    ];

    /// The refusal with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|refusal| refusal.shown().name == name)
    }

    /// Its row in the table.
    #[must_use]
    pub fn shown(self) -> Shown {
        TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_found_by_its_name_and_says_what_to_do() {
        for refusal in Refusal::ALL {
            let shown = refusal.shown();
            assert_eq!(Refusal::named(shown.name), Some(refusal));
            let variant = shown
                .name
                .split('-')
                .map(|word| word[..1].to_uppercase() + &word[1..]);
            assert_eq!(
                variant.collect::<String>(),
                format!("{refusal:?}"),
                "the table is in order"
            );
            assert!((400..600).contains(&shown.status), "{}", shown.name);
            assert!(shown.explanation.ends_with('.'), "{}", shown.name);
        }
        assert_eq!(Refusal::named("tea-pot"), None);
    }
}
