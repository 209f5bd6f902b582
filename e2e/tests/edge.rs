//! The configurations that are shipped for the edge, each in its real program, in front of roles in processes of their own.
#![cfg(test)]

use std::path::Path;

use client::{Ops, Options, Phase, Redemption, Visitor};
use e2e::call::{Answer, Call};
use e2e::people::{self, Turn};
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::{Server, Setup, ledger};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use testbed::edge::RunningEdge;
use testbed::{Edge, Postgres, free_port};

/// The roles in processes of their own, and their stores.
struct Roles {
    gateway: Server,
    admission: Server,
    issuer: Server,
    persister: Server,
    _redis: Redis,
}

impl Roles {
    async fn start() -> Self {
        let redis = Redis::start().unwrap();
        let database = Postgres::shared().database().unwrap();
        let role = async |name: &str| {
            let setup = Setup::new()
                .unwrap()
                .env("STANCHION_REDIS_URL", &redis.url())
                .env("STANCHION_DATABASE_URL", &database)
                .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
                .with("--roles", name)
                .with("--trusted-proxies", "127.0.0.0/8")
                .with("--public-url", "http://drop.example");
            setup.start().await.unwrap()
        };
        let (gateway, admission, issuer, persister) = tokio::join!(
            role("gateway"),
            role("admission"),
            role("issuer"),
            role("persister"),
        );
        Self {
            gateway,
            admission,
            issuer,
            persister,
            _redis: redis,
        }
    }

    /// The public doors, then the ops doors that an edge joins.
    fn doors(&self) -> [Vec<&str>; 2] {
        [
            vec![&self.gateway.public, &self.issuer.public],
            vec![&self.admission.ops, &self.issuer.ops, &self.persister.ops],
        ]
    }

    async fn stop(self) {
        for server in [self.gateway, self.admission, self.issuer, self.persister] {
            server.stop().await.unwrap();
        }
    }
}

/// An edge in front of the roles.
struct Front {
    running: RunningEdge,
    public: String,
    ops: String,
    tls_port: u16,
}

