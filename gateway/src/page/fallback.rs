//! What the queue page says without scripts: one thing at a time, and when to ask again.

use domain::chance::Chance;
use domain::place::{GoneReason, PlaceState};
use domain::{EventId, Millis, Phase, eta::Eta, pace};

use super::escaped;
use super::turn::{self, Redeemed, Turn};
use super::words::{Language, Words};
use crate::mirror::document::Document;
use crate::mirror::line::Line;

/// When somebody outside looks again whether the line takes them, in seconds.
const LOOK_AGAIN_S: u64 = 15;
/// When somebody who was let in looks again for their ticket, in seconds.
const TICKET_S: u64 = 5;

/// One state of the page.
#[derive(Debug)]
pub enum Fallback {
    /// A draft.
    NotOpenYet { opens_at: Option<Millis> },
    /// The line takes people, and this one is not in it.
    Join {
        remaining: u64,
        waiting: u64,
        /// Does it take those alone whom the organiser's site sends? What they bring is behind the `#`, where only a script sees it.
        sent_alone: bool,
    },
    /// In line.
    Waiting {
        phase: Phase,
        position: Option<u64>,
        eta: Option<Eta>,
        chance: Option<Chance>,
    },
    /// Let in; the ticket is on its way.
    TurnSoon,
    /// Let in.
    Turn(Turn),
    /// The coupon is issued, and not kept as far as the event wants.
    Pending { event: EventId },
    /// The coupon.
    Coupon {
        event: EventId,
        code: String,
        serial: u64,
    },
    /// No longer in line; may join again where the line takes people.
    Gone { reason: GoneReason, may_join: bool },
    /// Nobody new may join.
    LineClosed,
    /// Every coupon is gone.
    SoldOut,
    /// The event is over.
    Closed,
    /// There is no such event.
    UnknownEvent,
}

impl Fallback {
    /// For somebody without a place.
    pub fn outside(document: &Document, waiting: u64) -> Self {
        let ended = document.ended();
        match document.phase() {
            Phase::Draft => Self::NotOpenYet {
                opens_at: document.opens_at(),
            },
            _ if ended == Some(GoneReason::SoldOut) => Self::SoldOut,
            Phase::Lobby | Phase::Open | Phase::Paused => Self::Join {
                remaining: document.remaining(),
                waiting,
                sent_alone: document.entry().is_some(),
            },
            Phase::Draining => Self::LineClosed,
            Phase::Closed => Self::Closed,
        }
    }

    /// For somebody whose place the store knows.
    pub fn inside(line: &Line, state: PlaceState, now: Millis) -> Self {
        let document = line.document();
        match state {
            PlaceState::Waiting { seq } => {
                let position = line.shown_position(seq);
                Self::Waiting {
                    phase: document.phase(),
                    position,
                    eta: position.and_then(|position| document.eta(position)),
                    chance: position.map(|position| document.chance(position, None)),
                }
            }
            PlaceState::Admitted { ticket: None, .. } => Self::TurnSoon,
            PlaceState::Admitted { expires_at, .. } => {
                Self::Turn(Turn::new(line.event.clone(), expires_at, now))
            }
            PlaceState::Redeemed(issue) => Self::Coupon {
                event: line.event.clone(),
                code: issue.coupon.code,
                serial: issue.coupon.serial.0,
            },
            PlaceState::Gone { reason } => Self::Gone {
                reason,
                may_join: document.phase().takes_visitors(),
            },
        }
    }

    /// After the button that redeems was pressed.
    pub fn after(self, pressed: Option<Redeemed>) -> Self {
        match (self, pressed) {
            (Self::Turn(turn), pressed) => Self::Turn(turn.after(pressed)),
            (Self::Coupon { event, .. }, Some(Redeemed::Pending)) => Self::Pending { event },
            (other, _) => other,
        }
    }

    /// For the end of `<head>`: when a browser without scripts asks again.
    pub fn head(&self) -> String {
        let again_s = match self {
            Self::Waiting { position, .. } => pace::interval_ms(position.unwrap_or(u64::MAX))
                .div_ceil(1_000)
                .max(2),
            Self::TurnSoon => TICKET_S,
            Self::Turn(turn) => turn.again_s(),
            Self::NotOpenYet { .. } | Self::Join { .. } => LOOK_AGAIN_S,
            _ => return String::new(),
        };
        format!("<noscript><meta http-equiv=\"refresh\" content=\"{again_s}\"></noscript>")
    }

