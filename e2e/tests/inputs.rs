//! Bad input over every call: always one problem of the right name and status, with a request id; never a 5xx, never a
//! text body, and nothing half done.
#![cfg(test)]

use client::Phase;
use e2e::server::event_put;
use e2e::{Call, Server, people};
use serde_json::{Value, json};

/// The calls of the public door that belong to an event: method, path, what they take.
const VISITOR_CALLS: &[(&str, &str)] = &[
    ("GET", "/api/v1/events/{event}"),
    ("POST", "/api/v1/events/{event}/places"),
    ("GET", "/api/v1/events/{event}/places/me"),
    ("DELETE", "/api/v1/events/{event}/places/me"),
    ("GET", "/api/v1/events/{event}/places/me/live"),
    ("POST", "/api/v1/events/{event}/redemptions"),
    ("GET", "/api/v1/events/{event}/redemptions/me"),
];

/// The other calls of the public door.
const PUBLIC_CALLS: &[(&str, &str)] = &[
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/health"),
    ("GET", "/problems/sold-out"),
    ("GET", "/e/drop"),
];

/// The calls of the admin API.
const ADMIN_CALLS: &[(&str, &str)] = &[
    ("PUT", "/api/v1/admin/events/{event}"),
    ("GET", "/api/v1/admin/events/{event}"),
    ("GET", "/api/v1/admin/events"),
    ("PATCH", "/api/v1/admin/events/{event}/admission"),
    ("POST", "/api/v1/admin/events/{event}/phase"),
    ("POST", "/api/v1/admin/events/{event}/stock"),
    ("GET", "/api/v1/admin/events/{event}/audit"),
    ("GET", "/api/v1/admin/keys"),
    ("POST", "/api/v1/admin/keys"),
    ("GET", "/api/v1/admin/live"),
];

/// The calls that take a body: method, path below the event, a good body, and the name of one field with a wrong value.
fn calls_with_a_body() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        (
            "public",
            "POST",
            "/api/v1/events/drop/places",
            json!({"place_token": 7}),
        ),
        (
            "public",
            "POST",
            "/api/v1/events/drop/redemptions",
            json!({"place_token": "short"}),
        ),
        (
            "ops",
            "PUT",
            "/api/v1/admin/events/drop",
            json!({"title": ["a"]}),
        ),
        (
            "ops",
            "PATCH",
            "/api/v1/admin/events/drop/admission",
            json!({"capacity": -1}),
        ),
        (
            "ops",
            "POST",
            "/api/v1/admin/events/drop/phase",
            json!({"phase": "tea"}),
        ),
        (
            "ops",
            "POST",
            "/api/v1/admin/events/drop/stock",
            json!({"add": 1.5}),
        ),
    ]
}

/// Calls, what each must be refused with, and what was found otherwise.
struct Table {
    server: Server,
    place_token: String,
    ticket: String,
    wrong: Vec<String>,
    rows: usize,
}

impl Table {
    /// A server with one open event, somebody in line and somebody admitted.
    async fn set() -> Self {
        let server = Server::start().await.unwrap();
        server.open_event("drop", 100, 1_000.0).await.unwrap();
        let visitor = server.visitor().unwrap();
        let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
        Self {
            server,
            place_token: token.reveal().to_owned(),
            ticket,
            wrong: Vec::new(),
            rows: 0,
        }
    }

    /// A call with the credential that it needs.
    fn call(&self, door: &str, method: &str, path: &str) -> Call {
        let (base, credential) = match door {
            "ops" => (&self.server.ops, &self.server.token),
            _ if path.ends_with("/redemptions") => (&self.server.public, &self.ticket),
            _ => (&self.server.public, &self.place_token),
        };
        Call::new(method, format!("{base}{path}")).bearer(credential)
    }

    /// One row: sends the call and notes whatever is not as it must be. Returns the answer.
    async fn row(&mut self, what: &str, call: &Call, status: u16, name: &str) -> e2e::Answer {
        self.rows += 1;
        let answer = call.send().await.unwrap();
        if let Some(wrong) = answer.wrong_as(status, name) {
            self.wrong.push(format!("{what}: {wrong}"));
        }
        answer
    }

    /// Like [`Self::row`] for a `bad-request` that names the field.
    async fn field(&mut self, what: &str, call: &Call, field: &str) {
        let answer = self.row(what, call, 400, "bad-request").await;
        if answer.json["field"] != field {
            self.wrong.push(format!(
                "{what}: names {} and not {field}",
                answer.json["field"]
            ));
        }
    }