impl Front {
    fn start(edge: Edge, roles: &Roles) -> Self {
        let [public, ops, tls] = [(); 3].map(|()| free_port().unwrap());
        let host = |door: &str| door.trim_start_matches("http://").to_owned();
        let own = |port| format!("127.0.0.1:{port}");
        let names = [
            ("gateway:8080", host(&roles.gateway.public)),
            ("issuer:8080", host(&roles.issuer.public)),
            ("issuer:8081", host(&roles.issuer.ops)),
            ("persister:8081", host(&roles.persister.ops)),
            ("admission:8081", host(&roles.admission.ops)),
        ];
        let (file, doors, ports) = match edge {
            Edge::Nginx => (
                "nginx.conf",
                vec![
                    ("listen 8080", format!("listen {}", own(public))),
                    ("listen 8081", format!("listen {}", own(ops))),
                    // Whoever runs the test may write here alone.
                    ("/tmp/nginx.pid", "nginx.pid".to_owned()),
                    ("http {\n", in_own_folder()),
                ],
                vec![public, ops],
            ),
            Edge::Haproxy => (
                "haproxy.cfg",
                vec![
                    ("bind :8080", format!("bind {}", own(public))),
                    ("bind :8081", format!("bind {}", own(ops))),
                    ("bind :8443", format!("bind {}", own(tls))),
                    // Each takes two descriptors.
                    ("maxconn 100000", "maxconn 1000".to_owned()),
                ],
                vec![public, ops, tls],
            ),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose");
        let shipped = std::fs::read_to_string(folder.join(file)).unwrap();
        let put = names
            .into_iter()
            .chain(doors)
            .fold(shipped, |text, (shipped, here)| {
                assert!(text.contains(shipped), "{file} names {shipped}");
                text.replace(shipped, &here)
            });
        Self {
            running: edge.start(&put, &ports).unwrap(),
            public: format!("http://{}", own(public)),
            ops: format!("http://{}", own(ops)),
            tls_port: tls,
        }
    }
}

/// Where nginx keeps what it buffers.
fn in_own_folder() -> String {
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let each = folders.map(|name| format!("    {name}_temp_path {name};\n"));
    format!("http {{\n{}", each.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn through_either_edge_every_call_reaches_its_role_and_a_drop_is_the_same() {
    let roles = Roles::start().await;
    for (edge, event) in [
        (Edge::Nginx, "through-nginx"),
        (Edge::Haproxy, "through-haproxy"),
    ] {
        let front = Front::start(edge, &roles);
        drop_through(&front, &roles, event).await;
        every_call_reaches_its_role(&front, &roles).await;
        the_edge_speaks_as_the_services_do(&front).await;
        if front.running.certificate.is_some() {
            with_tls(&front).await;
        }
    }
    roles.stop().await;
}

/// People come by the edge, watch their place over a socket, and redeem.
async fn drop_through(front: &Front, roles: &Roles, event: &str) {
    let token = "the-token-of-every-role";
    let organiser = Ops::new(&front.ops, token, Options::default()).unwrap();
    let put = event_put(5, 500.0, Phase::Open);
    organiser.put_event(event, &put).await.unwrap();
    let visitor = Visitor::new(&front.public, Options::default()).unwrap();
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let token = people::new_token().unwrap();
        visitor.enter(event, Some(&token)).await.unwrap();
        let turn = people::watch(&visitor, event, &token, &mut Vec::new()).await;
        let Turn::Ticket { ticket, .. } = turn.unwrap() else {
            panic!("five people, five coupons");
        };
        let pass = visitor.redeem(event, &ticket, &token).await.unwrap();
        let Redemption::Pass(pass) = pass else {
            panic!("{pass:?}");
        };
        codes.insert(pass.coupon.code);
    }
    assert_eq!(codes.len(), 5);
    ledger::agrees(&roles.admission, event, 5).await.unwrap();
}

/// What a reply says, but for what differs from one request to the next.
fn gist(answer: &Answer) -> (u16, String, Value, Value) {
    let kind = answer.header(CONTENT_TYPE.as_str()).to_owned();
    let of = |member: &str| answer.json[member].clone();
    (answer.status, kind, of("type"), of("detail"))
}

/// Each call of the description is answered at the edge as by a role that serves it.
async fn every_call_reaches_its_role(front: &Front, roles: &Roles) {
    let described = ask("GET", &front.public, "/api/openapi.json").await.json;
    let mut reached = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        let path = path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "nowhere"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let edges = [&front.public, &front.ops];
            for (edge, doors) in edges.into_iter().zip(roles.doors()) {
                let mut served = Vec::new();
                for door in doors {
                    let nothing = gist(&ask(&method, door, "/nothing/here").await);
                    let answer = gist(&ask(&method, door, &path).await);
                    if answer != nothing {
                        served.push(answer);
                    }
                }
                if !served.is_empty() {
                    let answer = gist(&ask(&method, edge, &path).await);
                    assert!(
                        served.contains(&answer),
                        "{method} {path}: {answer:?}, not {served:?}"
                    );
                    reached += 1;
                }
            }
        }
    }
    assert!(reached > 60, "{reached} calls were found");
}

async fn ask(method: &str, door: &str, path: &str) -> Answer {
    let call = Call::new(method, format!("{door}{path}"));
    call.send().await.unwrap()
}

/// What the edge refuses by itself is a problem with the request's id.
async fn the_edge_speaks_as_the_services_do(front: &Front) {
    let url = format!("{}/api/v1/events/nowhere/places", front.public);
    let large = Call::new("POST", url)
        .header("content-type", "application/json")
        .header("x-request-id", "the-large-one")
        .body(vec![b' '; 17_000]);
    let answer = large.send().await.unwrap();
    answer.refused(413, "too-large");
    assert_eq!(answer.header("x-request-id"), "the-large-one");
}

/// The same calls under a certificate.
async fn with_tls(front: &Front) {
    let certificate = front.running.certificate.as_ref().unwrap();
    let trusted = reqwest::Certificate::from_pem(certificate).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/health", front.tls_port);
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert!(answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_issuer_a_redemption_is_unknown_and_other_calls_may_be_asked_again() {
    let mut roles = Roles::start().await;
    roles.issuer.kill().await.unwrap();
    for edge in [Edge::Nginx, Edge::Haproxy] {
        let front = Front::start(edge, &roles);
        for (method, path, name) in [
            ("POST", "/api/v1/events/drop/redemptions", "outcome-unknown"),
            ("POST", "/api/coupons/claim", "outcome-unknown"),
            ("GET", "/.well-known/jwks.json", "try-again"),
        ] {
            let answer = ask(method, &front.public, path).await;
            answer.refused(503, name);
            assert!(!answer.header("retry-after").is_empty());
        }
    }
    roles.issuer = roles.issuer.start_again().await.unwrap();
    roles.stop().await;
}