    /// For the inside of `<main>`.
    pub fn main(&self, language: Language) -> String {
        let words = language.words();
        let inside = match self {
            Self::NotOpenYet { opens_at } => {
                let at = opens_at.map(|at| words.opens_at.replace("{}", &moment(at)));
                said(words.not_open) + &at.map(|at| paragraph(&at)).unwrap_or_default()
            }
            Self::Join {
                remaining,
                waiting,
                sent_alone,
            } => {
                let way_in = if *sent_alone {
                    // Where scripts run, the page that they make takes its place.
                    format!("<noscript>{}</noscript>", said(words.sent_alone))
                } else {
                    paragraph(words.join_text) + &form(words.join)
                };
                figures(words, *remaining, *waiting) + &way_in
            }
            Self::Waiting {
                phase,
                position,
                eta,
                chance,
            } => {
                waiting(words, *phase, *position, *eta)
                    + &chance
                        .map(|chance| expects(words, chance))
                        .unwrap_or_default()
                    + &paragraph(words.refreshes)
            }
            Self::TurnSoon => said(words.turn_soon),
            Self::Turn(turn) => turn.main(language),
            Self::Pending { event } => turn::pending(language, event),
            Self::Coupon { code, serial, .. } => coupon(words, code, *serial),
            Self::Gone { reason, may_join } => gone(words, *reason, *may_join),
            Self::LineClosed => said(words.line_closed),
            Self::SoldOut => said(words.sold_out),
            Self::Closed => said(words.closed),
            Self::UnknownEvent => said(words.unknown),
        };
        format!("<section class=\"screen\">{inside}</section>")
    }
}

fn figures(words: &Words, remaining: u64, waiting: u64) -> String {
    let figures = [(words.left, remaining), (words.in_line, waiting)];
    figures
        .into_iter()
        .map(|(text, figure)| paragraph(&text.replace("{}", &grouped(figure))))
        .collect()
}

/// Will there be a coupon?
fn expects(words: &Words, chance: Chance) -> String {
    paragraph(match chance {
        Chance::Likely => words.likely,
        Chance::Uncertain => words.uncertain,
        Chance::Unlikely => words.unlikely,
    })
}

fn waiting(words: &Words, phase: Phase, position: Option<u64>, eta: Option<Eta>) -> String {
    let mut inside = match (phase, position) {
        (Phase::Draft | Phase::Lobby, Some(_)) => said(words.lobby),
        (Phase::Draft | Phase::Lobby, None) => said(words.lobby_drawn),
        (Phase::Paused, _) => said(words.paused),
        (Phase::Open | Phase::Draining | Phase::Closed, Some(_)) => String::new(),
        (Phase::Open | Phase::Draining | Phase::Closed, None) => said(words.drawing),
    };
    if let Some(position) = position {
        inside += &labelled(words.number, position);
    }
    if let Some(eta) = eta {
        inside += &paragraph(&range(words, eta));
    }
    inside
}

/// In the unit that suits the far end, as the script tells it: seconds up to 90, minutes up to 90, hours.
fn range(words: &Words, Eta { low, high }: Eta) -> String {
    let [seconds, minutes, hours] = words.range;
    let (text, unit_s) = match high {
        0..=90 => (seconds, 1),
        91..=5_400 => (minutes, 60),
        _ => (hours, 3_600),
    };
    text.replacen("{}", &grouped(low / unit_s), 1).replacen(
        "{}",
        &grouped(high.div_ceil(unit_s)),
        1,
    )
}

fn coupon(words: &Words, code: &str, serial: u64) -> String {
    said(words.coupon)
        + &format!("<p class=\"code\">{}</p>", escaped(code))
        + &paragraph(&words.record.replace("{}", &serial.to_string()))
}

fn gone(words: &Words, reason: GoneReason, may_join: bool) -> String {
    let text = match reason {
        GoneReason::Left => words.gave_up,
        GoneReason::NoShow => words.missed,
        GoneReason::SoldOut => words.sold_out,
        GoneReason::Closed => words.closed,
    };
    let again = may_join && matches!(reason, GoneReason::Left | GoneReason::NoShow);
    let form = again.then(|| form(words.again));
    said(text) + &form.unwrap_or_default()
}

/// A headline and what there is to it.
pub fn said([headline, text]: [&str; 2]) -> String {
    format!("<h2>{}</h2><p>{}</p>", escaped(headline), escaped(text))
}

fn labelled(label: &str, number: u64) -> String {
    format!(
        "<p class=\"label\">{}</p><p class=\"number\"><span class=\"digits\">{}</span></p>",
        escaped(label),
        grouped(number)
    )
}

/// A time to the second, in a zone that it names: the page does not know the reader's.
pub fn moment(at: Millis) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.split('.').next().unwrap_or(time)),
        None => text,
    }
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

