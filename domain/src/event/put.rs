//! Changing an event: what is left out stays, what is fixed past draft is refused.

use serde::{Deserialize, Serialize};

use super::make::FOLLOWS_CODES;
use super::{
    AckLevel, AdmissionChange, Event, Identity, InvalidField, MOST_STOCK, OnSoldOut, Order,
};
use crate::clock::Millis;
use crate::entry::{self, GivenKey};
use crate::ids::EventId;
use crate::pattern::CodePattern;
use crate::phase::Phase;

/// Most characters of a title.
pub(super) const MOST_TITLE: usize = 200;

/// The body of `PUT …/admin/events/{event}`: what is left out keeps what it held, or its default on a new event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPut {
    /// See [`super::Definition::title`]; required on a new event.
    pub title: Option<String>,
    /// Coupons to begin with, 0–10,000,000; required on a new event whose book holds no given codes.
    pub stock: Option<u64>,
    /// See [`super::Definition::line`].
    pub line: Option<bool>,
    /// See [`super::Definition::book`].
    pub book: Option<EventId>,
    /// Counts only when the event is made.
    pub phase: Option<Phase>,
    /// See [`super::Definition::lobby_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub lobby_at: Option<Option<Millis>>,
    /// See [`super::Definition::opens_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub opens_at: Option<Option<Millis>>,
    /// See [`super::Definition::closes_at`]; `null` takes the time away.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub closes_at: Option<Option<Millis>>,
    /// See [`super::Definition::order`].
    pub order: Option<Order>,
    /// See [`super::Definition::ack`].
    pub ack: Option<AckLevel>,
    /// See [`super::Definition::code_pattern`].
    pub code_pattern: Option<CodePattern>,
    /// See [`super::Definition::identity`].
    pub identity: Option<Identity>,
    /// The keys that sign entry tokens, all of them; may be replaced at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_keys: Option<Vec<GivenKey>>,
    /// The pace; what is left out stays.
    pub admission: Option<AdmissionChange>,
    /// See [`super::Definition::presence_s`], 1–3,600.
    pub presence_s: Option<u64>,
    /// See [`super::Definition::grace_s`], 0–86,400.
    pub grace_s: Option<u64>,
    /// See [`super::Definition::on_sold_out`].
    pub on_sold_out: Option<OnSoldOut>,
}

