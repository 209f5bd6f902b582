//! Accounts at both doors: who is let in, how far, and how at once they are out again.
#![cfg(test)]

use client::Phase;
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Answer, Call, Server, Setup};
use serde_json::{Value, json};
use testbed::{Kafka, Postgres};
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse";

/// Somebody signed in: the access token, and the cookie that renews it, as `name=value`.
#[derive(Clone, Debug)]
struct Session {
    token: String,
    cookie: String,
}

impl Session {
    fn of(answer: &Answer) -> Self {
        answer.ok(200);
        assert_eq!(answer.json["token_type"], "Bearer");
        assert!(answer.json["expires_in_s"].as_i64().unwrap() <= 600);
        let set = answer.header("set-cookie");
        for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/api/v1/sessions"] {
            assert!(set.contains(flag), "{set}");
        }
        Self {
            token: answer.json["access_token"].as_str().unwrap().to_owned(),
            cookie: set.split(';').next().unwrap().to_owned(),
        }
    }
}

async fn sign_up(public: &str, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    let call = Call::new("POST", format!("{public}/api/v1/accounts"));
    call.json(&body).send().await.unwrap()
}

async fn try_password(public: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    let call = Call::new("POST", format!("{public}/api/v1/sessions"));
    call.json(&body).send().await.unwrap()
}

async fn sign_in(public: &str, email: &str) -> Session {
    Session::of(&try_password(public, email, PASSWORD).await)
}

async fn refresh(public: &str, session: &Session) -> Answer {
    let call = Call::new("POST", format!("{public}/api/v1/sessions/refresh"));
    call.header("cookie", &session.cookie).send().await.unwrap()
}

async fn me(public: &str, token: &str) -> Answer {
    let url = format!("{public}/api/v1/accounts/me");
    Call::get(&url, token).await.unwrap()
}

/// A call at the ops door.
async fn ops(ops: &str, token: &str, call: &str, body: Option<Value>) -> Answer {
    let (method, path) = call.split_once(' ').unwrap();
    let call = Call::new(method, format!("{ops}/api/v1/admin/{path}")).bearer(token);
    let call = body.map_or(call.clone(), |body| call.json(&body));
    call.send().await.unwrap()
}