fn form(button: &str) -> String {
    format!(
        "<form method=\"post\"><button class=\"primary\">{}</button></form>",
        escaped(button)
    )
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::document::tests::document;

    #[test]
    fn a_time_is_told_to_the_second_with_its_zone() {
        assert_eq!(moment(Millis(5_250)), "1970-01-01 00:00:05 UTC");
    }

    #[test]
    fn a_wait_is_told_in_the_unit_that_suits_it() {
        let told = |low, high| range(Language::English.words(), Eta { low, high });
        assert_eq!(told(20, 40), "20 to 40 seconds to go");
        assert_eq!(told(200, 310), "3 to 6 minutes to go");
        assert_eq!(told(4_000, 7_300), "1 to 3 hours to go");
    }

    #[test]
    fn numbers_are_shown_with_their_thousands_apart() {
        let shown = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn whoever_is_outside_sees_what_the_event_takes() {
        let table = [
            ("draft", None, "Not open yet."),
            ("lobby", None, "Join the line"),
            ("open", None, "Join the line"),
            ("paused", None, "Join the line"),
            ("draining", None, "The line is closed."),
            (
                "draining",
                Some(GoneReason::SoldOut),
                "All coupons are gone.",
            ),
            ("closed", Some(GoneReason::Closed), "The event is over."),
        ];
        for (phase, ended, says) in table {
            let fallback = Fallback::outside(&document(0, phase, 812, ended), 3);
            let page = fallback.main(Language::English);
            assert!(page.contains(says), "{phase}: {page}");
            assert_eq!(
                page.contains("<form method=\"post\">"),
                says == "Join the line"
            );
        }
    }

    #[test]
    fn before_the_draw_nobody_is_told_a_number_and_everybody_why() {
        for (phase, says) in [
            (Phase::Lobby, "the places are drawn when it opens"),
            (Phase::Open, "The places are being drawn."),
        ] {
            let fallback = Fallback::Waiting {
                phase,
                position: None,
                eta: None,
                chance: None,
            };
            let page = fallback.main(Language::English);
            assert!(page.contains(says), "{phase:?}: {page}");
            assert!(!page.contains("class=\"number\""), "{phase:?}: {page}");
        }
    }

    fn waiting_with(chance: Chance) -> Fallback {
        Fallback::Waiting {
            phase: Phase::Open,
            position: Some(3),
            eta: None,
            chance: Some(chance),
        }
    }

    fn sent_alone() -> Fallback {
        Fallback::Join {
            remaining: 3,
            waiting: 1,
            sent_alone: true,
        }
    }

    #[test]
    fn every_state_is_said_in_both_languages_and_refreshes_while_it_may_change() {
        let gone = |reason, may_join| Fallback::Gone { reason, may_join };
        let at = Millis(1_000);
        let event: EventId = "demo".parse().unwrap();
        let turn = Turn::new(event.clone(), at, Millis(-57_000));
        let coupon = || Fallback::Coupon {
            event: event.clone(),
            code: "<A&B>".to_owned(),
            serial: 17,
        };
        let table = [
            (waiting_with(Chance::Likely), Some("2"), "<p>"),
            (waiting_with(Chance::Uncertain), Some("2"), "<p>"),
            (waiting_with(Chance::Unlikely), Some("2"), "<p>"),
            (sent_alone(), Some("15"), "<noscript><h2>"),
            (Fallback::Turn(turn), Some("60"), "1970-01-01 00:00:01 UTC"),
            (Fallback::TurnSoon, Some("5"), "<h2>"),
            (coupon(), None, "&lt;A&amp;B&gt;"),
            (
                coupon().after(Some(Redeemed::Unknown)),
                None,
                "&lt;A&amp;B&gt;",
            ),
            (coupon().after(Some(Redeemed::Pending)), None, "<form"),
            (gone(GoneReason::Left, true), None, "<form"),
            (gone(GoneReason::NoShow, true), None, "<form"),
            (gone(GoneReason::NoShow, false), None, "<h2>"),
            (gone(GoneReason::SoldOut, true), None, "<h2>"),
            (gone(GoneReason::Closed, false), None, "<h2>"),
            (Fallback::UnknownEvent, None, "<h2>"),
            (
                Fallback::NotOpenYet { opens_at: Some(at) },
                Some("15"),
                "1970-01-01 00:00:01 UTC",
            ),
        ];
        for (fallback, refresh, says) in table {
            let pages =
                [Language::English, Language::Korean].map(|language| fallback.main(language));
            assert_ne!(pages[0], pages[1]);
            for page in pages {
                assert!(page.contains(says), "{page}");
                assert!(!page.contains("{}"), "{page}");
            }
            let head = refresh.map(|s| {
                format!("<noscript><meta http-equiv=\"refresh\" content=\"{s}\"></noscript>")
            });
            assert_eq!(fallback.head(), head.unwrap_or_default());
        }
    }
}
