//! An event's definition: what the organiser sets, what may still change, and the ranges of every setting.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::EventId;
use crate::pattern::CodePattern;
use crate::phase::Phase;

/// Most coupons that one event may hold.
pub const MOST_STOCK: u64 = 10_000_000;
/// Most coupons that one call may add.
pub const MOST_ADDED: u64 = 1_000_000;

/// One field of a request that is not as it must be; `detail` says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {detail}")]
pub struct InvalidField {
    /// The field's path, such as `admission.rate_per_s`.
    pub field: &'static str,
    /// What the field must be.
    pub detail: String,
}

impl InvalidField {
    /// `field` must be as `detail` says.
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field,
            detail: detail.into(),
        }
    }
}

/// What a pass waits for before the holder hears it; `docs/guarantees.md` tells what each survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckLevel {
    /// The script replied.
    Redis,
    /// The log acknowledged the record.
    Log,
    /// The ledger committed the row.
    Ledger,
}

impl AckLevel {
    /// The level's name, as in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Log => "log",
            Self::Ledger => "ledger",
        }
    }
}

/// How the line is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// First come, first served.
    #[default]
    Fifo,
    /// Those who came before the opening are drawn into random order.
    Draw,
}

/// Who a visitor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Whoever holds the place token.
    #[default]
    Place,
    /// The user that the organiser's entry token names.
    EntryToken,
}

/// What happens to the line when the last coupon goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSoldOut {
    /// Everyone waiting is told and let go; the event drains.
    #[default]
    Close,
    /// Those waiting may wait for returns.
    Keep,
}

/// The pace of an event: what ops change live.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// Visitors let in per second, 0–1,000,000; fractions allowed, 0 stops admission.
    pub rate_per_s: f64,
    /// Most admitted visitors that may be outstanding at once, 1–10,000,000.
    pub capacity: u64,
    /// How long a ticket lasts, in seconds, 1–86,400.
    pub ticket_ttl_s: u64,
}

/// Any of the pace's settings; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionChange {
    /// See [`Admission::rate_per_s`].
    pub rate_per_s: Option<f64>,
    /// See [`Admission::capacity`].
    pub capacity: Option<u64>,
    /// See [`Admission::ticket_ttl_s`].
    pub ticket_ttl_s: Option<u64>,
}

impl Admission {
    /// The pace after `change`; refuses values out of range, naming the field.
    pub fn changed(self, change: AdmissionChange) -> Result<Self, InvalidField> {
        let after = Self {
            rate_per_s: change.rate_per_s.unwrap_or(self.rate_per_s),
            capacity: change.capacity.unwrap_or(self.capacity),
            ticket_ttl_s: change.ticket_ttl_s.unwrap_or(self.ticket_ttl_s),
        };
        if !(0.0..=1_000_000.0).contains(&after.rate_per_s) {
            return Err(InvalidField::new(
                "rate_per_s",
                "must be a number from 0 to 1000000",
            ));
        }
        if !(1..=MOST_STOCK).contains(&after.capacity) {
            return Err(InvalidField::new(
                "capacity",
                "must be a whole number from 1 to 10000000",
            ));
        }
        if !(1..=86_400).contains(&after.ticket_ttl_s) {
            return Err(InvalidField::new(
                "ticket_ttl_s",
                "must be a whole number from 1 to 86400",
            ));
        }
        Ok(after)
    }
}

/// What the organiser sets and the scripts never need: kept as one JSON document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// 1–200 characters.
    pub title: String,
    /// False for an event without a line (direct claims).
    pub line: bool,
    /// Whose coupons it issues.
    pub book: EventId,
    /// When a draft becomes a lobby.
    pub lobby_at: Option<Millis>,
    /// When a lobby opens.
    pub opens_at: Option<Millis>,
    /// When it closes, hard.
    pub closes_at: Option<Millis>,
    /// How the line is ordered.
    pub order: Order,
    /// What a pass waits for.
    pub ack: AckLevel,
    /// What the coupons' codes look like.
    pub code_pattern: CodePattern,
    /// Who a visitor is.
    pub identity: Identity,
    /// Seconds without a sign after which a visitor counts as absent.
    pub presence_s: u64,
    /// Seconds for which an absent visitor keeps the right to be next.
    pub grace_s: u64,
    /// What happens when the last coupon goes.
    pub on_sold_out: OnSoldOut,
}

