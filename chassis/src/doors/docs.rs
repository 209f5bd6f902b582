//! The page of the API: every call with its parameters, bodies, answers and refusals, made from the document that
//! `/api/openapi.json` shows, so that neither can say what the other does not. Plain HTML: no script, nothing from elsewhere.

mod shape;

use std::collections::BTreeMap;

use serde_json::Value;

use super::markup::{each, escaped, framed, marked_up};

/// The style sheet of this page and of the problems' pages.
pub(super) const LOOK: &str = include_str!("docs/look.css");

/// The page of `api`, an OpenAPI document.
pub(super) fn page(api: &Value) -> String {
    let calls = calls(api);
    let groups = groups(api, &calls);
    let contents = each(&groups, |group| listed(group, &calls));
    let explained = each(&groups, |group| explained(group, &calls, api));
    let body = format!(
        "<h1>{title}: the API</h1>\n<p>{about}</p>\n\
         <p>Version {version}. This page and <a href=\"/api/openapi.json\">the OpenAPI document</a> are one: both list the calls \
         of the roles in this process. Paths under <code>/api/v1/admin</code> answer at the ops door alone.</p>\n\
         <nav aria-label=\"Calls\">{contents}<ul><li><a href=\"#refusals\">Refusals</a></li>\
         <li><a href=\"#bodies\">Bodies</a></li></ul></nav>\n<main>{explained}{refusals}{bodies}</main>",
        title = text(&api["info"]["title"]),
        about = text(&api["info"]["description"]),
        version = text(&api["info"]["version"]),
        refusals = refusals(&calls),
        bodies = bodies(api),
    );
    framed("Stanchion: the API", &body)
}

/// One call.
struct Call<'a> {
    method: String,
    path: &'a str,
    said: &'a Value,
}

impl Call<'_> {
    fn group(&self) -> &str {
        self.said["tags"][0].as_str().unwrap_or_default()
    }

    /// Its place on the page.
    fn anchor(&self) -> String {
        format!("call-{}", text(&self.said["operationId"]))
    }
}

/// Every call of the document, by path.
fn calls(api: &Value) -> Vec<Call<'_>> {
    let calls = members(&api["paths"]).flat_map(|(path, methods)| {
        members(methods)
            .filter(|(_, said)| said["responses"].is_object())
            .map(|(method, said)| Call {
                method: method.to_uppercase(),
                path,
                said,
            })
    });
    calls.collect()
}

/// Groups of calls, name and description: those that the document names, then those that only calls name.
fn groups<'a>(api: &'a Value, calls: &'a [Call<'a>]) -> Vec<(&'a str, String)> {
    let named = api["tags"].as_array().into_iter().flatten();
    let mut groups: Vec<(&str, String)> = named
        .map(|tag| {
            (
                tag["name"].as_str().unwrap_or_default(),
                prose(&tag["description"]),
            )
        })
        .collect();
    for call in calls {
        if !groups.iter().any(|(name, _)| *name == call.group()) {
            groups.push((call.group(), String::new()));
        }
    }
    groups
}