/// Tells a field that was given as `null` from one that was left out.
#[expect(
    clippy::option_option,
    reason = "left out, null and a value are three different things here"
)]
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
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
    /// This event with `put` laid over it; past draft, fields that are fixed by then are refused.
    pub fn changed(&self, put: EventPut, now: Millis) -> Result<Self, ChangeRefused> {
        // Before anything else: the keys that another identity would need are beside the point.
        let held = &self.definition;
        if self.phase != Phase::Draft {
            if put.identity.is_some_and(|other| other != held.identity) {
                return Err(ChangeRefused::Live("identity"));
            }
            if put.book.as_ref().is_some_and(|other| *other != held.book) {
                return Err(ChangeRefused::Live("book"));
            }
        } else if held.given_codes && put.stock.is_some_and(|other| other != self.stock) {
            return Err(InvalidField::new("stock", FOLLOWS_CODES).into());
        }
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
            ("order", old.order != new.order),
            ("ack", old.ack != new.ack),
            ("code_pattern", old.code_pattern != new.code_pattern),
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
    pub(super) fn merged(mut self, put: EventPut) -> Result<Self, InvalidField> {
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
        match put.entry_keys {
            Some(given) => held.entry_keys = entry::checked(&given)?,
            None if held.identity == Identity::Place => held.entry_keys.clear(),
            None => {}
        }
        lay(&mut held.presence_s, put.presence_s);
        lay(&mut held.grace_s, put.grace_s);
        lay(&mut held.on_sold_out, put.on_sold_out);
        if put.stock.is_some_and(|stock| stock > MOST_STOCK) {
            return Err(InvalidField::new(
                "stock",
                "must be a whole number from 0 to 10000000",
            ));
        }
        lay(&mut self.stock, put.stock);
        if let Some(change) = put.admission {
            if change.ramp_s.is_some() {
                return Err(InvalidField::new(
                    "admission.ramp_s",
                    "goes with a change of the pace alone: PATCH the event's `admission`",
                ));
            }
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
        if title.is_empty() || held.title.chars().count() > MOST_TITLE || held.title.contains('\0')
        {
            return Err(InvalidField::new(
                "title",
                "must be 1 to 200 characters without NUL",
            ));
        }
        if held.book != self.event {
            return Err(InvalidField::new(
                "book",
                "can only be the event's own id: an event issues the coupons of the book of the same id",
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
        if !held.given_codes {
            held.code_pattern.room_for(self.stock)?;
        }
        held.times_in_order()?;
        held.identity_is_whole()?;
        Ok(self)
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
    use super::super::Admission;
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
                ramp: None,
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
    fn an_event_that_issues_given_codes_has_as_many_coupons_and_no_other_book() {
        let with = |json| {
            let id = "demo".parse().unwrap();
            Event::create_with_codes(id, put(json), AckLevel::Log, 7)
        };
        let event = with(r#"{"title":"x","code_pattern":"A{1}"}"#).unwrap();
        assert_eq!((event.stock, event.admission.capacity), (7, 7));
        assert!(event.definition.given_codes);
        assert_eq!(with(r#"{"title":"x","stock":7}"#).unwrap().stock, 7);
        assert_eq!(
            with(r#"{"title":"x","stock":8}"#).unwrap_err().field,
            "stock"
        );
        let refused = event.changed(put(r#"{"stock":8}"#), Millis(0));
        assert!(matches!(refused, Err(ChangeRefused::Invalid(_))));
        let refused = with(r#"{"title":"x","book":"other"}"#);
        assert_eq!(refused.unwrap_err().field, "book");
        let read: Event = serde_json::from_value(serde_json::to_value(&event).unwrap()).unwrap();
        assert_eq!(read, event);
    }

    #[test]
    fn a_time_changes_until_it_has_passed() {
        for field in ["lobby_at", "opens_at", "closes_at"] {
            let time = r#""2026-01-01T00:00:00Z""#;
            let of = |value| format!(r#"{{"{field}":{value}}}"#);
            let event = create(&format!(
                r#"{{"title":"x","stock":5,"phase":"lobby","{field}":{time}}}"#
            ));
            let event = event.unwrap();
            let later = put(&of(r#""2026-02-01T00:00:00Z""#));
            assert!(event.changed(later.clone(), Millis(0)).is_ok());
            let after = Millis::parse("2026-01-01T00:00:01Z").unwrap();
            let refused = event.changed(later, after);
            assert_eq!(refused, Err(ChangeRefused::Live(field)));
            let same = event.changed(put(&of(time)), after);
            assert_eq!(same.as_ref(), Ok(&event));
            let taken_away = event.changed(put(&of("null")), Millis(0)).unwrap();
            let times = &taken_away.definition;
            assert_eq!(
                (times.lobby_at, times.opens_at, times.closes_at),
                (None, None, None)
            );
        }
    }

    #[test]
    fn a_direct_event_keeps_its_name_and_only_a_plain_id_may_be_put() {
        let name: EventId = "Black Friday {50%}".parse().unwrap();
        let event = Event::direct(name.clone(), 2_147_483_647, AckLevel::Log);
        assert_eq!((event.phase, event.definition.line), (Phase::Open, false));
        let renamed = event.changed(put(r#"{"title":"y"}"#), Millis(0)).unwrap();
        assert_eq!(
            (renamed.stock, &renamed.definition.book),
            (2_147_483_647, &name)
        );
        let refused = Event::create(name, put(r#"{"title":"x","stock":1}"#), AckLevel::Log);
        assert_eq!(refused.unwrap_err().field, "event");
        let direct = create(r#"{"title":"x","stock":1,"line":false,"phase":"open"}"#).unwrap();
        assert!(!direct.definition.line);
        let refused = direct.changed(put(r#"{"line":true}"#), Millis(0));
        assert_eq!(refused, Err(ChangeRefused::Live("line")));
    }
}