/// An event as set: the definition and what the scripts keep beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub event: EventId,
    /// What the organiser set.
    #[serde(flatten)]
    pub definition: Definition,
    /// Where it stands in its life.
    pub phase: Phase,
    /// All coupons it ever had, issued or not.
    pub stock: u64,
    /// Its pace.
    pub admission: Admission,
}

/// The body of `PUT …/admin/events/{event}`: what is left out keeps what it held, or its default on a new event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPut {
    /// See [`Definition::title`]; required on a new event.
    pub title: Option<String>,
    /// Coupons to begin with, 0–10,000,000; required on a new event.
    pub stock: Option<u64>,
    /// See [`Definition::line`].
    pub line: Option<bool>,
    /// See [`Definition::book`].
    pub book: Option<EventId>,
    /// Counts only when the event is made.
    pub phase: Option<Phase>,
    /// See [`Definition::lobby_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub lobby_at: Option<Option<Millis>>,
    /// See [`Definition::opens_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub opens_at: Option<Option<Millis>>,
    /// See [`Definition::closes_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub closes_at: Option<Option<Millis>>,
    /// See [`Definition::order`].
    pub order: Option<Order>,
    /// See [`Definition::ack`].
    pub ack: Option<AckLevel>,
    /// See [`Definition::code_pattern`].
    pub code_pattern: Option<CodePattern>,
    /// See [`Definition::identity`].
    pub identity: Option<Identity>,
    /// The pace; what is left out stays.
    pub admission: Option<AdmissionChange>,
    /// See [`Definition::presence_s`], 1–3,600.
    pub presence_s: Option<u64>,
    /// See [`Definition::grace_s`], 0–86,400.
    pub grace_s: Option<u64>,
    /// See [`Definition::on_sold_out`].
    pub on_sold_out: Option<OnSoldOut>,
}

/// Tells a field that was given as `null` from one that was left out.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Why an event was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// A field is out of range.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The event is past its draft and this field is fixed.
    #[error("`{0}` cannot change any more")]
    Live(&'static str),
}

impl Event {
    /// A new event from `put`; `ack` is the installation's default level.
    pub fn create(event: EventId, put: EventPut, ack: AckLevel) -> Result<Self, InvalidField> {
        let Some(title) = put.title.clone() else {
            return Err(InvalidField::new(
                "title",
                "is required: 1 to 200 characters",
            ));
        };
        let Some(stock) = put.stock else {
            return Err(InvalidField::new(
                "stock",
                "is required: a whole number from 0 to 10000000",
            ));
        };
        let blank = Self {
            definition: Definition {
                title,
                line: true,
                book: event.clone(),
                lobby_at: None,
                opens_at: None,
                closes_at: None,
                order: Order::Fifo,
                ack,
                code_pattern: CodePattern::default(),
                identity: Identity::Place,
                presence_s: 20,
                grace_s: 300,
                on_sold_out: OnSoldOut::Close,
            },
            event,
            phase: put.phase.unwrap_or_default(),
            stock,
            admission: Admission {
                rate_per_s: 10.0,
                capacity: stock.clamp(1, MOST_STOCK),
                ticket_ttl_s: 120,
            },
        };
        blank.merged(put)
    }

    /// This event with `put` laid over it; past draft, fields that are fixed by then are refused.
    pub fn changed(&self, put: EventPut, now: Millis) -> Result<Self, ChangeRefused> {
        let after = self.clone().merged(EventPut { phase: None, ..put })?;
        if self.phase != Phase::Draft
            && let Some(field) = self.fixed_field_that_differs(&after, now)
        {
            return Err(ChangeRefused::Live(field));
        }
        Ok(after)
    }

