//! Refusals: what we say no to, as values with stable names. One table gives each its status, title and explanation.

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
    /// The event is over.
    EventClosed,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
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
    pub const ALL: [Self; 26] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::NoPlace,
        Self::TicketInvalid,
        Self::TicketExpired,
        Self::Forbidden,
        Self::ForeignOrigin,
        Self::TicketWrongEvent,
        Self::NotTheHolder,
        Self::NotFound,
        Self::NoSuchEvent,
        Self::NoSuchCoupon,
        Self::MethodNotAllowed,
        Self::NotOpenYet,
        Self::SoldOut,
        Self::LineClosed,
        Self::AlreadyIssued,
        Self::PhaseMove,
        Self::StillDead,
        Self::EventIsLive,
        Self::EventClosed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
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

/// A row of the table.
const fn row(
    name: &'static str,
    status: u16,
    title: &'static str,
    explanation: &'static str,
) -> Shown {
    Shown {
        name,
        status,
        title,
        explanation,
    }
}

/// One row for each refusal, in the order of the enum (held by a test).
static TABLE: [Shown; Refusal::ALL.len()] = [
    row(
        "bad-request",
        400,
        "The request is not as it must be",
        "A field, parameter or frame is missing, misspelt or out of range. `field` names it and `detail` says what is allowed; nothing was changed.",
    ),
    row(
        "unauthorized",
        401,
        "A credential is needed",
        "Send `Authorization: Bearer <admin token>`. The token was shown at the first start and is kept in the data folder as `admin-token`.",
    ),
    row(
        "no-place",
        401,
        "You have no place in this line",
        "The place token is missing, malformed or unknown here. Enter the line first, then send the token as `Authorization: Bearer <place_token>` or the cookie.",
    ),
    row(
        "ticket-invalid",
        401,
        "This is not a valid ticket",
        "The ticket is missing, malformed, not yet valid, or not signed by this installation. Send the ticket exactly as the line gave it, as `Authorization: Bearer <ticket>`.",
    ),
    row(
        "ticket-expired",
        401,
        "The ticket has ended",
        "A ticket must be redeemed before it ends. Enter the line again for a new place at the back.",
    ),
    row(
        "forbidden",
        403,
        "The credential does not open this",
        "The call needs a credential with more rights.",
    ),
    row(
        "foreign-origin",
        403,
        "The request came from another site",
        "A call that changes something with the cookie must come from the queue page's own origin. Other clients send the place token as `Authorization: Bearer`.",
    ),
    row(
        "ticket-wrong-event",
        403,
        "The ticket is for another event",
        "Redeem the ticket at the event that its `aud` claim names.",
    ),
    row(
        "not-the-holder",
        403,
        "The ticket belongs to somebody else",
        "Redeeming wants the ticket and the place token it was given to.",
    ),
    row(
        "not-found",
        404,
        "Nothing is here",
        "Check the path; `/api/openapi.json` lists every call.",
    ),
    row(
        "no-such-event",
        404,
        "There is no such event",
        "Check the event's id. Events are made by the organiser and never on the fly.",
    ),
    row(
        "no-such-coupon",
        404,
        "There is no such coupon",
        "Check the code and whose it is: a coupon that is somebody else's and one that does not exist are answered alike.",
    ),
    row(
        "method-not-allowed",
        405,
        "The path does not take this method",
        "The `Allow` header lists the methods that the path takes.",
    ),
    row(
        "not-open-yet",
        409,
        "The event has not begun",
        "Come back later; `opens_at` says when, if the organiser set a time.",
    ),
    row(
        "sold-out",
        409,
        "Every coupon is gone",
        "The event has issued all its coupons.",
    ),
    row(
        "line-closed",
        409,
        "The line takes nobody new",
        "The event is draining: those already in line are served, nobody else may enter.",
    ),
    row(
        "already-issued",
        409,
        "You have a coupon already",
        "One coupon per holder. `GET …/redemptions/me` shows the one you have.",
    ),
    row(
        "phase-move",
        409,
        "The event cannot move there",
        "`from` is where the event stands, `allowed` lists where it may go.",
    ),
    row(
        "still-dead",
        409,
        "The dead letter cannot be made a row",
        "`reason` says why. Mend that and send the letter again, or discard it.",
    ),
    row(
        "event-is-live",
        409,
        "The field can no longer change",
        "`field` is fixed once the event has left its draft. Stock grows by `POST …/stock`.",
    ),
    row(
        "event-closed",
        410,
        "The event is over",
        "The organiser closed the event.",
    ),
    row(
        "too-large",
        413,
        "The body is too large",
        "Send at most 16 KiB.",
    ),
    row(
        "unsupported-media-type",
        415,
        "The body is not JSON",
        "Send JSON with `Content-Type: application/json`.",
    ),
    row(
        "slow-down",
        429,
        "Too many requests",
        "Wait as long as `Retry-After` says, then go on more slowly.",
    ),
    row(
        "try-again",
        503,
        "A part of the service does not answer",
        "Nothing was acknowledged. Wait as long as `Retry-After` says and send the same request again.",
    ),
    row(
        "outcome-unknown",
        503,
        "The answer was lost on its way",
        "The coupon may have been issued. Wait as long as `Retry-After` says and send the same ticket again: it gets the true answer, never a second coupon.",
    ),
];

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
