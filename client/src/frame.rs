//! What the live sockets say.

use serde::{Deserialize, Serialize};

use crate::event::{LiveEvent, Phase};
use crate::moment::Moment;
use crate::place::{Chance, Eta, GoneReason};

/// One frame of a visitor's live socket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// Where the visitor stands.
    Position {
        /// How many stand before, plus one; none before a drawn line opens.
        position: Option<u64>,
        /// How many wait in all.
        waiting: u64,
        /// The time left; none when nobody is let in.
        eta_s: Option<Eta>,
        /// Visitors let in per second.
        rate_per_s: f64,
        /// Coupons not yet issued.
        stock_remaining: u64,
        /// Will there be one for the visitor? None where there is no position.
        #[serde(default)]
        chance: Option<Chance>,
        /// When this was so.
        at: Moment,
    },
    /// It is the visitor's turn.
    Ticket {
        /// What to redeem.
        ticket: String,
        /// When it ends.
        expires_at: Moment,
        /// Where to redeem it.
        redeem_url: String,
    },
    /// The event changed.
    Event {
        /// Its phase.
        phase: Phase,
        /// Is every coupon gone?
        sold_out: bool,
        /// Coupons not yet issued.
        stock_remaining: u64,
    },
    /// The place is no longer in the line.
    Gone {
        /// Why.
        reason: GoneReason,
    },
    /// The server is stopping: come back after this time. The place is safe.
    Bye {
        /// In milliseconds.
        retry_after_ms: u64,
    },
}

/// What a visitor may say.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Said<'a> {
    Hello { place_token: &'a str },
    Leave,
}

/// One frame of the ops socket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum OpsFrame {
    /// How every event stands.
    Figures {
        /// The events.
        events: Vec<LiveEvent>,
        /// When this was so.
        at: Moment,
    },
    /// The server is stopping: come back after this time.
    Bye {
        /// In milliseconds.
        retry_after_ms: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_of_the_contract_is_understood() {
        for json in [
            r#"{"type":"position","position":1234,"waiting":98000,"eta_s":{"low":60,"high":90},"rate_per_s":200,"stock_remaining":812,"chance":"uncertain","at":"2026-11-21T10:00:03.120Z"}"#,
            r#"{"type":"position","position":null,"waiting":1,"eta_s":null,"rate_per_s":0.5,"stock_remaining":0,"chance":null,"at":"2026-11-21T10:00:03.120Z"}"#,
            r#"{"type":"ticket","ticket":"a.b.c","expires_at":"2026-11-21T10:02:03.120Z","redeem_url":"/api/v1/events/demo/redemptions"}"#,
            r#"{"type":"event","phase":"paused","sold_out":false,"stock_remaining":812}"#,
            r#"{"type":"gone","reason":"no-show"}"#,
            r#"{"type":"gone","reason":"sold-out"}"#,
            r#"{"type":"bye","retry_after_ms":850}"#,
        ] {
            serde_json::from_str::<Frame>(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        }
        assert!(serde_json::from_str::<Frame>(r#"{"type":"tea"}"#).is_err());
    }
}
