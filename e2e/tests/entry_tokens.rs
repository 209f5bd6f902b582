//! Events that know their visitors by entry tokens: one place and one coupon for each user of the organiser's site.
#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::PlaceToken;
use e2e::forge::{Parts, Signer};
use e2e::people::new_token;
use e2e::redis::Redis;
use e2e::{Answer, Call, Server, Setup, until};
use futures_util::future::join_all;
use serde_json::{Value, json};

const SECRET: [u8; 32] = *b"the organiser's site and we know";

fn now_s() -> u64 {
    u64::try_from(e2e::history::now() / 1_000).unwrap()
}

/// A token of the organiser's site for `user`.
fn entry_token(user: &str) -> Parts {
    Parts {
        header: json!({"alg": "HS256", "kid": "shop"}),
        claims: json!({"sub": user, "aud": "drop", "exp": now_s() + 600}),
    }
}

fn signed(parts: &Parts) -> String {
    parts.signed(&Signer::Hmac(SECRET.to_vec())).unwrap()
}

/// A server, and what people do at it.
struct Shop {
    server: Server,
}

impl Shop {
    /// With an event for users whose tokens are signed with the secret.
    async fn open(put: Value) -> Self {
        Self::open_at(Server::start().await.unwrap(), put).await
    }

    async fn open_at(server: Server, put: Value) -> Self {
        let shop = Self { server };
        let made = shop.put(put).await;
        assert_eq!(made.status, 201, "{}", made.text);
        shop
    }

    fn admin(&self, method: &str, rest: &str) -> Call {
        let url = format!("{}/api/v1/admin/events/drop{rest}", self.server.ops);
        Call::new(method, url).bearer(&self.server.token)
    }

    async fn put(&self, put: Value) -> Answer {
        self.admin("PUT", "").json(&put).send().await.unwrap()
    }

    fn public(&self, method: &str, rest: &str) -> Call {
        let url = format!("{}/api/v1/events/drop/{rest}", self.server.public);
        Call::new(method, url)
    }

    async fn enter(&self, token: &PlaceToken, entry_token: Option<&str>) -> Answer {
        let mut body = json!({"place_token": token.reveal()});
        if let Some(entry_token) = entry_token {
            body["entry_token"] = json!(entry_token);
        }
        let call = self.public("POST", "places").json(&body);
        call.send().await.unwrap()
    }

    async fn me(&self, token: &PlaceToken) -> Answer {
        let call = self.public("GET", "places/me").bearer(token.reveal());
        call.send().await.unwrap()
    }

    /// The ticket of the token's place, once there is one.
    async fn ticket(&self, token: &PlaceToken) -> String {
        let ticket = until(async || {
            let place = self.me(token).await.json;
            place["ticket"].as_str().map(str::to_owned)
        });
        ticket.await.unwrap()
    }

    async fn redeem(&self, ticket: &str, token: &PlaceToken) -> Answer {
        let body = json!({"place_token": token.reveal()});
        let call = self.public("POST", "redemptions").bearer(ticket);
        call.json(&body).send().await.unwrap()
    }
}

