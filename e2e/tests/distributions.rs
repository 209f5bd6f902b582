//! Jobs on a book: codes that are made, coupons that are dealt to a pool; exact, and gone on with after a kill.
#![cfg(test)]

use std::collections::BTreeSet;

use e2e::{Answer, Call, Server, until};
use serde_json::{Value, json};

/// A book, and the pools its coupons are dealt to.
struct Office {
    server: Server,
}

impl Office {
    /// An office with one book.
    async fn open(rules: Value) -> Self {
        let office = Self {
            server: Server::start().await.unwrap(),
        };
        office.put("books/spring", rules).await;
        office
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let url = format!("{}/api/v1/admin/{path}", self.server.ops);
        Call::new(method, url).bearer(&self.server.token)
    }

    async fn put(&self, path: &str, body: Value) {
        let call = self.call("PUT", path).json(&body);
        call.send().await.unwrap().ok(201);
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path).json(&body).send().await.unwrap()
    }

    /// A pool with these members.
    async fn pool(&self, users: &[String]) {
        self.put("pools/gold", json!({"title": "Gold"})).await;
        for some in users.chunks(500) {
            let body = json!({ "user_ids": some });
            self.post("pools/gold/members", body).await.ok(201);
        }
    }

    /// Puts `C-0`, `C-1` … into the book.
    async fn stock(&self, numbers: std::ops::Range<usize>) {
        let codes: Vec<String> = numbers.map(|nth| format!("C-{nth}")).collect();
        let body = json!({ "codes": codes });
        self.post("books/spring/codes", body).await.ok(201);
    }

    async fn job(&self, id: &str) -> Value {
        let answer = self.call("GET", &format!("jobs/{id}")).send().await;
        let answer = answer.unwrap();
        answer.ok(200);
        answer.json
    }

    /// Waits for the job that a call began.
    async fn ended(&self, begun: &Answer) -> Value {
        begun.ok(202);
        let id = begun.json["id"].as_str().unwrap();
        let ended = until(async || {
            let job = self.job(id).await;
            matches!(job["state"].as_str(), Some("done" | "failed")).then_some(job)
        });
        ended.await.unwrap()
    }

    /// Deals and waits.
    async fn dealt(&self, body: Value) -> Value {
        let begun = self.post("books/spring/distributions", body).await;
        self.ended(&begun).await
    }

    /// The whole of a list of the book.
    async fn list(&self, path: &str) -> Vec<Value> {
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("books/spring/{path}?limit=1000{next}");
            let page = self.call("GET", &path).send().await.unwrap();
            page.ok(200);
            all.extend(page.json["items"].as_array().unwrap().clone());
            match page.json["next"].as_str() {
                Some(after) => next = format!("&after={after}"),
                None => return all,
            }
        }
    }

    /// How many coupons are somebody's.
    async fn given(&self) -> usize {
        let coupons = self.list("coupons").await;
        coupons
            .iter()
            .filter(|row| row["holder"] != Value::Null)
            .count()
    }
}

fn people(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("person-{nth:03}")).collect()
}

/// How many codes each user got, by the report; every code is there once.
fn counted(report: &Value) -> Vec<(String, usize)> {
    let (mut counts, mut codes) = (Vec::new(), BTreeSet::new());
    for (user, got) in report["given"].as_object().unwrap() {
        let got = got.as_array().unwrap();
        counts.push((user.clone(), got.len()));
        for code in got {
            assert!(codes.insert(code.to_string()), "{code} twice");
        }
    }
    counts
}