/// Makes an account with a role; its id.
async fn hired(server: &Server, email: &str, role: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD, "role": role });
    let made = ops(&server.ops, &server.token, "POST accounts", Some(body)).await;
    made.ok(201);
    assert_eq!(made.json["role"], role);
    made.json["account_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_up_in_on_and_out() {
    let server = Server::start().await.unwrap();
    let public = &server.public;
    let made = sign_up(public, "Ana@Example.org").await;
    made.ok(201);
    assert_eq!(
        (&made.json["email"], &made.json["role"]),
        (&json!("ana@example.org"), &json!("user"))
    );
    assert!(made.json["account_id"].is_string() && !made.text.contains(PASSWORD));
    sign_up(public, "ana@EXAMPLE.org")
        .await
        .refused(409, "account-exists");

    let session = sign_in(public, "ana@example.org").await;
    let mine = me(public, &session.token).await;
    mine.ok(200);
    assert_eq!(mine.json["account_id"], made.json["account_id"]);
    let coupons = format!("{public}/api/v1/accounts/me/coupons");
    let coupons = Call::get(&coupons, &session.token).await.unwrap();
    coupons.ok(200);
    assert_eq!(coupons.json, json!({ "items": [], "next": null }));

    let renewed = Session::of(&refresh(public, &session).await);
    assert_ne!(renewed.cookie, session.cookie);
    me(public, &renewed.token).await.ok(200);

    let out = Call::new("DELETE", format!("{public}/api/v1/sessions/me"));
    let out = out.header("cookie", &renewed.cookie).send().await.unwrap();
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    for token in [&session.token, &renewed.token] {
        me(public, token).await.refused(401, "unauthorized");
    }
    refresh(public, &renewed)
        .await
        .refused(401, "session-ended");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changes_ones_name_and_with_the_old_password_the_password() {
    let server = Server::start().await.unwrap();
    let public = &server.public;
    sign_up(public, "ana@example.org").await.ok(201);
    let (own, other) = (
        sign_in(public, "ana@example.org").await,
        sign_in(public, "ana@example.org").await,
    );
    let change = async |body: Value| {
        let call = Call::new("PATCH", format!("{public}/api/v1/accounts/me"));
        call.bearer(&own.token).json(&body).send().await.unwrap()
    };
    let named = change(json!({ "name": "Ana" })).await;
    named.ok(200);
    assert_eq!(named.json["name"], "Ana");
    let new = json!({ "new_password": "battery staple", "current_password": "not this one" });
    change(new).await.refused(401, "wrong-credentials");
    for (body, field) in [
        (
            json!({ "new_password": "battery staple" }),
            "current_password",
        ),
        (json!({ "current_password": PASSWORD }), "new_password"),
        (
            json!({ "new_password": "short", "current_password": PASSWORD }),
            "new_password",
        ),
        (json!({ "email": "new@example.org" }), "email"),
    ] {
        let refused = change(body).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    let new = json!({ "new_password": "battery staple", "current_password": PASSWORD });
    change(new).await.ok(200);
    me(public, &own.token).await.ok(200);
    me(public, &other.token).await.refused(401, "unauthorized");
    refresh(public, &other).await.refused(401, "session-ended");
    try_password(public, "ana@example.org", PASSWORD)
        .await
        .refused(401, "wrong-credentials");
    try_password(public, "ana@example.org", "battery staple")
        .await
        .ok(200);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_used_twice_ends_the_whole_session() {
    let server = Server::start().await.unwrap();
    let public = &server.public;
    sign_up(public, "ana@example.org").await.ok(201);
    let stolen = sign_in(public, "ana@example.org").await;
    let elsewhere = sign_in(public, "ana@example.org").await;
    let renewed = Session::of(&refresh(public, &stolen).await);
    refresh(public, &stolen).await.refused(401, "session-ended");
    refresh(public, &renewed)
        .await
        .refused(401, "session-ended");
    me(public, &renewed.token)
        .await
        .refused(401, "unauthorized");
    me(public, &elsewhere.token).await.ok(200);
    // Only our own pages renew by cookie, and one that says nothing is nobody's.
    let foreign = Call::new("POST", format!("{public}/api/v1/sessions/refresh"))
        .header("cookie", &elsewhere.cookie)
        .header("origin", "https://elsewhere.example");
    let foreign = foreign.send().await.unwrap();
    foreign.refused(403, "foreign-origin");
    Session::of(&refresh(public, &elsewhere).await);
    for cookie in ["", "stanchion-session=x"] {
        let nobody = Session {
            token: String::new(),
            cookie: cookie.to_owned(),
        };
        refresh(public, &nobody).await.refused(401, "session-ended");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_no_account_look_alike_and_guessing_is_slowed_down() {
    let server = Server::start().await.unwrap();
    let public = &server.public;
    sign_up(public, "ana@example.org").await.ok(201);
    let told = async |email: &str| {
        let mut answer = try_password(public, email, "wrong password").await;
        answer.refused(401, "wrong-credentials");
        answer.json["request_id"] = Value::Null;
        answer.json
    };
    assert_eq!(told("ana@example.org").await, told("ben@example.org").await);
    for email in ["ana@example.org", "nobody@example.org"] {
        let mut answer = try_password(public, email, "guess").await;
        for _ in 0..12 {
            if answer.status == 429 {
                break;
            }
            answer = try_password(public, email, "guess").await;
        }
        answer.refused(429, "slow-down");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
    // Whoever is slowed down is one account, not all.
    sign_up(public, "cem@example.org").await.ok(201);
    sign_in(public, "cem@example.org").await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_passwords_is_bounded_and_the_line_goes_on() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 100.0).await.unwrap();
    let mut flood = JoinSet::new();
    for n in 0..150 {
        let public = server.public.clone();
        flood.spawn(async move {
            let email = format!("p{n}@example.org");
            try_password(&public, &email, "wrong password").await.status
        });
    }
    for _ in 0..20 {
        let place = server.visitor().unwrap().enter("drop", None).await;
        assert!(place.is_ok(), "{place:?}");
    }
    let answered = flood.join_all().await;
    let of = |status: u16| answered.iter().filter(|one| **one == status).count();
    assert_eq!(of(401) + of(429), 150, "{answered:?}");
    assert!(of(401) > 0, "{answered:?}");
    server.stop().await.unwrap();
}

/// What each role may do at the ops door: a call, its body, and the answers to user, operator and admin.
fn calls() -> Vec<(&'static str, Option<Value>, [u16; 3])> {
    let event = json!({ "title": "Drop", "stock": 5, "phase": "open" });
    let key = json!({ "name": "till", "books": ["drop"] });
    vec![
        ("PUT events/drop", Some(event), [403, 403, 200]),
        ("GET events", None, [403, 200, 200]),
        ("GET events/drop", None, [403, 200, 200]),
        ("GET events/drop/audit", None, [403, 200, 200]),
        (
            "PATCH events/drop/admission",
            Some(json!({ "rate_per_s": 3 })),
            [403, 200, 200],
        ),
        (
            "POST events/drop/phase",
            Some(json!({ "phase": "paused" })),
            [403, 200, 200],
        ),
        (
            "POST events/drop/stock",
            Some(json!({ "add": 1 })),
            [403, 403, 200],
        ),
        ("GET keys", None, [403, 403, 200]),
        ("GET accounts", None, [403, 403, 200]),
        ("GET audit", None, [403, 403, 200]),
        ("GET service-keys", None, [403, 403, 200]),
        ("POST service-keys", Some(key), [403, 403, 201]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_opens_what_it_is_for_and_the_audit_says_who_it_was() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 5, 10.0).await.unwrap();
    let mut tokens = Vec::new();
    let mut ids = Vec::new();
    for role in ["user", "operator", "admin"] {
        let email = format!("{role}@example.org");
        ids.push(hired(&server, &email, role).await);
        tokens.push(sign_in(&server.public, &email).await.token);
    }
    for (call, body, statuses) in calls() {
        for (token, status) in tokens.iter().zip(statuses) {
            let answer = ops(&server.ops, token, call, body.clone()).await;
            if status == 403 {
                answer.refused(403, "forbidden");
            } else {
                answer.ok(status);
            }
        }
    }
    // A credential of the ops door is none at the public one.
    for token in ["", "nonsense", &server.token] {
        me(&server.public, token).await.refused(401, "unauthorized");
    }
    told_by_whom(&server, &tokens[2], &ids).await;
    server.stop().await.unwrap();
}

/// The audits name the accounts of operator and admin as those who made [`calls`].
async fn told_by_whom(server: &Server, token: &str, ids: &[String]) {
    let audit = ops(&server.ops, token, "GET events/drop/audit", None).await;
    let who = |action: &str| {
        let entries = audit.json["items"].as_array().unwrap().iter();
        let mut done = entries.filter(|entry| entry["action"] == action);
        done.next().unwrap()["by"].clone()
    };
    let by = (who("admission"), who("stock"), who("created"));
    assert_eq!(by, (json!(ids[1]), json!(ids[2]), json!("admin")));
    let acts = ops(&server.ops, token, "GET audit", None).await;
    let acts = acts.json["items"].as_array().unwrap().clone();
    let shown = |n: usize| [&acts[n]["action"], &acts[n]["by"]];
    assert_eq!(shown(0), [&json!("service-key-created"), &json!(ids[2])]);
    assert_eq!(shown(1), [&json!("account-created"), &json!("admin")]);
    assert_eq!(acts[1]["subject"], json!(ids[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_can_be_neither_demoted_nor_deleted() {
    let server = Server::start().await.unwrap();
    let admin = hired(&server, "ana@example.org", "admin").await;
    let own = sign_in(&server.public, "ana@example.org").await.token;
    let demote = json!({ "role": "user" });
    for token in [&own, &server.token] {
        let change = format!("PATCH accounts/{admin}");
        let change = ops(&server.ops, token, &change, Some(demote.clone())).await;
        change.refused(409, "last-admin");
        let delete = ops(
            &server.ops,
            token,
            &format!("DELETE accounts/{admin}"),
            None,
        )
        .await;
        delete.refused(409, "last-admin");
    }
    let nobody = ops(&server.ops, &own, "DELETE accounts/acc_nobody", None).await;
    nobody.refused(404, "no-such-account");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_demoted_or_deleted_is_out_at_once() {
    let server = Server::start().await.unwrap();
    let public = &server.public;
    hired(&server, "ana@example.org", "admin").await;
    for (email, change, body) in [
        ("ben@example.org", "PATCH", Some(json!({ "role": "user" }))),
        ("cem@example.org", "DELETE", None),
    ] {
        let id = hired(&server, email, "admin").await;
        let session = sign_in(public, email).await;
        let seen = async || ops(&server.ops, &session.token, "GET events", None).await;
        seen().await.ok(200);
        let change = format!("{change} accounts/{id}");
        let done = ops(&server.ops, &server.token, &change, body).await;
        assert!(matches!(done.status, 200 | 204), "{}", done.text);
        seen().await.refused(401, "unauthorized");
        me(public, &session.token)
            .await
            .refused(401, "unauthorized");
        refresh(public, &session)
            .await
            .refused(401, "session-ended");
    }
    // What the demoted one may do now is what their new role allows.
    let ben = sign_in(public, "ben@example.org").await;
    let seen = ops(&server.ops, &ben.token, "GET events", None).await;
    seen.refused(403, "forbidden");
    let gone = try_password(public, "cem@example.org", PASSWORD).await;
    gone.refused(401, "wrong-credentials");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_key_is_shown_once() {
    let server = Server::start().await.unwrap();
    let at_ops = async |call: &str, body| ops(&server.ops, &server.token, call, body).await;
    let body = json!({ "name": "till", "books": ["spring", "autumn"] });
    let made = at_ops("POST service-keys", Some(body)).await;
    made.ok(201);
    let (id, key) = (&made.json["id"], made.json["key"].as_str().unwrap());
    let listed = at_ops("GET service-keys", None).await;
    listed.ok(200);
    assert_eq!(&listed.json["items"][0]["id"], id);
    assert_eq!(
        listed.json["items"][0]["books"],
        json!(["autumn", "spring"])
    );
    assert!(!listed.text.contains(key));
    for (body, field) in [
        (json!({ "name": "till", "books": [] }), "books"),
        (json!({ "books": ["spring"] }), "name"),
        (json!({ "name": "", "books": ["spring"] }), "name"),
    ] {
        let refused = at_ops("POST service-keys", Some(body)).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    let delete = format!("DELETE service-keys/{}", id.as_str().unwrap());
    assert_eq!(at_ops(&delete, None).await.status, 204);
    at_ops(&delete, None).await.refused(404, "not-found");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_opens_a_door_is_kept_or_logged() {
    let server = Server::start().await.unwrap();
    let body = json!({ "name": "till", "books": ["spring"] });
    let made = ops(&server.ops, &server.token, "POST service-keys", Some(body)).await;
    let key = made.json["key"].as_str().unwrap();
    sign_up(&server.public, "ana@example.org").await.ok(201);
    let session = sign_in(&server.public, "ana@example.org").await;
    let secret = session.cookie.split_once('=').unwrap().1;
    let mut kept = server.log().into_bytes();
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        kept.extend(std::fs::read(server.data().join(name)).unwrap_or_default());
    }
    let kept = String::from_utf8_lossy(&kept);
    assert!(
        kept.contains("argon2id"),
        "the files of the ledger were read"
    );
    for hidden in [PASSWORD, key, &key[3..], secret, &session.token] {
        assert!(!kept.contains(hidden), "{hidden}");
    }
    assert!(!server.log().contains("ana@example.org"));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_kill_of_the_process_and_so_does_its_end() {
    let mut server = Server::start().await.unwrap();
    sign_up(&server.public, "ana@example.org").await.ok(201);
    let kept = sign_in(&server.public, "ana@example.org").await;
    let ended = sign_in(&server.public, "ana@example.org").await;
    let out = Call::new("DELETE", format!("{}/api/v1/sessions/me", server.public));
    let out = out.bearer(&ended.token).send().await.unwrap();
    assert_eq!(out.status, 204);
    server.kill().await.unwrap();
    let server = server.start_again().await.unwrap();
    me(&server.public, &kept.token).await.ok(200);
    me(&server.public, &ended.token)
        .await
        .refused(401, "unauthorized");
    Session::of(&refresh(&server.public, &kept).await);
    refresh(&server.public, &ended)
        .await
        .refused(401, "session-ended");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_on_postgres_know_each_others_sessions_and_their_end() {
    let (redis, kafka) = (Redis::start().unwrap(), Kafka::start().unwrap());
    let database = Postgres::shared().database().unwrap();
    let role = async |name: &str| {
        let setup = Setup::new().unwrap();
        let setup = setup
            .env("STANCHION_REDIS_URL", &redis.url())
            .env("STANCHION_KAFKA_BROKERS", kafka.brokers())
            .env("STANCHION_DATABASE_URL", &database)
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
            .with("--roles", name)
            .with("--public-url", "http://drop.example");
        setup.start().await.unwrap()
    };
    let (persister, admission) = (role("persister").await, role("admission").await);
    let [one, two] = [role("issuer").await, role("issuer").await];
    let put = event_put(5, 10.0, Phase::Open);
    let organiser = admission.organiser().unwrap();
    organiser.put_event("drop", &put).await.unwrap();

    let id = hired(&one, "ana@example.org", "operator").await;
    let session = sign_in(&two.public, "ana@example.org").await;
    me(&one.public, &session.token).await.ok(200);
    ops(&admission.ops, &session.token, "GET events/drop", None)
        .await
        .ok(200);
    let renewed = Session::of(&refresh(&one.public, &session).await);
    let change = format!("PATCH accounts/{id}");
    let demoted = ops(
        &two.ops,
        &two.token,
        &change,
        Some(json!({ "role": "user" })),
    )
    .await;
    demoted.ok(200);
    for token in [&session.token, &renewed.token] {
        ops(&admission.ops, token, "GET events/drop", None)
            .await
            .refused(401, "unauthorized");
        me(&one.public, token).await.refused(401, "unauthorized");
    }
    refresh(&one.public, &renewed)
        .await
        .refused(401, "session-ended");
    for server in [one, two, admission, persister] {
        server.stop().await.unwrap();
    }
}
