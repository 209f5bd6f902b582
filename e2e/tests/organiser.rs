//! Section 3 of the contract as the organiser meets it, by the API, the console's socket and the terminal.
#![cfg(test)]

use client::{OpsFrame, Phase};
use e2e::server::event_put;
use e2e::shape::{members, time};
use e2e::{Call, Server, people};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// A put of the event `drop`.
fn put(server: &Server, body: &Value) -> Call {
    let url = format!("{}/api/v1/admin/events/drop", server.ops);
    Call::new("PUT", url).bearer(&server.token).json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_event_has_the_documented_defaults() {
    let server = Server::start().await.unwrap();
    let draft = json!({"title": "Drop", "stock": 100});
    let made = put(&server, &draft).send().await.unwrap();
    made.ok(201);
    assert_eq!(made.json["phase"], "draft");
    assert_eq!(made.json["stock"], json!({"total": 100, "remaining": 100}));
    assert_eq!(
        made.json["admission"],
        json!({"rate_per_s": 10, "capacity": 100, "ticket_ttl_s": 120})
    );
    for (setting, default) in [
        ("line", json!(true)),
        ("book", json!("drop")),
        ("order", json!("fifo")),
        ("ack", json!("ledger")),
        ("code_pattern", json!("{}")),
        ("identity", json!("place")),
        ("presence_s", json!(20)),
        ("grace_s", json!(300)),
        ("on_sold_out", json!("close")),
        ("opens_at", json!(null)),
    ] {
        assert_eq!(made.json[setting], default, "{setting}");
    }
    put(&server, &draft).send().await.unwrap().ok(200);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_steered_by_phase_pace_and_stock_and_every_change_is_audited() {
    let server = Server::start().await.unwrap();
    let event = format!("{}/api/v1/admin/events/drop", server.ops);
    let change = async |method: &str, below: &str, body: Value| {
        let call = Call::new(method, format!("{event}/{below}")).bearer(&server.token);
        call.json(&body).send().await.unwrap()
    };
    let draft = json!({"title": "Drop", "stock": 100});
    put(&server, &draft).send().await.unwrap().ok(201);
    let open = change("POST", "phase", json!({"phase": "open"})).await;
    open.ok(200);
    let refused = change("POST", "phase", json!({"phase": "lobby"})).await;
    refused.refused(409, "phase-move");
    assert_eq!(refused.json["from"], "open");
    assert_eq!(refused.json["to"], "lobby");
    let allowed = json!(["paused", "draining", "closed"]);
    assert_eq!(refused.json["allowed"], allowed);
    let same = change("POST", "phase", json!({"phase": "open"})).await;
    same.ok(200);

    let pace = change("PATCH", "admission", json!({"rate_per_s": 0.5})).await;
    pace.ok(200);
    let wanted = json!({"rate_per_s": 0.5, "capacity": 100, "ticket_ttl_s": 120});
    assert_eq!(pace.json, wanted);
    let stock = change("POST", "stock", json!({"add": 5})).await;
    stock.ok(200);
    assert_eq!(stock.json, json!({"total": 105, "remaining": 105}));

    audited(&event, &server.token).await;
    server.stop().await.unwrap();
}

/// Four changes were made, and the audit tells of each.
async fn audited(event: &str, token: &str) {
    let audit = Call::get(&format!("{event}/audit"), token).await.unwrap();
    audit.ok(200);
    members(&audit.json, "items next");
    let actions: Vec<_> = audit.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["stock", "admission", "phase", "created"],
        "newest first"
    );
    let pace = &audit.json["items"][1];
    time(&pace["at"]);
    assert_eq!(
        (&pace["by"], &pace["from"]["rate_per_s"]),
        (&json!("admin"), &json!(10))
    );
    assert_eq!(pace["to"]["rate_per_s"], 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_with_its_live_figures() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 100, 1_000.0).await.unwrap();
    let visitor = server.visitor().unwrap();
    let (token, ticket) = people::admitted(&visitor, "drop").await.unwrap();
    people::admitted(&visitor, "drop").await.unwrap();
    visitor.redeem("drop", &ticket, &token).await.unwrap();
    let event = format!("{}/api/v1/admin/events/drop", server.ops);
    let shown = Call::get(&event, &server.token).await.unwrap();
    shown.ok(200);
    for (figure, count) in [
        ("waiting", 0),
        ("admitted", 2),
        ("outstanding", 1),
        ("redeemed", 1),
        ("no_shows", 0),
        ("left", 0),
    ] {
        assert_eq!(shown.json[figure], count, "{figure}");
    }
    assert_eq!(shown.json["stock"], json!({"total": 100, "remaining": 99}));
    assert!(shown.json["outbox_lag"].is_u64() && shown.json["ledger_lag"].is_u64());

    // The console hears the same.
    let mut live = server.organiser().unwrap().live().await.unwrap();
    let Some(Ok(OpsFrame::Figures { events, .. })) = live.next().await else {
        panic!("the first frame has the figures");
    };
    assert_eq!((events[0].event.as_str(), events[0].redeemed), ("drop", 1));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_on_from_where_they_ended() {
    let server = Server::start().await.unwrap();
    let ops = server.organiser().unwrap();
    let names: Vec<_> = (0..7).map(|nth| format!("event-{nth}")).collect();
    for name in &names {
        ops.put_event(name, &event_put(1, 1.0, Phase::Draft))
            .await
            .unwrap();
    }
    let url = format!("{}/api/v1/admin/events", server.ops);
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = Call::get(&format!("{url}?limit=3{after}"), &server.token)
            .await
            .unwrap();
        page.ok(200);
        members(&page.json, "items next");
        let items = page.json["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        found.extend(
            items
                .iter()
                .map(|item| item["event"].as_str().unwrap().to_owned()),
        );
        match page.json["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, names);
    let all = ops.events(None).await.unwrap();
    assert_eq!((all.items.len(), all.next), (7, None));
    let keys = ops.keys().await.unwrap();
    assert_eq!(keys.items.len(), 1);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_can_do_all_of_it() {
    let server = Server::start().await.unwrap();
    let ctl = async |arguments: &str| {
        let arguments = format!("ctl {arguments} --ops-url {}", server.ops);
        let arguments: Vec<_> = arguments.split(' ').collect();
        server.run(&arguments).await.unwrap()
    };
    let (_, made) = ctl("event put drop --title Drop --stock 1000 --rate 5 --phase open").await;
    assert!(made);
    let (shown, _) = ctl("event show drop --json").await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["phase"], &shown["admission"]["rate_per_s"]),
        (&json!("open"), &json!(5.0))
    );
    for order in [
        "rate drop 20",
        "phase drop paused",
        "stock drop 100",
        "event put drop --title Again",
    ] {
        assert!(ctl(order).await.1, "{order}");
    }
    let (list, _) = ctl("event list").await;
    assert!(
        list.contains("drop") && list.contains("paused") && list.contains("20/s"),
        "{list}"
    );
    assert!(list.contains("1100/1100"), "{list}");
    let (audit, _) = ctl("audit drop --json --limit 3").await;
    let audit: Value = serde_json::from_str(&audit).unwrap();
    assert_eq!(audit.as_array().unwrap().len(), 3);
    assert_eq!(audit[0]["action"], "changed");
    let (keys, _) = ctl("keys list").await;
    assert!(keys.contains("active"), "{keys}");
    for wrong in [
        "event show nowhere",
        "phase drop lobby",
        "stock drop 0",
        "event put new --stock 1",
    ] {
        let (out, done) = ctl(wrong).await;
        assert!(!done && out.is_empty(), "{wrong}: {out}");
    }
    server.stop().await.unwrap();
}