    /// The first field that is fixed past draft and that `after` would change.
    fn fixed_field_that_differs(&self, after: &Self, now: Millis) -> Option<&'static str> {
        let (old, new) = (&self.definition, &after.definition);
        let passed = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let fixed = [
            ("stock", self.stock != after.stock),
            ("line", old.line != new.line),
            ("book", old.book != new.book),
            ("order", old.order != new.order),
            ("ack", old.ack != new.ack),
            ("code_pattern", old.code_pattern != new.code_pattern),
            ("identity", old.identity != new.identity),
            (
                "lobby_at",
                passed(old.lobby_at) && old.lobby_at != new.lobby_at,
            ),
            (
                "opens_at",
                passed(old.opens_at) && old.opens_at != new.opens_at,
            ),
            (
                "closes_at",
                passed(old.closes_at) && old.closes_at != new.closes_at,
            ),
        ];
        fixed
            .into_iter()
            .find_map(|(field, differs)| differs.then_some(field))
    }

    /// Lays every given field over this event and checks the result.
    fn merged(mut self, put: EventPut) -> Result<Self, InvalidField> {
        let held = &mut self.definition;
        lay(&mut held.title, put.title);
        lay(&mut held.line, put.line);
        lay(&mut held.book, put.book);
        lay(&mut held.lobby_at, put.lobby_at);
        lay(&mut held.opens_at, put.opens_at);
        lay(&mut held.closes_at, put.closes_at);
        lay(&mut held.order, put.order);
        lay(&mut held.ack, put.ack);
        lay(&mut held.code_pattern, put.code_pattern);
        lay(&mut held.identity, put.identity);
        lay(&mut held.presence_s, put.presence_s);
        lay(&mut held.grace_s, put.grace_s);
        lay(&mut held.on_sold_out, put.on_sold_out);
        lay(&mut self.stock, put.stock);
        if let Some(change) = put.admission {
            self.admission = self
                .admission
                .changed(change)
                .map_err(|invalid| InvalidField {
                    field: match invalid.field {
                        "rate_per_s" => "admission.rate_per_s",
                        "capacity" => "admission.capacity",
                        _ => "admission.ticket_ttl_s",
                    },
                    ..invalid
                })?;
        }
        self.checked()
    }

    /// Checks every range, and that codes cannot run out before the coupons do.
    fn checked(self) -> Result<Self, InvalidField> {
        let held = &self.definition;
        let title = held.title.trim();
        if title.is_empty() || held.title.chars().count() > 200 || held.title.contains('\0') {
            return Err(InvalidField::new(
                "title",
                "must be 1 to 200 characters without NUL",
            ));
        }
        if self.stock > MOST_STOCK {
            return Err(InvalidField::new(
                "stock",
                "must be a whole number from 0 to 10000000",
            ));
        }
        if !(1..=3_600).contains(&held.presence_s) {
            return Err(InvalidField::new(
                "presence_s",
                "must be a whole number from 1 to 3600",
            ));
        }
        if held.grace_s > 86_400 {
            return Err(InvalidField::new(
                "grace_s",
                "must be a whole number from 0 to 86400",
            ));
        }
        held.code_pattern.room_for(self.stock)?;
        held.times_in_order()?;
        held.available()?;
        Ok(self)
    }
}

impl Definition {
    /// Lobby before opening before closing.
    fn times_in_order(&self) -> Result<(), InvalidField> {
        let later = |a: Option<Millis>, b: Option<Millis>| a.zip(b).is_some_and(|(a, b)| a >= b);
        if later(self.lobby_at, self.opens_at) {
            return Err(InvalidField::new(
                "opens_at",
                "must be later than `lobby_at`",
            ));
        }
        if later(self.opens_at, self.closes_at) || later(self.lobby_at, self.closes_at) {
            return Err(InvalidField::new(
                "closes_at",
                "must be later than `lobby_at` and `opens_at`",
            ));
        }
        Ok(())
    }

    /// Refuses the settings that this version does not carry out, rather than promise them.
    fn available(&self) -> Result<(), InvalidField> {
        if self.order == Order::Draw {
            return Err(InvalidField::new(
                "order",
                "can only be `fifo` in this version",
            ));
        }
        if self.identity == Identity::EntryToken {
            return Err(InvalidField::new(
                "identity",
                "can only be `place` in this version",
            ));
        }
        if !self.line {
            return Err(InvalidField::new(
                "line",
                "can only be true in this version",
            ));
        }
        Ok(())
    }
}

