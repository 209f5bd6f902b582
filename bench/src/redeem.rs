//! Redeeming tickets through HTTP, per second of server processor time; beside the bare axum route.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::enter;
use crate::floor;
use crate::load::{FULL, Pace, Round, drive, metered, metered_with, request};
use crate::redis::Redis;
use crate::report::{Figure, median};
use crate::server::Server;

const COUPONS: usize = 30_000;

/// Lets `count` people in and returns the requests that redeem their tickets.
pub async fn tickets(
    server: &Server,
    event: &str,
    count: usize,
    ack: &str,
) -> Result<Vec<Vec<u8>>> {
    server
        .event(event, u64::try_from(count)?, 1_000_000.0, ack)
        .await?;
    drive(server.public, Arc::new(enter::requests(event, count)), FULL).await?;
    let path = format!("/api/v1/events/{event}/redemptions");
    let redeem = |(number, ticket): (usize, String)| {
        request("POST", &path, Some(&ticket), &enter::body(number))
    };
    Ok(everyones_ticket(server, event, count)
        .await?
        .into_iter()
        .enumerate()
        .map(redeem)
        .collect())
}

/// Looks until everyone has a ticket: admission runs at its own pace.
async fn everyones_ticket(server: &Server, event: &str, count: usize) -> Result<Vec<String>> {
    let path = format!("/api/v1/events/{event}/places/me");
    let look = |number| request("GET", &path, Some(&enter::token(number)), "");
    let looks: Arc<Vec<_>> = Arc::new((0..count).map(look).collect());
    for _ in 0..60 {
        let kept = Pace {
            keep_bodies: true,
            ..FULL
        };
        let outcome = drive(server.public, Arc::clone(&looks), kept).await?;
        let ticket = |body: &Vec<u8>| {
            let place: serde_json::Value = serde_json::from_slice(body).ok()?;
            place["ticket"].as_str().map(str::to_owned)
        };
        let tickets: Vec<String> = outcome.bodies.iter().filter_map(ticket).collect();
        if tickets.len() == count {
            return Ok(tickets);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    None.context("admission did not let everyone in within 30 s")
}

/// Measures.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let soon = level(binary, rounds, "redis").await?;
    let sure = level(binary, rounds, "ledger").await?;
    let alone = issuer_alone(binary, rounds).await?;
    let floor = floor::route(rounds, |number| {
        format!(r#"{{"place_token":"{}"}}"#, enter::token(number))
    })
    .await?;
    Ok(vec![
        Figure::ratio(
            "redeem, ack redis: per server CPU second",
            soon.server,
            "1/s",
            "bare axum JSON route",
            floor,
        ),
        Figure::plain(
            "redeem, ack redis: per Redis CPU second (AOF always)",
            soon.redis,
            "1/s",
        ),
        Figure::plain(
            "redeem, ack redis: per second on the shared machine",
            soon.wall,
            "1/s",
        ),
        Figure::plain(
            "redeem, ack redis: per CPU second of an issuer of its own",
            alone,
            "1/s",
        ),
        Figure::plain(
            "redeem, ack ledger: per server CPU second",
            sure.server,
            "1/s",
        ),
    ])
}

/// Per second of processor time of a process that is nothing but an issuer; the others run beside it.
async fn issuer_alone(binary: &Path, rounds: usize) -> Result<f64> {
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let redis = Redis::start()?;
        let shared = redis.shared();
        let start = |roles| {
            let shared = shared.iter().map(String::as_str);
            Server::start(
                binary,
                &["--roles", roles]
                    .into_iter()
                    .chain(shared)
                    .collect::<Vec<_>>(),
            )
        };
        let (others, issuer) = (start("gateway,admission,persister")?, start("issuer")?);
        let requests = tickets(&others, "redeem", COUPONS, "redis").await?;
        figures.push(
            metered_with(&issuer, redis.pid(), requests, 200)
                .await?
                .server,
        );
    }
    Ok(median(&mut figures))
}

/// The medians of one ack level.
async fn level(binary: &Path, rounds: usize, ack: &str) -> Result<Round> {
    let (mut server, mut redis, mut wall) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let running = Server::embedded(binary)?;
        let requests = tickets(&running, "redeem", COUPONS, ack).await?;
        let round = metered(&running, requests, 200).await?;
        server.push(round.server);
        redis.push(round.redis);
        wall.push(round.wall);
    }
    Ok(Round {
        server: median(&mut server),
        redis: median(&mut redis),
        wall: median(&mut wall),
    })
}
