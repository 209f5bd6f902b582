//! Making an event: from a body, from the codes of its book, or as the direct API does it.

use super::put::MOST_TITLE;
use super::{
    AckLevel, Admission, Definition, Event, EventPut, Identity, InvalidField, MOST_STOCK,
    OnSoldOut, Order,
};
use crate::ids::EventId;
use crate::pattern::CodePattern;
use crate::phase::Phase;

/// What is said of a stock that is not what the book holds.
pub(super) const FOLLOWS_CODES: &str =
    "must be left out: the event's book holds given codes, and as many as are free are its stock";

impl Event {
    /// A new event from `put`; `ack` is the installation's default level.
    pub fn create(event: EventId, put: EventPut, ack: AckLevel) -> Result<Self, InvalidField> {
        Self::made(event, put, ack, false)
    }

    /// As [`Self::create`], of an event that issues the given codes of its book, `codes` of which are free.
    pub fn create_with_codes(
        event: EventId,
        put: EventPut,
        ack: AckLevel,
        codes: u64,
    ) -> Result<Self, InvalidField> {
        if put.stock.is_some_and(|stock| stock != codes) {
            return Err(InvalidField::new("stock", FOLLOWS_CODES));
        }
        let stock = Some(codes);
        Self::made(event, EventPut { stock, ..put }, ack, true)
    }

    fn made(
        event: EventId,
        put: EventPut,
        ack: AckLevel,
        given_codes: bool,
    ) -> Result<Self, InvalidField> {
        if !event.is_plain() {
            return Err(InvalidField::new(
                "event",
                "in the path must be 1 to 63 characters of a-z, 0-9 and -, and begin with a letter or a digit",
            ));
        }
        let Some(title) = put.title.clone() else {
            return Err(InvalidField::new(
                "title",
                "is required: 1 to 200 characters",
            ));
        };
        let Some(stock) = put.stock else {
            return Err(InvalidField::new(
                "stock",
                "is required unless the event's book holds given codes: a whole number from 0 to 10000000",
            ));
        };
        let mut blank = Self::blank(event, title, stock, ack);
        blank.definition.given_codes = given_codes;
        blank.phase = put.phase.unwrap_or_default();
        blank.merged(put)
    }

    /// A direct event as the direct API makes it: open at once, with `amount` coupons (1 to [`MOST_AMOUNT`](super::MOST_AMOUNT)) and its name as
    /// its title.
    #[must_use]
    pub fn direct(event: EventId, amount: u64, ack: AckLevel) -> Self {
        let title = event.as_str().trim().chars().take(MOST_TITLE).collect();
        let mut blank = Self::blank(event, title, amount, ack);
        blank.definition.line = false;
        blank.phase = Phase::Open;
        blank
    }

    /// A draft with every default.
    fn blank(event: EventId, title: String, stock: u64, ack: AckLevel) -> Self {
        Self {
            definition: Definition {
                title,
                line: true,
                book: event.clone(),
                given_codes: false,
                lobby_at: None,
                opens_at: None,
                closes_at: None,
                order: Order::Fifo,
                ack,
                code_pattern: CodePattern::default(),
                identity: Identity::Place,
                entry_keys: Vec::new(),
                presence_s: 20,
                grace_s: 300,
                on_sold_out: OnSoldOut::Close,
            },
            event,
            phase: Phase::Draft,
            stock,
            admission: Admission {
                rate_per_s: 10.0,
                ramp: None,
                capacity: stock.clamp(1, MOST_STOCK),
                ticket_ttl_s: 120,
            },
        }
    }
}
