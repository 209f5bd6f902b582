//! Entering the line through HTTP, per second of server processor time; beside a bare axum route that parses and answers JSON.

use std::path::Path;

use anyhow::Result;

use crate::floor;
use crate::load::{metered, request};
use crate::report::{Figure, median};
use crate::server::Server;

const ENTERS: usize = 60_000;

/// A token of its own for each number: 43 characters of base64url.
pub fn token(number: usize) -> String {
    format!("{number:0>42}A")
}

/// The requests that enter `event`.
pub fn requests(event: &str, count: usize) -> Vec<Vec<u8>> {
    let path = format!("/api/v1/events/{event}/places");
    (0..count)
        .map(|number| request("POST", &path, None, &body(number)))
        .collect()
}

/// The body of an enter.
pub fn body(number: usize) -> String {
    format!(r#"{{"place_token":"{}"}}"#, token(number))
}

/// Measures.
pub async fn measure(binary: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let (mut server, mut redis, mut wall) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let running = Server::embedded(binary)?;
        running.event("enter", 1, 0.0, "redis").await?;
        let round = metered(&running, requests("enter", ENTERS), 201).await?;
        server.push(round.server);
        redis.push(round.redis);
        wall.push(round.wall);
    }
    let floor = floor::route(rounds, body).await?;
    Ok(vec![
        Figure::ratio(
            "enter: per server CPU second",
            median(&mut server),
            "1/s",
            "bare axum JSON route",
            floor,
        ),
        Figure::plain(
            "enter: per Redis CPU second (AOF always)",
            median(&mut redis),
            "1/s",
        ),
        Figure::plain(
            "enter: per second on the shared machine",
            median(&mut wall),
            "1/s",
        ),
    ])
}