/// A group in the table of contents.
fn listed((name, _): &(&str, String), calls: &[Call<'_>]) -> String {
    let calls = calls.iter().filter(|call| call.group() == *name);
    let items = each(calls, |call| {
        format!(
            "<li><a href=\"#{}\"><code>{} {}</code></a> {}</li>\n",
            call.anchor(),
            call.method,
            escaped(call.path),
            inline(&call.said["summary"])
        )
    });
    format!("<h4>{}</h4>\n<ul>{items}</ul>\n", escaped(name))
}

/// A group with its calls explained.
fn explained((name, about): &(&str, String), calls: &[Call<'_>], api: &Value) -> String {
    let calls = calls.iter().filter(|call| call.group() == *name);
    let calls = each(calls, |call| article(call, api));
    format!(
        "<section><h2>{}</h2>\n{about}{calls}</section>\n",
        escaped(name)
    )
}

fn article(call: &Call<'_>, api: &Value) -> String {
    let said = call.said;
    format!(
        "<article id=\"{}\"><h3><code>{} {}</code></h3>\n{}{}{}{}{}{}</article>\n",
        call.anchor(),
        call.method,
        escaped(call.path),
        prose(&said["summary"]),
        prose(&said["description"]),
        credential(said),
        parameters(said),
        asked(&said["requestBody"], api),
        answers(said),
    )
}

/// What opens the call.
fn credential(said: &Value) -> String {
    let Some(ways) = said["security"].as_array().filter(|ways| !ways.is_empty()) else {
        return String::new();
    };
    let ways: Vec<String> = ways
        .iter()
        .map(
            |way| match way.as_object().and_then(|way| way.keys().next()) {
                Some(name) => format!("<code>{}</code>", escaped(name)),
                None => "nothing".to_owned(),
            },
        )
        .collect();
    format!("<p>Opened by {}.</p>\n", ways.join(" or "))
}

fn parameters(said: &Value) -> String {
    let Some(given) = said["parameters"].as_array() else {
        return String::new();
    };
    let rows = each(given, |parameter| {
        let required = if parameter["required"] == true {
            ", required"
        } else {
            ""
        };
        format!(
            "<tr><td><code>{}</code><td>{}{required}<td>{}<td>{}\n",
            text(&parameter["name"]),
            text(&parameter["in"]),
            shape::kind(&parameter["schema"]),
            inline(&parameter["description"]),
        )
    });
    table(
        "Parameters",
        &["Name", "Where", "Type", "What it is"],
        &rows,
    )
}

/// The body that the call takes, with its shape.
fn asked(body: &Value, api: &Value) -> String {
    let Some(kinds) = body["content"].as_object() else {
        return String::new();
    };
    let kinds = each(kinds, |(kind, content)| {
        let sample = shape::sample(&content["schema"], &api["components"]["schemas"]);
        let sample = match sample {
            Value::Object(_) => pretty(&sample),
            _ => String::new(),
        };
        let schema = shape::kind(&content["schema"]);
        format!("<p><code>{}</code>: {schema}</p>\n{sample}", escaped(kind))
    });
    format!("<h4>Body</h4>\n{}{kinds}", prose(&body["description"]))
}

fn answers(said: &Value) -> String {
    let rows = each(members(&said["responses"]), |(status, answer)| {
        let bodies: Vec<String> = members(&answer["content"])
            .map(|(_, content)| shape::kind(&content["schema"]))
            .collect();
        format!(
            "<tr><td>{}<td>{}<td>{}\n",
            escaped(status),
            inline(&answer["description"]),
            bodies.join(", ")
        )
    });
    table("Answers", &["Status", "When", "Body"], &rows)
}

/// Every refusal that a call may give, once, as the document's example shows it.
fn refusals(calls: &[Call<'_>]) -> String {
    let mut found = BTreeMap::new();
    for call in calls {
        for (_, answer) in members(&call.said["responses"]) {
            let examples = &answer["content"]["application/problem+json"]["examples"];
            found.extend(members(examples).map(|(name, example)| (name, &example["value"])));
        }
    }
    let articles = each(found, |(name, example)| {
        let name = escaped(name);
        format!(
            "<article id=\"{name}\"><h3><a href=\"/problems/{name}\"><code>{name}</code></a>: {}</h3>\n{}{}</article>\n",
            inline(&example["title"]),
            prose(&example["detail"]),
            pretty(example)
        )
    });
    format!("<section id=\"refusals\"><h2>Refusals</h2>\n{articles}</section>\n")
}

/// Every body that the document names.
fn bodies(api: &Value) -> String {
    let articles = each(members(&api["components"]["schemas"]), |(name, schema)| {
        let name = escaped(name);
        format!(
            "<article id=\"body-{name}\"><h3>{name}</h3>\n{}{}</article>\n",
            prose(&schema["description"]),
            shape::whole(schema)
        )
    });
    format!("<section id=\"bodies\"><h2>Bodies</h2>\n{articles}</section>\n")
}

/// A table with a heading, which scrolls by itself where the screen is narrow.
fn table(heading: &str, columns: &[&str], rows: &str) -> String {
    let columns = each(columns, |name| format!("<th>{name}"));
    format!("<h4>{heading}</h4>\n<div class=\"wide\"><table><tr>{columns}\n{rows}</table></div>\n")
}

/// The members of an object; none of anything else.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// JSON as one reads it.
fn pretty(value: &Value) -> String {
    format!("<pre>{}</pre>\n", escaped(&format!("{value:#}")))
}

/// A text of the document, escaped.
fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A text of the document with its code and links.
fn inline(value: &Value) -> String {
    marked_up(value.as_str().unwrap_or_default(), "#")
}

/// Paragraphs of the document; nothing where there are none.
fn prose(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
    each(paragraphs, |text| {
        format!("<p>{}</p>\n", marked_up(text, "#"))
    })
}
