//! The table of refusals: name, status, title, and what to do.

use super::{Refusal, Shown};

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
pub(super) static TABLE: [Shown; Refusal::ALL.len()] = [
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
        "Send `Authorization: Bearer <credential>`: an access token of a session, a service key, or, at the ops door, the admin token, which was shown at the first start and is kept in the data folder as `admin-token`. An access token ends after ten minutes, and with its session.",
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
        "wrong-credentials",
        401,
        "The address and the password are no account's",
        "Check both. Whether an account has this address is not told.",
    ),
    row(
        "session-ended",
        401,
        "The session is over",
        "Sign in again. A session ends by signing out, after thirty days, when its account changes, and when one refresh cookie is used twice.",
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
        "no-such-book",
        404,
        "There is no such book",
        "Check the book's id, and that the service key names it.",
    ),
    row(
        "no-such-pool",
        404,
        "There is no such pool",
        "Check the pool's id; the organiser makes pools with PUT.",
    ),
    row(
        "no-such-job",
        404,
        "There is no such job",
        "Check the job's id: the answer that began the job gave it, also in its `Location`.",
    ),
    row(
        "no-such-account",
        404,
        "There is no such account",
        "Check the account's id; it may have been deleted.",
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
        "account-exists",
        409,
        "The address has an account",
        "Sign in, or use another address.",
    ),
    row(
        "last-admin",
        409,
        "Nobody would be an admin any more",
        "Make another account an admin first.",
    ),
    row(
        "limit-reached",
        409,
        "One may not have more",
        "The book limits how many coupons one person may have, or redeem. Nothing was given or used.",
    ),
    row(
        "none-left",
        409,
        "Not enough coupons are left",
        "`available` says how many are; nothing was given.",
    ),
    row(
        "coupon-locked",
        409,
        "The coupon is locked",
        "Show the `lock_token` that locking it gave, or wait: a lock ends by itself.",
    ),
    row(
        "state-move",
        409,
        "The coupon cannot go there",
        "`from` is where the coupon stands, `to` where it was to go.",
    ),
    row(
        "coupon-expired",
        409,
        "The coupon is over",
        "The book has ended, or the organiser took the coupon back.",
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
        "codes-rejected",
        422,
        "Some of the codes cannot be in the book",
        "`rejected` names the first hundred with their lines and what is wrong, `rejected_total` counts them all. None was taken: mend the list and send it again.",
    ),
    row(
        "idempotency-mismatch",
        422,
        "The idempotency key came with another body before",
        "Send the same body again, or use a new `Idempotency-Key`. A key is remembered for 24 hours, for each caller and path.",
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
