//! What a schema of the document says: in a few words, as a table of its fields, and as a sample.

use serde_json::{Map, Value};

use super::super::markup::{each, escaped};
use super::{inline, members, table, text};

/// How deep a sample goes before it stops; no body of ours is as deep.
const DEEPEST: u8 = 12;
/// Between parts of which a value is one.
const OR: &str = " or ";
/// Schemas made of others: how, and how their parts are joined in words.
const JOINTS: [(&str, &str); 3] = [("oneOf", OR), ("anyOf", OR), ("allOf", " with ")];

/// The name of the schema that this one stands for.
fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The parts that a schema is made of, and the words between them.
fn parts(schema: &Value) -> Option<(&'static str, &Vec<Value>)> {
    let mut joints = JOINTS.into_iter();
    joints.find_map(|(key, joint)| Some((joint, schema[key].as_array()?)))
}

/// What a value may be, in a few words.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = named(schema) {
        let name = escaped(name);
        return format!("<a href=\"#body-{name}\">{name}</a>");
    }
    if let Some((joint, parts)) = parts(schema) {
        return parts.iter().map(kind).collect::<Vec<_>>().join(joint);
    }
    if let Some(values) = schema["enum"].as_array() {
        let codes = values
            .iter()
            .map(|value| format!("<code>{}</code>", escaped(&value.to_string())));
        return codes.collect::<Vec<_>>().join(OR);
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().collect(),
        Value::Null => return "any JSON".to_owned(),
        one => vec![one],
    };
    let types: Vec<String> = types
        .into_iter()
        .map(|name| match name.as_str() {
            Some("array") => format!("list of {}", kind(&schema["items"])),
            _ => text(name),
        })
        .collect();
    let format = match schema["format"].as_str() {
        Some("date-time") => ", RFC 3339",
        _ => "",
    };
    format!("{}{format}{}", types.join(OR), bounds(schema))
}

/// From where to where a value may go.
fn bounds(schema: &Value) -> String {
    let range = |least, most, unit: &str| match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) if least == most => format!(", {least}{unit}"),
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (None, None) => String::new(),
    };
    range("minimum", "maximum", "") + &range("minLength", "maxLength", " characters")
}

/// A schema with its fields and, where they are objects of their own, theirs.
pub(super) fn whole(schema: &Value) -> String {
    if let Some((joint, parts)) = parts(schema) {
        let items = each(parts, |part| {
            let description = inline(&part["description"]);
            format!("<li>{} {description}{}</li>\n", kind(part), fields(part))
        });
        let how = if joint == OR { "One of" } else { "All of" };
        return format!("<p>{how}:</p>\n<ul>{items}</ul>\n");
    }
    if schema["properties"].is_object() {
        return fields(schema);
    }
    format!("<p>{}</p>\n", kind(schema))
}

/// A table of an object's fields; nothing for anything else.
fn fields(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        return String::new();
    };
    let rows = each(properties, |(name, field)| {
        let mut required = schema["required"].as_array().into_iter().flatten();
        let required = if required.any(|one| one == name) {
            ", required"
        } else {
            ""
        };
        format!(
            "<tr><td><code>{}</code>{required}<td>{}<td>{}{}\n",
            escaped(name),
            kind(field),
            inline(&field["description"]),
            fields(field)
        )
    });
    table("Fields", &["Name", "Type", "What it is"], &rows)
}

/// A value of the schema's shape, with every field.
pub(super) fn sample(schema: &Value, schemas: &Value) -> Value {
    sample_within(schema, schemas, DEEPEST)
}

fn sample_within(schema: &Value, schemas: &Value, depth: u8) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    let inner = |schema| sample_within(schema, schemas, depth);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(name) = named(schema) {
        return inner(&schemas[name]);
    }
    if let Some((joint, parts)) = parts(schema) {
        let mut samples = parts.iter().map(inner);
        if joint == OR {
            return samples.next().unwrap_or_default();
        }
        let objects = samples.filter_map(|sample| sample.as_object().cloned());
        return objects.flatten().collect::<Map<_, _>>().into();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.first().cloned().unwrap_or_default();
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.first().and_then(Value::as_str),
        one => one.as_str(),
    };
    match name {
        Some("object") => {
            let fields =
                members(&schema["properties"]).map(|(name, field)| (name.clone(), inner(field)));
            fields.collect::<Map<_, _>>().into()
        }
        Some("array") => vec![inner(&schema["items"])].into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(1.into()),
        Some("boolean") => true.into(),
        Some("string") if schema["format"] == "date-time" => "2027-01-01T00:00:00.000Z".into(),
        Some("string") => "…".into(),
        _ => Value::Null,
    }
}
