//! A crowd in a drawn lobby, half of which goes away or leaves, with every role in processes of its own: three gateways, two
//! admission replicas. `STANCHION_PEOPLE` says how many come, over a second for each thousand.
#![cfg(test)]

use client::Phase;
use e2e::redis::Redis;
use e2e::server::event_put;
use e2e::waits::Waits;
use e2e::{Server, Setup};
use serde_json::{Value, json};

/// `STANCHION_PEOPLE`, or as many as two cores serve in a few seconds.
fn people() -> u64 {
    let given = std::env::var("STANCHION_PEOPLE").ok();
    given.map_or(400, |people| people.parse().unwrap())
}

/// A part of a whole, in percent.
#[expect(
    clippy::cast_precision_loss,
    reason = "a crowd is far smaller than 2^53"
)]
fn as_percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// The roles on one Redis and one ledger, as many processes of each as are named.
struct Roles {
    redis: Redis,
    folder: tempfile::TempDir,
}

impl Roles {
    async fn start(&self, role: &str) -> Server {
        let ledger = self.folder.path().join("ledger.sqlite");
        let setup = Setup::new()
            .unwrap()
            .env("STANCHION_REDIS_URL", &self.redis.url())
            .env(
                "STANCHION_DATABASE_URL",
                &format!("sqlite://{}", ledger.display()),
            )
            .env(
                "STANCHION_KEYS",
                &self.folder.path().join("keys").to_string_lossy(),
            )
            .env("STANCHION_ADMIN_TOKEN", "the-token-of-every-role")
            .with("--public-url", "http://drop.example")
            .with("--roles", role);
        setup.start().await.unwrap()
    }
}

/// Makes the lobby: a fifth of the people can get something, a fortieth of them is let in each second.
async fn lobby(organiser: &Server, people: u64, over_s: u64) {
    let rate_per_s = u32::try_from(people / 40).unwrap();
    let mut put = event_put(people / 5, f64::from(rate_per_s), Phase::Lobby);
    put.admission.capacity = Some(people / 10);
    put.admission.ticket_ttl_s = Some(10);
    put.others.insert("order".into(), json!("draw"));
    put.others.insert("presence_s".into(), json!(over_s));
    let organiser = organiser.organiser().unwrap();
    organiser.put_event("drop", &put).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_which_half_goes_away_is_served_in_the_drawn_order_by_every_role_in_its_own_process()
 {
    let (people, redis) = (people(), Redis::start().unwrap());
    let over_s = (people / 1_000).max(5);
    let folder = tempfile::Builder::new()
        .prefix("stanchion-e2e-crowd-")
        .tempdir()
        .unwrap();
    let roles = Roles { redis, folder };
    // Two processes must not make a new SQLite ledger's tables at once.
    let persister = roles.start("persister").await;
    let (issuer, admission, other, one, two, three) = tokio::join!(
        roles.start("issuer"),
        roles.start("admission"),
        roles.start("admission"),
        roles.start("gateway"),
        roles.start("gateway"),
        roles.start("gateway"),
    );
    lobby(&admission, people, over_s).await;
    let doors = [&one, &two, &three].map(|gateway| gateway.public.as_str());
    let arguments = format!(
        "rehearse --url {} --redeem-url {} --ops-url {} --event drop --visitors {people} --over {over_s}s \
         --absent 0.25 --leave 0.25 --open --json",
        doors.join(","),
        issuer.public,
        admission.ops,
    );
    let arguments: Vec<&str> = arguments
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let (report, kept) = admission.run(&arguments).await.unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    println!("{report:#}");
    assert!(kept, "{report:#}");
    all_in_order(&report, people);
    time_left(&report, &[&one, &two, &three]).await;
    for server in [one, two, three, admission, other, issuer, persister] {
        server.stop().await.unwrap();
    }
}

/// Nobody was overtaken, no bound was passed, and everybody who could got a coupon.
fn all_in_order(report: &Value, people: u64) {
    assert_eq!(report["entered"], people, "{report:#}");
    assert_eq!(report["passes"], people / 5, "{report:#}");
    assert_eq!(report["admissions"]["inversions"], 0, "{report:#}");
    let most = report["admissions"]["most_outstanding"].as_u64().unwrap();
    assert!((1..=people / 10).contains(&most), "{report:#}");
    for gone in ["left", "stayed_away"] {
        assert!(report[gone].as_u64().unwrap() > people / 50, "{report:#}");
    }
}

/// What people saw of the time left is what the gateways measured. How right it was, and how soon all were told, depends on the
/// machine: it is held only where a crowd was asked for.
async fn time_left(report: &Value, gateways: &[&Server]) {
    let (mut people, mut as_told) = (0, 0);
    for gateway in gateways {
        let waits = Waits::of(gateway).await.unwrap();
        (people, as_told) = (people + waits.all, as_told + waits.right);
    }
    let right = report["time_left"]["in_range_percent"].as_f64().unwrap();
    let heard = report["time_left"]["people"].as_u64().unwrap();
    let measured = as_percent(as_told, people);
    println!("the gateways measured {measured:.1} % of {people}");
    // Somebody may go away while their ticket is on its way, and a frame takes a while on a busy machine.
    assert!(people.abs_diff(heard) <= heard / 20, "{people}: {report:#}");
    assert!((measured - right).abs() <= 10.0, "{measured} %: {report:#}");
    if std::env::var_os("STANCHION_PEOPLE").is_some() {
        let told_ms = report["told_sold_out_within_ms"].as_u64().unwrap();
        assert!(told_ms <= 2_000, "{report:#}");
        assert!(right >= 80.0, "{report:#}");
    }
}