/// The body of a PUT of an open event.
fn put() -> Value {
    json!({
        "title": "For users", "stock": 5, "phase": "open", "admission": {"rate_per_s": 1_000},
        "identity": "entry-token",
        "entry_keys": [{"kid": "shop", "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)}],
    })
}

/// The same before anybody is let in.
fn waiting() -> Value {
    let mut put = put();
    put["admission"]["rate_per_s"] = json!(0);
    put
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_devices_of_one_user_share_one_place_and_one_coupon() {
    let shop = Shop::open(waiting()).await;
    let devices: Vec<PlaceToken> = (0..30).map(|_| new_token().unwrap()).collect();
    let token = signed(&entry_token("user-1"));
    let entered = join_all(
        devices
            .iter()
            .map(|device| shop.enter(device, Some(&token))),
    )
    .await;
    let created = entered.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    let place = &entered[0].json["place_id"];
    for answer in &entered {
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
        assert_eq!(
            (&answer.json["place_id"], &answer.json["position"]),
            (place, &json!(1))
        );
    }
    let status = shop.admin("GET", "").send().await.unwrap().json;
    assert_eq!(status["waiting"], 1);

    let faster = json!({"rate_per_s": 1_000});
    let faster = shop.admin("PATCH", "/admission").json(&faster);
    assert_eq!(faster.send().await.unwrap().status, 200);
    let ticket = shop.ticket(&devices[7]).await;
    let record = one_pass(&shop, &ticket, &devices).await;
    for device in &devices[..2] {
        let mine = shop.public("GET", "redemptions/me").bearer(device.reveal());
        assert_eq!(mine.send().await.unwrap().json["record_id"], record);
        assert_eq!(shop.me(device).await.json["state"], "redeemed");
    }
    let again = shop.enter(&new_token().unwrap(), Some(&token)).await;
    assert_eq!(
        (again.status, &again.json["state"]),
        (200, &json!("redeemed"))
    );
    let status = shop.admin("GET", "").send().await.unwrap().json;
    assert_eq!(
        (&status["redeemed"], &status["stock"]["remaining"]),
        (&json!(1), &json!(4))
    );
}

/// All devices redeem the ticket at once: one pass, which all of them hear; its record.
async fn one_pass(shop: &Shop, ticket: &str, devices: &[PlaceToken]) -> Value {
    let passes = join_all(devices.iter().map(|device| shop.redeem(ticket, device))).await;
    let fresh = passes
        .iter()
        .filter(|pass| pass.json["replayed"] == false)
        .count();
    assert_eq!(fresh, 1);
    for pass in &passes {
        assert_eq!(
            (pass.status, &pass.json["holder"]),
            (200, &json!("user-1")),
            "{}",
            pass.text
        );
        assert_eq!(pass.json["coupon"], passes[0].json["coupon"]);
    }
    passes[0].json["record_id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_entry_token_opens_the_line_and_a_known_place_token_needs_none() {
    let shop = Shop::open(waiting()).await;
    let own = new_token().unwrap();
    let good = entry_token("user-1");
    let hours = |hours: u64| now_s() + hours * 3_600;
    let stranger = good.signed(&Signer::Hmac(vec![1; 32])).unwrap();
    let bad = [
        None,
        Some(String::new()),
        Some("x".repeat(9_000)),
        Some(stranger),
        Some(
            good.clone()
                .header("alg", "none")
                .signed(&Signer::Nothing)
                .unwrap(),
        ),
        Some(signed(&good.clone().header("kid", "other"))),
        Some(signed(&good.clone().claim("aud", "other"))),
        Some(signed(&good.clone().claim("exp", now_s() - 60))),
        Some(signed(&good.clone().claim("exp", hours(30)))),
        Some(signed(&good.clone().claim("exp", Value::Null))),
        Some(signed(&good.clone().claim("nbf", hours(1)))),
        Some(signed(&good.clone().claim("sub", Value::Null))),
    ];
    for bad in bad {
        let refused = shop.enter(&own, bad.as_deref()).await;
        assert_eq!(refused.wrong_as(401, "unauthorized"), None, "{bad:?}");
        assert!(!refused.header("www-authenticate").is_empty());
    }
    assert_eq!(shop.me(&own).await.wrong_as(401, "no-place"), None);

    let entered = shop.enter(&own, Some(&signed(&good))).await;
    assert_eq!(entered.status, 201, "{}", entered.text);
    let again = shop.enter(&own, None).await;
    assert_eq!(
        (again.status, &again.json["place_id"]),
        (200, &entered.json["place_id"])
    );
    let left = shop.public("DELETE", "places/me").bearer(own.reveal());
    assert_eq!(left.send().await.unwrap().status, 204);
    let back = shop.enter(&own, None).await;
    assert_eq!(
        (back.status, &back.json["place_id"]),
        (201, &entered.json["place_id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_of_use_to_its_user_alone() {
    let shop = Shop::open(put()).await;
    let (one, two) = (new_token().unwrap(), new_token().unwrap());
    for (token, user) in [(&one, "user-1"), (&two, "user-2")] {
        let entry = signed(&entry_token(user));
        assert_eq!(shop.enter(token, Some(&entry)).await.status, 201);
    }
    let ticket = shop.ticket(&one).await;
    for other in [&two, &new_token().unwrap()] {
        let refused = shop.redeem(&ticket, other).await;
        assert_eq!(
            refused.wrong_as(403, "not-the-holder"),
            None,
            "{}",
            refused.text
        );
    }
    let pass = shop.redeem(&ticket, &one).await;
    assert_eq!((pass.status, &pass.json["holder"]), (200, &json!("user-1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_never_shown_again_and_may_be_replaced_while_the_event_is_open() {
    let shop = Shop::open(put()).await;
    let secrets = [
        URL_SAFE_NO_PAD.encode(SECRET),
        URL_SAFE_NO_PAD.encode([9; 32]),
    ];
    let shown = shop.admin("GET", "").send().await.unwrap();
    assert_eq!(
        shown.json["entry_keys"],
        json!([{"kid": "shop", "alg": "HS256"}])
    );
    let key = json!({"kid": "shop", "alg": "HS256", "k": secrets[1]});
    let replaced = shop.put(json!({"entry_keys": [key]})).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    let new = entry_token("user-2")
        .signed(&Signer::Hmac(vec![9; 32]))
        .unwrap();
    let entered = until(async || {
        let entered = shop.enter(&new_token().unwrap(), Some(&new)).await;
        (entered.status < 300).then_some(())
    });
    entered.await.unwrap();
    let old = shop
        .enter(&new_token().unwrap(), Some(&signed(&entry_token("user-1"))))
        .await;
    assert_eq!(old.wrong_as(401, "unauthorized"), None);

    let fixed = shop.put(json!({"identity": "place"})).await;
    assert_eq!(fixed.wrong_as(409, "event-is-live"), None, "{}", fixed.text);
    let audit = shop.admin("GET", "/audit").send().await.unwrap();
    let list = format!("{}/api/v1/admin/events", shop.server.ops);
    let list = Call::get(&list, &shop.server.token).await.unwrap();
    for secret in &secrets {
        let places = [
            &shown.text,
            &replaced.text,
            &audit.text,
            &list.text,
            &shop.server.log(),
        ];
        assert!(places.iter().all(|text| !text.contains(secret)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_work_and_tokens_that_mean_nothing_are_refused_by_name() {
    let server = Server::start().await.unwrap();
    let shop = Shop { server };
    let with = |name: &str, value: Value| {
        let mut put = put();
        put[name] = value;
        put
    };
    for (put, field) in [
        (with("entry_keys", Value::Null), "entry_keys"),
        (with("entry_keys", json!([])), "entry_keys"),
        (
            with("entry_keys", json!([{"alg": "HS256", "k": "short"}])),
            "entry_keys",
        ),
        (with("identity", json!("place")), "entry_keys"),
        (with("line", json!(false)), "identity"),
    ] {
        let refused = shop.put(put).await;
        assert_eq!(
            refused.wrong_as(400, "bad-request"),
            None,
            "{}",
            refused.text
        );
        assert_eq!(refused.json["field"], field, "{}", refused.text);
    }
    let plain = json!({"title": "For all", "stock": 5, "phase": "open"});
    assert_eq!(shop.put(plain).await.status, 201);
    let refused = shop.enter(&new_token().unwrap(), Some("x")).await;
    assert_eq!(
        refused.wrong_as(400, "bad-request"),
        None,
        "{}",
        refused.text
    );
    assert_eq!(refused.json["field"], "entry_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_loss_of_redis_a_user_comes_back_to_the_old_place() {
    let redis = Redis::start().unwrap();
    let setup = Setup::new().unwrap().with("--redis-url", redis.url());
    let shop = Shop::open_at(setup.start().await.unwrap(), waiting()).await;
    let (one, two) = (new_token().unwrap(), new_token().unwrap());
    shop.enter(&one, Some(&signed(&entry_token("user-1"))))
        .await;
    let token = signed(&entry_token("user-2"));
    let before = shop.enter(&two, Some(&token)).await.json;
    assert_eq!(before["position"], 2);
    let kept = until(async || {
        let event = shop.admin("GET", "").send().await.unwrap().json;
        (event["ledger_lag"] == 0).then_some(())
    });
    kept.await.unwrap();

    redis.flush().unwrap();
    let recovered = until(async || {
        let forgotten = shop.me(&two).await.wrong_as(401, "no-place").is_none();
        forgotten.then_some(())
    });
    recovered.await.unwrap();
    let keys = json!({"entry_keys": put()["entry_keys"]});
    assert_eq!(shop.put(keys).await.status, 200);
    let back = until(async || {
        let back = shop.enter(&two, Some(&token)).await;
        (back.status < 300).then_some(back)
    });
    let back = back.await.unwrap();
    assert_eq!(back.status, 200, "{}", back.text);
    for what in ["place_id", "position"] {
        assert_eq!(back.json[what], before[what], "{what}");
    }
}
