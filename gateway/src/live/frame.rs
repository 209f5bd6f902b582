//! What sockets and streams say: one JSON object each.

use domain::chance::Chance;
use domain::eta::Eta;
use domain::place::GoneReason;
use domain::{EventId, Millis, Phase};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::answer::EtaShown;
use crate::schema::{ChanceSchema, GoneReasonSchema, PhaseSchema};

/// A position frame fits in so many bytes, so that it is written without moving it.
const ROOM: usize = 256;

/// Where a waiting visitor stands, as far as it is shown.
#[expect(
    clippy::struct_field_names,
    reason = "the fields are named as in the contract"
)]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Position {
    /// How many stand before, plus one; none before a drawn line opens.
    #[schema(required)]
    pub position: Option<u64>,
    /// How many wait in all.
    pub waiting: u64,
    /// The time left; none when nobody is let in.
    #[schema(value_type = Option<EtaShown>, required)]
    pub eta_s: Option<Eta>,
    /// Visitors let in per second.
    #[serde(serialize_with = "plain_number")]
    #[schema(value_type = f64)]
    pub rate_per_s: f64,
    /// Coupons not yet issued.
    pub stock_remaining: u64,
    /// Will there be one for the visitor? None before a drawn line opens.
    #[schema(value_type = Option<ChanceSchema>, required)]
    pub chance: Option<Chance>,
}

impl Position {
    /// The same after so many seconds without news: only the time left went on.
    pub fn counted_down(self, passed_s: u64) -> Self {
        let eta_s = self.eta_s.map(|eta| eta.counted_down(passed_s));
        Self { eta_s, ..self }
    }

    /// Would a visitor who was shown `before` see a difference? How many others wait and how many coupons are left say something
    /// new when a twentieth of them came or went; the position comes with the exact counts.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let differs = |now: u64, before: u64| now.abs_diff(before) > before / 20;
        self.position != before.position
            || self.chance != before.chance
            || self.eta_s != before.eta_s
            || self.rate_per_s.to_bits() != before.rate_per_s.to_bits()
            || differs(self.waiting, before.waiting)
            || differs(self.stock_remaining, before.stock_remaining)
            || (self.stock_remaining == 0) != (before.stock_remaining == 0)
    }
}

/// One frame to a visitor.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schema(as = LiveFrame)]
pub enum Frame {
    /// Where the visitor stands.
    Position {
        /// The figures.
        #[serde(flatten)]
        shown: Position,
        /// When this was so.
        #[schema(value_type = String, format = DateTime)]
        at: Millis,
    },
    /// It is the visitor's turn.
    Ticket {
        /// What to redeem.
        ticket: String,
        /// When it ends.
        #[schema(value_type = String, format = DateTime)]
        expires_at: Millis,
        /// Where to redeem it.
        redeem_url: String,
    },
    /// The event changed.
    Event {
        /// Its phase.
        #[schema(value_type = PhaseSchema)]
        phase: Phase,
        /// Is every coupon gone?
        sold_out: bool,
        /// Coupons not yet issued.
        stock_remaining: u64,
    },
    /// The place is no longer in the line.
    Gone {
        /// Why.
        #[schema(value_type = GoneReasonSchema)]
        reason: GoneReason,
    },
    /// The server is stopping; the place is safe.
    Bye {
        /// Come back after so many milliseconds.
        retry_after_ms: u32,
    },
}

/// What a visitor may say.
#[derive(Debug, Deserialize, PartialEq, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[schema(as = LiveSaid)]
pub enum Said {
    /// The first frame of a socket without cookie: whose place it is.
    Hello {
        /// The place token; its form is judged later.
        place_token: String,
    },
    /// The visitor gives the place up.
    Leave {},
}

impl Frame {
    /// The ticket of somebody's turn in `event`.
    pub fn ticket(event: &EventId, ticket: String, expires_at: Millis) -> Self {
        Self::Ticket {
            ticket,
            expires_at,
            redeem_url: format!("/api/v1/events/{event}/redemptions"),
        }
    }

    /// The frame as it is sent.
    pub fn to_json(&self) -> String {
        let mut json = Vec::with_capacity(ROOM);
        // Every field is a number, a text or a list of them: this cannot fail, and is text.
        let _ = serde_json::to_writer(&mut json, self);
        String::from_utf8(json).unwrap_or_default()
    }
}