fn each(users: &[String], count: usize) -> Vec<(String, usize)> {
    users.iter().map(|user| (user.clone(), count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_distribution_gives_everybody_as_many_or_nobody_anything() {
    let office = Office::open(json!({"title": "Spring", "max_per_person": 2})).await;
    let users = people(3);
    office.pool(&users).await;
    office.stock(0..5).await;
    let wanted = json!({"pool": "gold", "mode": "equal", "per_person": 3});
    for _ in 0..2 {
        let call = office.call("POST", "books/spring/distributions");
        let call = call.json(&wanted).header("idempotency-key", "deal-1");
        let short = call.send().await.unwrap();
        short.refused(409, "none-left");
        assert_eq!(
            (&short.json["needed"], &short.json["available"]),
            (&json!(6), &json!(5))
        );
    }
    assert_eq!(office.given().await, 0, "nothing was given");

    let one = office.dealt(json!({"pool": "gold", "mode": "equal"})).await;
    assert_eq!(
        (&one["kind"], &one["state"]),
        (&json!("distribute"), &json!("done"))
    );
    assert_eq!((&one["done"], &one["total"]), (&json!(3), &json!(3)));
    assert_eq!(counted(&one["report"]), each(&users, 1));
    office.stock(5..6).await;
    let more = office.dealt(wanted.clone()).await;
    assert_eq!(counted(&more["report"]), each(&users, 1), "up to the limit");
    let none = office.dealt(wanted).await;
    assert_eq!(none["report"]["given"], json!({}));
    let why = json!({"user_id": users[0], "reason": "limit-reached"});
    assert_eq!(none["report"]["nothing"][0], why);
    let history = office.list("history").await;
    assert_eq!(history.len(), 6);
    assert_eq!(history[0]["metadata"]["job"], one["id"]);
    let exported = office.call("GET", "books/spring/history");
    let exported = exported.header("accept", "text/csv").send().await.unwrap();
    assert_eq!(exported.status, 200);
    assert!(
        exported
            .text
            .starts_with("at,code,user_id,from,to,by,metadata\r\n")
    );
    assert_eq!(exported.text.lines().count(), 7);

    let nobody = json!({"pool": "nobody", "mode": "equal"});
    let nobody = office.post("books/spring/distributions", nobody).await;
    nobody.refused(404, "no-such-pool");
    let nowhere = office.call("GET", "jobs/job_1").send().await.unwrap();
    nowhere.refused(404, "no-such-job");
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_distribution_deals_until_codes_or_limits_end() {
    let office = Office::open(json!({"title": "Spring", "max_per_person": 2})).await;
    let users = people(5);
    office.pool(&users).await;
    office.stock(0..3).await;
    let some = office
        .dealt(json!({"pool": "gold", "mode": "random"}))
        .await;
    let counts = counted(&some["report"]);
    assert_eq!(
        counts.len(),
        3,
        "one after another: nobody has two while others have none"
    );
    let nothing = some["report"]["nothing"].as_array().unwrap();
    assert_eq!(nothing.len(), 2);
    assert!(nothing.iter().all(|row| row["reason"] == "none-left"));
    office.stock(3..20).await;
    let rest = office
        .dealt(json!({"pool": "gold", "mode": "random"}))
        .await;
    assert_eq!(counted(&rest["report"]).len(), 5);
    assert_eq!(
        (&rest["done"], office.given().await),
        (&json!(7), 10),
        "the limits end it"
    );
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_as_the_pattern_says_and_once_for_a_key() {
    let office = Office::open(json!({"title": "Spring", "code_pattern": "SPRING-{8}"})).await;
    let ask = async |body: &Value| {
        let call = office.call("POST", "books/spring/generate").json(body);
        call.header("idempotency-key", "make-1")
            .send()
            .await
            .unwrap()
    };
    let wanted = json!({"count": 2_500});
    let begun = ask(&wanted).await;
    let location = begun.headers["location"].to_str().unwrap();
    let id = begun.json["id"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/admin/jobs/{id}"));
    let job = office.ended(&begun).await;
    assert_eq!(
        (&job["state"], &job["done"]),
        (&json!("done"), &json!(2_500))
    );
    assert_eq!(ask(&wanted).await.json["id"], begun.json["id"]);
    ask(&json!({"count": 2}))
        .await
        .refused(422, "idempotency-mismatch");
    let made = office.list("coupons").await;
    let of_pattern = |row: &&Value| {
        let code = row["code"].as_str().unwrap();
        code.starts_with("SPRING-") && code.len() == 15
    };
    assert_eq!(
        (made.len(), made.iter().filter(of_pattern).count()),
        (2_500, 2_500)
    );
    let exported = office.call("GET", "books/spring/coupons?state=unassigned");
    let exported = exported.header("accept", "text/csv").send().await.unwrap();
    assert_eq!(exported.status, 200);
    let lines: Vec<&str> = exported.text.lines().collect();
    assert_eq!(
        lines[0],
        "code,state,holder,assigned_at,locked_until,redemptions,remaining"
    );
    let first = format!("{},unassigned,,,,0,1", made[0]["code"].as_str().unwrap());
    assert_eq!(
        (lines.len(), lines[1]),
        (2_501, first.as_str()),
        "all pages"
    );
    let other = json!({"count": 3, "code_pattern": "X{12}"});
    let other = office.post("books/spring/generate", other).await;
    office.ended(&other).await;
    assert_eq!(office.list("coupons").await.len(), 2_503);
    office.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_with_too_few_codes_makes_none() {
    let office = Office::open(json!({"title": "Spring"})).await;
    for (body, field) in [
        (
            json!({"count": 1_000, "code_pattern": "A{3}"}),
            "code_pattern",
        ),
        (json!({"count": 0}), "count"),
        (json!({"count": 1_000_001}), "count"),
    ] {
        let refused = office.post("books/spring/generate", body).await;
        refused.refused(400, "bad-request");
        assert_eq!(refused.json["field"], field);
    }
    assert_eq!(office.list("coupons").await.len(), 0);
    office.server.stop().await.unwrap();
}

/// `stanchion verify` finds nothing to explain; what it says of the codes of the book.
async fn verified(server: &Server) -> Value {
    let (said, well) = server.run(&["verify", "--json"]).await.unwrap();
    assert!(well, "{said}");
    let mut verdict: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(verdict["unexplained"], 0);
    verdict["events"][0]["book"]["codes"].take()
}

/// Kills the server as soon as the ledger has heard that some of a job is done, and starts it again. Nothing is unexplained then.
async fn killed_in_the_middle(office: Office, begun: &Answer) -> Office {
    begun.ok(202);
    let id = begun.json["id"].as_str().unwrap();
    let half = until(async || {
        let job = office.job(id).await;
        (job["done"] != 0 || job["state"] == "done").then_some(job)
    });
    let half = half.await.unwrap();
    assert_eq!(half["state"], "running", "it is killed before its end");
    let Office { mut server } = office;
    server.kill().await.unwrap();
    verified(&server).await;
    let server = server.start_again().await.unwrap();
    Office { server }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_killed_goes_on_and_does_nothing_twice() {
    let office = Office::open(json!({"title": "Spring", "max_per_person": 200})).await;
    let users = people(100);
    office.pool(&users).await;
    let make = json!({"count": 20_000});
    let begun = office.post("books/spring/generate", make).await;
    let office = killed_in_the_middle(office, &begun).await;
    assert_eq!(office.ended(&begun).await["state"], "done");
    assert_eq!(office.list("coupons").await.len(), 20_000);
    let all = json!({"redis": 20_000, "ledger": 20_000});
    assert_eq!(verified(&office.server).await, all);

    let deal = json!({"pool": "gold", "mode": "equal", "per_person": 200});
    let begun = office.post("books/spring/distributions", deal).await;
    let office = killed_in_the_middle(office, &begun).await;
    let job = office.ended(&begun).await;
    assert_eq!(
        (&job["state"], &job["done"]),
        (&json!("done"), &json!(20_000))
    );
    assert_eq!(counted(&job["report"]), each(&users, 200));
    assert_eq!(office.list("history").await.len(), 20_000);
    assert_eq!(office.given().await, 20_000);
    assert_eq!(verified(&office.server).await, all);
    office.server.stop().await.unwrap();
}
