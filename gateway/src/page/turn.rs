//! The turn on the page without scripts: a button that redeems at the issuer, which sends the browser back with a name of what
//! came of it.

use domain::{EventId, Millis};

use super::escaped;
use super::fallback::{moment, said};
use super::words::Language;

/// How long after its end a ticket may still be found, in seconds.
const SWEPT_S: u64 = 2;

/// What came of pressing the button, when it was no coupon that the holder may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// Issued, and not kept as far as the event wants.
    Pending,
    /// Nobody knows: the same button tells.
    Unknown,
    /// None left.
    SoldOut,
    /// The event is over.
    Closed,
    /// The ticket's time is over.
    Expired,
    /// They have as many as one person may.
    Enough,
    /// The ticket is not accepted.
    Refused,
}

impl Redeemed {
    /// What a name in the address means; of any other the page itself says what has become.
    pub fn known(name: &str) -> Option<Self> {
        Some(match name {
            "pending" => Self::Pending,
            "try-again" | "outcome-unknown" => Self::Unknown,
            "sold-out" => Self::SoldOut,
            "event-closed" => Self::Closed,
            "ticket-expired" => Self::Expired,
            "already-issued" | "limit-reached" => Self::Enough,
            "ticket-invalid" | "ticket-wrong-event" | "not-the-holder" => Self::Refused,
            _ => return None,
        })
    }
}

/// Somebody holds a ticket.
#[derive(Debug)]
pub struct Turn {
    event: EventId,
    ends_at: Millis,
    /// How long the ticket still lasts, in seconds.
    left_s: u64,
    /// What came of pressing the button, once it was.
    pressed: Option<Redeemed>,
}

impl Turn {
    /// Somebody whose ticket for `event` ends at `ends_at`.
    pub fn new(event: EventId, ends_at: Millis, now: Millis) -> Self {
        let left_ms = ends_at.0.saturating_sub(now.0);
        Self {
            event,
            ends_at,
            left_s: u64::try_from(left_ms).unwrap_or(0) / 1_000,
            pressed: None,
        }
    }

    /// After the button was pressed.
    pub fn after(self, pressed: Option<Redeemed>) -> Self {
        Self { pressed, ..self }
    }

    /// In how many seconds the page asks again: not while the ticket lasts, so that no finger is on a button that goes away.
    pub fn again_s(&self) -> u64 {
        self.left_s + SWEPT_S
    }

    /// What they read.
    pub fn main(&self, language: Language) -> String {
        let words = language.words();
        let button = |label| button(language, &self.event, label);
        match self.pressed {
            None => {
                let [headline, text] = words.turn;
                said([headline, &text.replace("{}", &moment(self.ends_at))]) + &button(words.take)
            }
            Some(Redeemed::Pending | Redeemed::Unknown) => {
                said(words.unknown_outcome) + &button(words.ask_again)
            }
            Some(Redeemed::Refused) => said(words.ticket_refused) + &button(words.take),
            Some(Redeemed::SoldOut) => said(words.sold_out),
            Some(Redeemed::Closed) => said(words.closed),
            Some(Redeemed::Expired) => said(words.missed),
            Some(Redeemed::Enough) => said(words.enough),
        }
    }
}

/// What somebody reads whose coupon is not kept as far as the event wants.
pub fn pending(language: Language, event: &EventId) -> String {
    let words = language.words();
    said(words.pending) + &button(language, event, words.ask_again)
}

/// The button, which needs nothing but the cookie.
fn button(language: Language, event: &EventId, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/api/v1/events/{}/redemptions/form?lang={}\"><button class=\"primary\">{}</button></form>",
        event.encoded(),
        language.tag(),
        escaped(label)
    )
}

#[cfg(test)]
mod tests {
    use domain::Refusal;

    use super::*;

    #[test]
    fn whatever_is_answered_to_a_ticket_is_said_and_the_button_stays_where_it_may_help() {
        let names = [
            (Refusal::TryAgain, true),
            (Refusal::OutcomeUnknown, true),
            (Refusal::TicketInvalid, true),
            (Refusal::TicketWrongEvent, true),
            (Refusal::NotTheHolder, true),
            (Refusal::SoldOut, false),
            (Refusal::AlreadyIssued, false),
            (Refusal::LimitReached, false),
            (Refusal::TicketExpired, false),
            (Refusal::EventClosed, false),
        ];
        let demo: EventId = "demo".parse().unwrap();
        for (refusal, button) in names {
            let name = refusal.shown().name;
            let redeemed = Redeemed::known(name);
            assert!(redeemed.is_some(), "{name}");
            for language in [Language::English, Language::Korean] {
                let turn = Turn::new(demo.clone(), Millis(1_000), Millis(0));
                let said = turn.after(redeemed).main(language);
                assert_eq!(said.contains("<form"), button, "{name}: {said}");
                assert!(!said.contains("{}"), "{said}");
            }
        }
        assert_eq!(Redeemed::known("no-place"), None);
    }
}
