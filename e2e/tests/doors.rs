//! The two doors: what each serves, what both explain, and how either says "slower".
#![cfg(test)]

use e2e::{Call, Server, Setup, until};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn each_door_serves_its_own_and_both_explain_problems() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 1, 1.0).await.unwrap();
    let at = |base: &str, path: &str| Call::new("GET", format!("{base}{path}"));
    for path in ["/health", "/api/openapi.json", "/docs", "/e/drop"] {
        let answer = at(&server.public, path).send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }
    for path in ["/health/live", "/health/ready", "/metrics", "/"] {
        let answer = at(&server.ops, path).send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }
    let metrics = at(&server.ops, "/metrics").send().await.unwrap();
    assert!(metrics.text.contains("stanchion_"), "{}", metrics.text);
    let names = "bad-request unauthorized no-place ticket-invalid ticket-expired forbidden foreign-origin \
        ticket-wrong-event not-the-holder not-found no-such-event method-not-allowed not-open-yet sold-out line-closed \
        already-issued phase-move event-is-live event-closed too-large unsupported-media-type slow-down try-again \
        outcome-unknown";
    for name in names.split_whitespace() {
        for door in [&server.public, &server.ops] {
            let page = at(door, &format!("/problems/{name}")).send().await.unwrap();
            assert_eq!(page.status, 200, "{name}");
            assert!(page.text.contains(name), "{name}: {}", page.text);
        }
    }
    let page = at(&server.public, "/e/drop").send().await.unwrap();
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'self'")
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_names_every_call() {
    let server = Server::start().await.unwrap();
    let url = format!("{}/api/openapi.json", server.public);
    let document = Call::new("GET", url).send().await.unwrap();
    document.ok(200);
    let paths = document.json["paths"].as_object().unwrap();
    let calls = paths.values().filter_map(Value::as_object).flatten();
    let mut names: Vec<_> = calls
        .map(|(_, call)| call["operationId"].as_str())
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), names[0].is_some()), (all, true), "{names:?}");
    let event = "/api/v1/events/{event}";
    let admin = "/api/v1/admin/events";
    for (method, path) in [
        ("get", event.to_owned()),
        ("post", format!("{event}/places")),
        ("get", format!("{event}/places/me")),
        ("delete", format!("{event}/places/me")),
        ("get", format!("{event}/places/me/live")),
        ("post", format!("{event}/redemptions")),
        ("get", format!("{event}/redemptions/me")),
        ("get", "/.well-known/jwks.json".to_owned()),
        ("get", admin.to_owned()),
        ("get", format!("{admin}/{{event}}")),
        ("put", format!("{admin}/{{event}}")),
        ("patch", format!("{admin}/{{event}}/admission")),
        ("post", format!("{admin}/{{event}}/phase")),
        ("post", format!("{admin}/{{event}}/stock")),
        ("get", format!("{admin}/{{event}}/audit")),
        ("get", "/api/v1/admin/keys".to_owned()),
        ("get", "/api/v1/admin/live".to_owned()),
    ] {
        let operation = &document.json["paths"][&path][method];
        assert!(operation["responses"].is_object(), "{method} {path}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_api_shows_every_call_and_refusal_of_the_document() {
    let setup = Setup::new().unwrap().with("--direct-api", "open");
    let server = setup.start().await.unwrap();
    let get = async |path: &str| {
        let answer = Call::new("GET", format!("{}{path}", server.public));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer
    };
    let document = get("/api/openapi.json").await.json;
    let page = get("/docs").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'self'"), "{policy}");
    for foreign in ["<script", "style=", "http://", "https://"] {
        assert!(!page.text.contains(foreign), "{foreign} in the page");
    }
    let looks = page.text.split("<link rel=\"stylesheet\" href=\"").nth(1);
    get(looks.and_then(|rest| rest.split('"').next()).unwrap()).await;

    let mut wrong = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let shown = format!("<h3><code>{} {path}</code></h3>", method.to_uppercase());
            if !page.text.contains(&shown) {
                wrong.push(shown);
            }
            for (status, answer) in call["responses"].as_object().unwrap() {
                let problem = &answer["content"]["application/problem+json"];
                let examples = problem["examples"].as_object();
                if problem.is_object() && examples.is_none_or(serde_json::Map::is_empty) {
                    wrong.push(format!("{method} {path}: {status} has no example"));
                }
            }
        }
    }
    for link in page.text.split("href=\"#").skip(1) {
        let target = link.split('"').next().unwrap_or_default();
        if !page.text.contains(&format!("id=\"{target}\"")) {
            wrong.push(format!("#{target} leads nowhere"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let setup = Setup::new().unwrap().without("--limit-exempt");
    let setup = setup
        .with("--limit-enters", "1/3")
        .with("--limit-requests", "1/5");
    let server = setup.start().await.unwrap();
    server.open_event("drop", 1, 0.0).await.unwrap();
    let places = format!("{}/api/v1/events/drop/places", server.public);
    let enter = Call::new("POST", &places).json(&json!({}));
    let mut token = String::new();
    for _ in 0..3 {
        let entered = enter.send().await.unwrap();
        entered.ok(201);
        entered.json["place_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut token);
    }
    let slow = enter.send().await.unwrap();
    slow.refused(429, "slow-down");
    assert!(slow.header("retry-after").parse::<u64>().unwrap() >= 1);
    let look = Call::new("GET", format!("{places}/me")).bearer(&token);
    let slow = until(async || {
        let answer = look.send().await.ok()?;
        (answer.status != 200).then_some(answer)
    });
    let slow = slow.await.unwrap();
    slow.refused(429, "slow-down");
    assert!(slow.header("retry-after").parse::<u64>().unwrap() >= 1);
    server.stop().await.unwrap();
}