/// Replaces what is held by what was given.
fn lay<T>(held: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *held = given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(json: &str) -> EventPut {
        serde_json::from_str(json).unwrap()
    }

    fn create(json: &str) -> Result<Event, InvalidField> {
        Event::create("demo".parse().unwrap(), put(json), AckLevel::Log)
    }

    #[test]
    fn a_new_event_has_the_documented_defaults() {
        let event = create(r#"{"title":"Demo","stock":1000}"#).unwrap();
        assert_eq!(event.phase, Phase::Draft);
        assert_eq!(
            event.admission,
            Admission {
                rate_per_s: 10.0,
                capacity: 1_000,
                ticket_ttl_s: 120
            }
        );
        assert_eq!(
            (event.definition.presence_s, event.definition.grace_s),
            (20, 300)
        );
        assert_eq!(event.definition.ack, AckLevel::Log);
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        for (json, field) in [
            ("{}", "title"),
            (r#"{"title":"x"}"#, "stock"),
            (r#"{"title":" ","stock":1}"#, "title"),
            (r#"{"title":"x","stock":10000001}"#, "stock"),
            (
                r#"{"title":"x","stock":1,"admission":{"rate_per_s":-1}}"#,
                "admission.rate_per_s",
            ),
            (
                r#"{"title":"x","stock":1,"admission":{"capacity":0}}"#,
                "admission.capacity",
            ),
            (
                r#"{"title":"x","stock":1,"admission":{"ticket_ttl_s":86401}}"#,
                "admission.ticket_ttl_s",
            ),
            (r#"{"title":"x","stock":1,"presence_s":0}"#, "presence_s"),
            (
                r#"{"title":"x","stock":1000,"code_pattern":"A{1}"}"#,
                "code_pattern",
            ),
            (
                r#"{"title":"x","stock":1,"opens_at":"2026-01-01T00:00:00Z","closes_at":"2025-01-01T00:00:00Z"}"#,
                "closes_at",
            ),
        ] {
            assert_eq!(create(json).unwrap_err().field, field, "{json}");
        }
        assert!(serde_json::from_str::<EventPut>(r#"{"stokc":1}"#).is_err());
    }

    #[test]
    fn past_draft_only_what_may_change_changes() {
        let open = create(r#"{"title":"x","stock":5,"phase":"open"}"#).unwrap();
        let now = Millis(1_000);
        let renamed = open
            .changed(put(r#"{"title":"y","phase":"closed"}"#), now)
            .unwrap();
        assert_eq!(
            (renamed.definition.title.as_str(), renamed.phase),
            ("y", Phase::Open)
        );
        for (json, field) in [
            (r#"{"stock":6}"#, "stock"),
            (r#"{"ack":"redis"}"#, "ack"),
            (r#"{"code_pattern":"A-{}"}"#, "code_pattern"),
        ] {
            assert_eq!(
                open.changed(put(json), now),
                Err(ChangeRefused::Live(field)),
                "{json}"
            );
        }
        assert!(
            open.changed(put(r#"{"stock":5,"ack":"log"}"#), now).is_ok(),
            "same values"
        );
    }

    #[test]
    fn a_time_changes_until_it_has_passed() {
        let opens =
            create(r#"{"title":"x","stock":5,"phase":"lobby","opens_at":"2026-01-01T00:00:00Z"}"#)
                .unwrap();
        let later = put(r#"{"opens_at":"2026-02-01T00:00:00Z"}"#);
        assert!(opens.changed(later.clone(), Millis(0)).is_ok());
        let after = Millis::parse("2026-01-01T00:00:01Z").unwrap();
        assert_eq!(
            opens.changed(later, after),
            Err(ChangeRefused::Live("opens_at"))
        );
        let taken_away = opens
            .changed(put(r#"{"opens_at":null}"#), Millis(0))
            .unwrap();
        assert_eq!(taken_away.definition.opens_at, None);
    }
}