    /// All right so far?
    async fn judge(self, at_least: usize) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert!(self.rows >= at_least, "only {} rows", self.rows);
        // After all that, the event is as it was.
        let after = self
            .server
            .organiser()
            .unwrap()
            .event("drop")
            .await
            .unwrap();
        assert_eq!(
            (after.stock.total, after.redeemed, after.admitted),
            (100, 0, 1)
        );
        assert_eq!((after.phase, after.title.as_str()), (Phase::Open, "Drop"));
        self.server.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let mut table = Table::set().await;
    let all = [VISITOR_CALLS, PUBLIC_CALLS].concat();
    let doors = [("public", all), ("ops", ADMIN_CALLS.to_vec())];
    for (door, calls) in doors {
        for (_, path) in &calls {
            let right: Vec<_> = calls
                .iter()
                .filter(|(_, p)| p == path)
                .map(|(m, _)| *m)
                .collect();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                if right.contains(&method) {
                    continue;
                }
                // Forms of the queue page post to it; nothing is promised about the page's own methods.
                if path.starts_with("/e/") && method == "POST" {
                    continue;
                }
                let what = format!("{method} {path}");
                let call = table.call(door, method, &path.replace("{event}", "drop"));
                let answer = table.row(&what, &call, 405, "method-not-allowed").await;
                let allow = answer.header("allow");
                if !right.iter().all(|method| allow.contains(method)) {
                    table.wrong.push(format!("{what}: Allow is `{allow}`"));
                }
            }
        }
    }
    table.judge(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_is_told_there_is_nothing() {
    let mut table = Table::set().await;
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v2/events/drop",
        "/api/v1/events",
        "/api/v1/events/",
        "/api/v1/events/drop/",
        "/api/v1/events/drop/tea",
        "/api/v1/events/drop/places/you",
        "/api/v1//events/drop",
        "/.well-known/",
        "/tea",
        "/api/v1/admin/events",
        "/api/v1/admin/events/drop",
        "/api/v1/admin/keys",
        "/metrics",
        "/health/ready",
        "/problems/tea",
        "/%00",
        "/%ff",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2fetc%2fpasswd",
    ] {
        let call = table.call("public", "GET", path);
        table
            .row(&format!("public {path}"), &call, 404, "not-found")
            .await;
    }
    for path in [
        "/api/v1/admin",
        "/api/v1/admin/",
        "/api/v1/admin/tea",
        "/api/v1/admin/events/drop/tea",
        "/api/v1/admin/events/drop/",
        "/api/v1/events/drop",
        "/tea",
        "/%ff",
        "/problems/tea",
    ] {
        let call = table.call("ops", "GET", path);
        table
            .row(&format!("ops {path}"), &call, 404, "not-found")
            .await;
    }
    table.judge(30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_is_told_so_by_every_call() {
    let mut table = Table::set().await;
    let long = "x".repeat(64);
    let ids = [
        "nowhere",
        "Drop",
        "-drop",
        "dr_op",
        "dr.op",
        "drop%20",
        "%20",
        "d%C3%B6rp",
        "a%00b",
        "a%2Fb",
        "%zz",
        "..%2f",
        "%F0%9F%8D%B5",
        "drop%0a",
        "drop;x=1",
        long.as_str(),
    ];
    for (door, calls) in [("public", VISITOR_CALLS), ("ops", ADMIN_CALLS)] {
        for (method, path) in calls.iter().filter(|(_, path)| path.contains("{event}")) {
            for id in ids {
                // Making an event is how one comes to be; the id is then simply wrong.
                if *method == "PUT" && id == "nowhere" {
                    continue;
                }
                let what = format!("{method} {}", path.replace("{event}", id));
                let call = table.call(door, method, &path.replace("{event}", id));
                let call = with_a_good_body(call, method, path, &table.place_token);
                if *method == "PUT" {
                    table.field(&what, &call, "event").await;
                } else {
                    table.row(&what, &call, 404, "no-such-event").await;
                }
            }
        }
    }
    table.judge(150).await;
}

/// The body that a call would succeed with, if its path were right.
fn with_a_good_body(call: Call, method: &str, path: &str, place_token: &str) -> Call {
    let last = path.rsplit('/').next().unwrap_or_default();
    match (method, last) {
        ("POST", "places" | "redemptions") => call.json(&json!({"place_token": place_token})),
        ("PUT", _) => call.json(&json!({"title": "Tea", "stock": 1})),
        ("PATCH", _) => call.json(&json!({"rate_per_s": 1})),
        ("POST", "phase") => call.json(&json!({"phase": "open"})),
        ("POST", "stock") => call.json(&json!({"add": 1})),
        _ => call,
    }
}

/// Headers that open nothing: none, no bearer, nobody's token, and tokens that open other doors.
fn wrong_credentials(others: [&str; 2]) -> Vec<Option<String>> {
    let mut headers = vec![
        None,
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Basic dXNlcjpwYXNz".to_owned()),
        Some(format!("Bearer {}", "A".repeat(43))),
        Some(format!("Bearer {}", "x".repeat(5_000))),
        Some("Bearer \u{e9}".to_owned()),
    ];
    headers.extend(others.map(|other| Some(format!("Bearer {other}"))));
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_wrong_credential_opens_nothing() {
    let mut table = Table::set().await;
    let (token, ticket) = (table.place_token.clone(), table.ticket.clone());
    let admin = table.server.token.clone();
    for (door, calls) in [("public", VISITOR_CALLS), ("ops", ADMIN_CALLS)] {
        for (method, path) in calls {
            let (name, others) = match door {
                "ops" => ("unauthorized", [&*token, &*ticket]),
                _ if path.ends_with("/redemptions") => ("ticket-invalid", [&*token, &*admin]),
                _ if path.ends_with("/me") => ("no-place", [&*ticket, &*admin]),
                _ => continue,
            };
            for header in wrong_credentials(others) {
                let path = path.replace("{event}", "drop");
                let base = if door == "ops" {
                    &table.server.ops
                } else {
                    &table.server.public
                };
                let call = Call::new(method, format!("{base}{path}"));
                let call = header
                    .iter()
                    .fold(call, |call, h| call.header("authorization", h));
                // Whatever the body is: the credential comes first.
                let call = if *method == "GET" {
                    call
                } else {
                    call.json(&json!({"tea": 1}))
                };
                let what = format!("{method} {path} with {header:?}");
                let answer = table.row(&what, &call, 401, name).await;
                if name != "no-place" && !answer.header("www-authenticate").starts_with("Bearer") {
                    table.wrong.push(format!("{what}: no WWW-Authenticate"));
                }
            }
        }
    }
    table.judge(100).await;
}

/// Bodies that are no JSON object.
fn no_objects() -> Vec<(&'static str, Vec<u8>)> {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let invalid_utf8 = [b"{\"place_token\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    vec![
        ("words", "tea please".into()),
        ("an object cut short", r#"{"title":"#.into()),
        ("a list", "[]".into()),
        ("a text", r#""x""#.into()),
        ("a number", "7".into()),
        ("null", "null".into()),
        ("two objects", "{}{}".into()),
        ("a trailing comma", r#"{"title":"a",}"#.into()),
        ("single quotes", "{'title':'a'}".into()),
        ("a comment", "{/*a*/}".into()),
        ("two thousand lists in each other", deep.into()),
        ("what is no UTF-8", invalid_utf8),
        ("NUL bytes", vec![0; 16]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_object_is_refused_by_every_call() {
    let mut table = Table::set().await;
    for (door, method, path, _) in calls_with_a_body() {
        for (what, body) in no_objects() {
            let call = table.call(door, method, path).body(body);
            let call = call.header("content-type", "application/json");
            let what = format!("{method} {path} with {what}");
            table.row(&what, &call, 400, "bad-request").await;
        }
    }
    table.judge(78).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_kind_or_too_large_is_refused_by_every_call() {
    let mut table = Table::set().await;
    let kinds = [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("text/json"),
        Some("application/xml"),
        Some("a"),
        None,
    ];
    let huge = format!(r#"{{"title":"{}"}}"#, "x".repeat(16 * 1_024));
    for (door, method, path, _) in calls_with_a_body() {
        for kind in kinds {
            let call = table.call(door, method, path).body(r#"{"title":"a"}"#);
            let call = kind
                .iter()
                .fold(call, |call, kind| call.header("content-type", kind));
            let what = format!("{method} {path} as {kind:?}");
            table.row(&what, &call, 415, "unsupported-media-type").await;
        }
        let call = table.call(door, method, path).body(huge.clone());
        let call = call.header("content-type", "application/json");
        let what = format!("{method} {path} with 16 KiB and more");
        table.row(&what, &call, 413, "too-large").await;
    }
    table.judge(42).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_named() {
    let mut table = Table::set().await;
    for (door, method, path, wrong) in calls_with_a_body() {
        let field = wrong.as_object().unwrap().keys().next().unwrap().clone();
        let call = |table: &Table, body: &Value| table.call(door, method, path).json(body);
        let what = format!("{method} {path} with {wrong}");
        let wrong = call(&table, &wrong);
        table.field(&what, &wrong, &field).await;
        let unknown = call(&table, &json!({"tea": true}));
        table
            .field(&format!("{method} {path} unknown field"), &unknown, "tea")
            .await;
        let nul = call(&table, &json!({&field: "a\0b"}));
        table
            .field(&format!("{method} {path} NUL"), &nul, &field)
            .await;
    }
    table.judge(18).await;
}

/// Settings of an event that are out of range: the field as it must be named, and what it holds.
const WRONG_SETTINGS: &str = r#"
    title                  {"title": ""}
    title                  {"title": null}
    title                  {"title": "   "}
    stock                  {"stock": -1}
    stock                  {"stock": 10000001}
    stock                  {"stock": "5"}
    stock                  {"stock": 1.5}
    stock                  {"stock": 99999999999999999999999}
    phase                  {"phase": "Open"}
    line                   {"line": "yes"}
    opens_at               {"opens_at": "tomorrow"}
    opens_at               {"opens_at": 7}
    order                  {"order": "random"}
    ack                    {"ack": "disk"}
    identity               {"identity": "nobody"}
    presence_s             {"presence_s": 0}
    presence_s             {"presence_s": 3601}
    grace_s                {"grace_s": 86401}
    on_sold_out            {"on_sold_out": "cry"}
    book                   {"book": "Not An Id"}
    code_pattern           {"code_pattern": ""}
    code_pattern           {"code_pattern": "SAME"}
    admission.rate_per_s   {"admission": {"rate_per_s": -1}}
    admission.capacity     {"admission": {"capacity": 0}}
    admission.ticket_ttl_s {"admission": {"ticket_ttl_s": 0}}
    admission.tea          {"admission": {"tea": 0}}
    admission              {"admission": 7}
"#;

/// The same for the other changes, below the event's path.
const WRONG_CHANGES: &str = r#"
    PATCH admission rate_per_s   {"rate_per_s": -0.1}
    PATCH admission rate_per_s   {"rate_per_s": 1000001}
    PATCH admission rate_per_s   {"rate_per_s": "5"}
    PATCH admission rate_per_s   {"rate_per_s": 1e400}
    PATCH admission capacity     {"capacity": 0}
    PATCH admission capacity     {"capacity": 10000001}
    PATCH admission capacity     {"capacity": 1.5}
    PATCH admission ticket_ttl_s {"ticket_ttl_s": 0}
    PATCH admission ticket_ttl_s {"ticket_ttl_s": 86401}
    POST  phase     phase        {}
    POST  phase     phase        {"phase": null}
    POST  stock     add          {}
    POST  stock     add          {"add": 0}
    POST  stock     add          {"add": -5}
    POST  stock     add          {"add": 1000001}
    POST  stock     add          {"add": "5"}
"#;

/// The rows of a table, each in as many pieces; the last piece may hold spaces.
fn rows(table: &str, pieces: usize) -> impl Iterator<Item = Vec<&str>> {
    let rows = table.lines().map(str::trim).filter(|row| !row.is_empty());
    rows.map(move |row| {
        let mut rest = row;
        let mut row = Vec::new();
        while row.len() + 1 < pieces {
            let (piece, more) = rest.split_once(' ').unwrap();
            row.push(piece);
            rest = more.trim_start();
        }
        row.push(rest);
        row
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_out_of_range_is_named_and_changes_nothing() {
    let mut table = Table::set().await;
    let json = |call: Call, body: &str| call.body(body).header("content-type", "application/json");
    for row in rows(WRONG_SETTINGS, 2) {
        let [field, wrong] = row[..] else {
            panic!("{row:?}")
        };
        // The rest of the event is right, and its place in the body does not matter.
        let right = [r#""title": "a""#, r#""stock": 1"#];
        let right: Vec<_> = right
            .into_iter()
            .filter(|part| !wrong.contains(&part[..7]))
            .collect();
        let body = format!("{{{}, {}", right.join(", "), &wrong[1..]);
        let call = json(table.call("ops", "PUT", "/api/v1/admin/events/new"), &body);
        table.field(&format!("PUT {body}"), &call, field).await;
    }
    for row in rows(WRONG_CHANGES, 4) {
        let [method, below, field, body] = row[..] else {
            panic!("{row:?}")
        };
        let path = format!("/api/v1/admin/events/drop/{below}");
        let call = json(table.call("ops", method, &path), body);
        table
            .field(&format!("{method} {path} {body}"), &call, field)
            .await;
    }
    for (missing, body) in [("title", r#"{"stock": 1}"#), ("stock", r#"{"title": "a"}"#)] {
        let call = json(table.call("ops", "PUT", "/api/v1/admin/events/new"), body);
        table.field(&format!("PUT {body}"), &call, missing).await;
    }
    let long = json!({"title": "x".repeat(201), "stock": 1}).to_string();
    let call = json(table.call("ops", "PUT", "/api/v1/admin/events/new"), &long);
    table.field("PUT with 201 characters", &call, "title").await;
    let unmade = table.call("ops", "GET", "/api/v1/admin/events/new");
    table
        .row("a refused put makes nothing", &unmade, 404, "no-such-event")
        .await;
    table.judge(46).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_wrong_is_named() {
    let mut table = Table::set().await;
    for path in ["/api/v1/admin/events", "/api/v1/admin/events/drop/audit"] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("limit=1&limit=2", "limit"),
            ("tea=1", "tea"),
        ] {
            let call = table.call("ops", "GET", &format!("{path}?{query}"));
            table.field(&format!("{path}?{query}"), &call, field).await;
        }
    }
    for list in [
        "events",
        "books",
        "pools",
        "accounts",
        "service-keys",
        "audit",
    ] {
        let path = format!("/api/v1/admin/{list}?after=");
        let call = table.call("ops", "GET", &path);
        table.field(&path, &call, "after").await;
    }
    let audit = "/api/v1/admin/events/drop/audit";
    for after in ["x", "1", "-", "1-x", "%00"] {
        let call = table.call("ops", "GET", &format!("{audit}?after={after}"));
        table
            .field(&format!("{audit}?after={after}"), &call, "after")
            .await;
    }
    table.judge(18).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_fixed_by_now_is_named() {
    let mut table = Table::set().await;
    for (field, value) in [
        ("stock", json!(5)),
        ("line", json!(false)),
        ("book", json!("other")),
        ("ack", json!("redis")),
        ("code_pattern", json!("X-{}")),
        ("identity", json!("entry-token")),
        ("order", json!("draw")),
    ] {
        let body = json!({field: value});
        let call = table
            .call("ops", "PUT", "/api/v1/admin/events/drop")
            .json(&body);
        let answer = call.send().await.unwrap();
        table.rows += 1;
        let live = answer.wrong_as(409, "event-is-live");
        if live.is_some() || answer.json["field"] != field {
            table
                .wrong
                .push(format!("{body}: {live:?} {}", answer.text));
        }
    }
    table.judge(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_echoed_when_it_is_one_and_made_when_not() {
    let server = Server::start().await.unwrap();
    server
        .organiser()
        .unwrap()
        .put_event("drop", &event_put(1, 1.0, Phase::Open))
        .await
        .unwrap();
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    for (sent, kept) in [
        ("a", true),
        ("~!@#$%^&*()_+", true),
        (longest.as_str(), true),
        ("", false),
        ("two words", false),
        ("\u{e9}", false),
        (too_long.as_str(), false),
    ] {
        for path in ["/api/v1/events/drop", "/api/v1/events/nowhere", "/tea"] {
            let call =
                Call::new("GET", format!("{}{path}", server.public)).header("x-request-id", sent);
            let answer = call.send().await.unwrap();
            let id = answer.header("x-request-id");
            assert!(!id.is_empty(), "{path} {sent:?}");
            assert_eq!(id == sent, kept, "{path} {sent:?} {id:?}");
            if answer.status >= 400 {
                assert_eq!(answer.json["request_id"], id);
            }
        }
    }
    server.stop().await.unwrap();
}
