//! Schemas of the domain's types for the API's description; the domain itself knows nothing of OpenAPI. Tests hold them
//! to what the types really read and write.

use std::borrow::Cow;

use domain::Phase;
use domain::event::{MOST_ADDED, MOST_STOCK};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Gives a schema its name in the document.
macro_rules! named {
    ($($kind:ident = $name:literal, $doc:literal);+ $(;)?) => {$(
        #[doc = $doc]
        pub struct $kind;

        impl ToSchema for $kind {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )+};
}

named! {
    PhaseSchema = "Phase", "The name of a phase.";
    SettingsSchema = "EventSettings", "What the organiser sets, as it is shown.";
    EventPutSchema = "EventPut", "The body that makes or changes an event.";
    AdmissionChangeSchema = "AdmissionChange", "The body that changes the pace.";
    AddedSchema = "Added", "How many coupons are added.";
}

impl PartialSchema for PhaseSchema {
    fn schema() -> RefOr<Schema> {
        names(
            &Phase::ALL.map(Phase::as_str),
            "Where an event stands in its life.",
        )
        .into()
    }
}

impl PartialSchema for SettingsSchema {
    fn schema() -> RefOr<Schema> {
        let empty = ObjectBuilder::new();
        let given_codes = "True when it issues the given codes of its book and closes with it; left out otherwise.";
        settings()
            .fold(empty, |all, (name, setting)| {
                all.property(name, setting).required(name)
            })
            .property("given_codes", text(given_codes).schema_type(Type::Boolean))
            .property("entry_keys", entry_keys(false))
            .into()
    }
}

impl PartialSchema for EventPutSchema {
    fn schema() -> RefOr<Schema> {
        let others = [
            (
                "stock",
                number(
                    0,
                    MOST_STOCK,
                    "Coupons to begin with; required on a new event, unless the book of its id holds given codes: those are its stock then.",
                ),
            ),
            (
                "phase",
                names(
                    &Phase::ALL.map(Phase::as_str),
                    "`draft` when left out; counts only when the event is made.",
                ),
            ),
            ("admission", admission().description(Some("The pace."))),
        ];
        let keys = entry_keys(true);
        let empty = ObjectBuilder::new()
            .description(Some(
                "A field left out keeps what it held, or gets its default on a new event.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        settings()
            .chain(others)
            .fold(empty, |all, (name, field)| all.property(name, field))
            .property("entry_keys", keys)
            .into()
    }
}

impl PartialSchema for AdmissionChangeSchema {
    fn schema() -> RefOr<Schema> {
        let whole = "Over how many seconds the rate goes to the new one, in a straight line; at once when left out.";
        admission()
            .property("ramp_s", number(0, 3_600, whole))
            .into()
    }
}

impl PartialSchema for AddedSchema {
    fn schema() -> RefOr<Schema> {
        number(1, MOST_ADDED, "How many coupons to add.").into()
    }
}

/// The settings of an event that the scripts never need, by name.
fn settings() -> impl Iterator<Item = (&'static str, ObjectBuilder)> {
    what().into_iter().chain(when()).chain(how())
}

fn what() -> [(&'static str, ObjectBuilder); 4] {
    let title = text("Required on a new event.")
        .min_length(Some(1))
        .max_length(Some(200));
    let line =
        text("False for an event without a line. Fixed past draft.").schema_type(Type::Boolean);
    let book = text("Whose coupons: the book of its own id, and no other.");
    let code_pattern = text(
        "What the codes look like: `{}` is 12 random characters, `{n}` is n. Fixed past draft.",
    );
    [
        ("title", title),
        ("line", line),
        ("book", book),
        ("code_pattern", code_pattern),
    ]
}

fn when() -> [(&'static str, ObjectBuilder); 3] {
    [
        ("lobby_at", "When a draft becomes a lobby; null for never."),
        ("opens_at", "When a lobby opens; null for never."),
        ("closes_at", "When the event closes, hard; null for never."),
    ]
    .map(|(name, description)| {
        let time = text(description)
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        (name, time)
    })
}

fn how() -> [(&'static str, ObjectBuilder); 6] {
    let order = names(
        &["fifo", "draw"],
        "How the line is ordered. Fixed past draft.",
    );
    let ack = names(
        &["redis", "log", "ledger"],
        "What a pass waits for. Fixed past draft.",
    );
    let identity = names(
        &["place", "entry-token"],
        "Who a visitor is. Fixed past draft.",
    );
    let presence = "Seconds without a sign after which a visitor counts as absent.";
    let grace = "Seconds for which an absent visitor keeps the right to be next.";
    let on_sold_out = names(
        &["close", "keep"],
        "What happens when the last coupon goes.",
    );
    [
        ("order", order),
        ("ack", ack),
        ("identity", identity),
        ("presence_s", number(1, 3_600, presence)),
        ("grace_s", number(0, 86_400, grace)),
        ("on_sold_out", on_sold_out),
    ]
}

/// The keys that sign entry tokens, as they are given or as they are shown.
fn entry_keys(given: bool) -> ArrayBuilder {
    let alg = names(&["EdDSA", "HS256"], "The one algorithm of the key.");
    let mut key = ObjectBuilder::new()
        .property("kid", text("The key's id; needed where there are several."))
        .property("alg", alg)
        .property("x", text("The public key of `EdDSA`: 32 bytes, base64url."))
        .required("alg");
    if given {
        let k = "The secret of `HS256`: 32 to 256 bytes, base64url. It is never shown.";
        let constant = |value: &'static str| names(&[value], "As in a JWK; may be left out.");
        key = key
            .property("k", text(k))
            .property(
                "kty",
                names(&["OKP", "oct"], "As in a JWK; may be left out."),
            )
            .property("crv", constant("Ed25519"))
            .property("use", constant("sig"))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    }
    ArrayBuilder::new().items(key).description(Some(
        "The keys that sign entry tokens, all of them, 1 to 8; only with `identity` `entry-token`.",
    ))
}

fn admission() -> ObjectBuilder {
    ObjectBuilder::new()
        .description(Some("What is left out stays as it is."))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .property(
            "rate_per_s",
            ObjectBuilder::new()
                .schema_type(Type::Number)
                .minimum(Some(0))
                .maximum(Some(1_000_000))
                .description(Some("Visitors let in per second; 0 stops admission.")),
        )
        .property(
            "capacity",
            number(
                1,
                MOST_STOCK,
                "Most admitted visitors that may be outstanding at once.",
            ),
        )
        .property(
            "ticket_ttl_s",
            number(1, 86_400, "How long a ticket lasts, in seconds."),
        )
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
}

fn names(names: &[&'static str], description: &str) -> ObjectBuilder {
    text(description).enum_values(Some(names.iter().copied()))
}

#[expect(clippy::cast_precision_loss, reason = "every bound is far below 2^53")]
fn number(least: u64, most: u64, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least as f64))
        .maximum(Some(most as f64))
        .description(Some(description))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::event::{AckLevel, AdmissionChange, Event, EventPut};
    use serde::de::DeserializeOwned;

    use super::*;

    fn described<S: PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(S::schema()).unwrap();
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    /// The fields that a type reads, as serde names them when it refuses an unknown one.
    fn read<T: DeserializeOwned>() -> BTreeSet<String> {
        let Err(refused) = serde_json::from_str::<T>(r#"{"?":0}"#) else {
            panic!("unknown fields must be refused");
        };
        let refused = refused.to_string();
        refused
            .split('`')
            .skip(3)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn bodies_are_described_as_they_are_read() {
        assert_eq!(described::<EventPutSchema>(), read::<EventPut>());
        assert_eq!(
            described::<AdmissionChangeSchema>(),
            read::<AdmissionChange>()
        );
    }

    #[test]
    fn settings_are_described_as_they_are_shown() {
        let put: EventPut = serde_json::from_value(serde_json::json!({
            "title": "x", "identity": "entry-token",
            "entry_keys": [{"alg": "HS256", "k": "A".repeat(43)}],
        }))
        .unwrap();
        let demo = "demo".parse().unwrap();
        let event = Event::create_with_codes(demo, put, AckLevel::Log, 1).unwrap();
        let shown = serde_json::to_value(&event.definition).unwrap();
        let shown: BTreeSet<String> = shown.as_object().unwrap().keys().cloned().collect();
        assert_eq!(described::<SettingsSchema>(), shown);
    }
}