/// A whole number without its `.0`, as people write it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and small just before"
)]
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
pub fn plain_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && (0.0..1e15).contains(number) {
        serializer.serialize_u64(*number as u64)
    } else {
        serializer.serialize_f64(*number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Millis {
        Millis::parse("2026-11-21T10:00:03.120Z").unwrap()
    }

    fn holds(table: impl IntoIterator<Item = (Frame, &'static str)>) {
        for (frame, json) in table {
            assert_eq!(frame.to_json(), json);
        }
    }

    #[test]
    fn a_few_others_behind_are_no_news_but_every_step_forward_is() {
        let told = Position {
            position: Some(1_234),
            waiting: 1_000,
            eta_s: Some(Eta { low: 60, high: 90 }),
            rate_per_s: 200.0,
            stock_remaining: 100,
            chance: Some(Chance::Likely),
        };
        let with = |change: &dyn Fn(&mut Position)| {
            let mut shown = told;
            change(&mut shown);
            shown
        };
        let table = [
            (told, false),
            (with(&|shown| shown.waiting = 1_050), false),
            (with(&|shown| shown.waiting = 1_051), true),
            (with(&|shown| shown.stock_remaining = 95), false),
            (with(&|shown| shown.stock_remaining = 94), true),
            (with(&|shown| shown.position = Some(1_233)), true),
            (with(&|shown| shown.rate_per_s = 100.0), true),
            (with(&|shown| shown.eta_s = None), true),
            (with(&|shown| shown.chance = Some(Chance::Uncertain)), true),
        ];
        for (shown, news) in table {
            assert_eq!(shown.is_news_after(&told), news, "{shown:?}");
        }
        let later = told.counted_down(20);
        assert_eq!(later.eta_s, Some(Eta { low: 40, high: 70 }));
    }

    #[test]
    fn positions_are_written_as_the_contract_shows_them() {
        let shown = Position {
            position: Some(1_234),
            waiting: 98_000,
            eta_s: Some(Eta { low: 60, high: 90 }),
            rate_per_s: 200.0,
            stock_remaining: 812,
            chance: Some(Chance::Likely),
        };
        let drawn = Position {
            position: None,
            eta_s: None,
            rate_per_s: 0.5,
            chance: None,
            ..shown
        };
        holds([
            (
                Frame::Position { shown, at: at() },
                r#"{"type":"position","position":1234,"waiting":98000,"eta_s":{"low":60,"high":90},"rate_per_s":200,"stock_remaining":812,"chance":"likely","at":"2026-11-21T10:00:03.120Z"}"#,
            ),
            (
                Frame::Position {
                    shown: drawn,
                    at: at(),
                },
                r#"{"type":"position","position":null,"waiting":98000,"eta_s":null,"rate_per_s":0.5,"stock_remaining":812,"chance":null,"at":"2026-11-21T10:00:03.120Z"}"#,
            ),
        ]);
    }

    #[test]
    fn other_frames_are_written_as_the_contract_shows_them() {
        let event = Frame::Event {
            phase: Phase::Paused,
            sold_out: false,
            stock_remaining: 812,
        };
        let gone = Frame::Gone {
            reason: GoneReason::NoShow,
        };
        let bye = Frame::Bye {
            retry_after_ms: 850,
        };
        holds([
            (
                Frame::ticket(&"demo".parse().unwrap(), "a.b.c".to_owned(), at()),
                r#"{"type":"ticket","ticket":"a.b.c","expires_at":"2026-11-21T10:00:03.120Z","redeem_url":"/api/v1/events/demo/redemptions"}"#,
            ),
            (
                event,
                r#"{"type":"event","phase":"paused","sold_out":false,"stock_remaining":812}"#,
            ),
            (gone, r#"{"type":"gone","reason":"no-show"}"#),
            (bye, r#"{"type":"bye","retry_after_ms":850}"#),
        ]);
    }

    #[test]
    fn only_hello_and_leave_are_understood() {
        let said = |json| serde_json::from_str::<Said>(json).ok();
        let hello = Said::Hello {
            place_token: "x".to_owned(),
        };
        assert_eq!(said(r#"{"type":"hello","place_token":"x"}"#), Some(hello));
        assert_eq!(said(r#"{"type":"leave"}"#), Some(Said::Leave {}));
        for wrong in [
            "",
            "hello",
            "[]",
            r#"{"type":"hello"}"#,
            r#"{"type":"hello","place_token":7}"#,
            r#"{"type":"hello","place_token":"x","more":1}"#,
            r#"{"type":"leave","now":true}"#,
            r#"{"type":"dance"}"#,
            r#"{"place_token":"x"}"#,
        ] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
