//! Where the people come from. The server counts calls per address, so a crowd on the server's own machine spreads over
//! `127.0.0.0/8`, few enough per address to stay below every limit.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chassis::system::SystemRandom;
use client::{ApiError, Options, Source, Visitor};
use domain::Random as _;

use super::descriptors::IDLE_PER_SOURCE;

/// People who share an address: as many as may enter at once by the default limits (`20/40`, 50 sockets).
pub const PEOPLE_PER_SOURCE: u32 = 40;

/// How the people of one source address call.
#[derive(Clone, Debug)]
pub struct House {
    /// The door where they stand in line.
    pub line: Visitor,
    /// The door where they hand tickets in.
    pub tickets: Visitor,
}

/// One house per source address; houses call the doors in turn.
#[derive(Debug)]
pub struct Street {
    houses: Vec<House>,
}

impl Street {
    /// Houses for `people`, whose line is at `doors`, and who hand tickets in at `tickets` if that is elsewhere. A server
    /// elsewhere is called from wherever the system likes.
    pub fn new(doors: &[String], tickets: Option<&str>, people: u32) -> Result<Self, ApiError> {
        let near = doors.iter().all(|door| on_loopback(door));
        let sources = if near {
            loopback_sources(people.div_ceil(PEOPLE_PER_SOURCE).max(1))
        } else {
            vec![Source::ANY; doors.len()]
        };
        let houses = sources.into_iter().zip(doors.iter().cycle());
        let houses = houses.map(|(source, door)| {
            let line = Visitor::new(door, manner(source))?;
            let tickets = tickets.map_or_else(
                || Ok(line.clone()),
                |tickets| Visitor::new(tickets, manner(source)),
            )?;
            Ok::<_, ApiError>(House { line, tickets })
        });
        Ok(Self {
            houses: houses.collect::<Result<_, _>>()?,
        })
    }

    /// Where the `nth` person lives; neighbours in time live far apart.
    pub fn house(&self, nth: u32) -> &House {
        &self.houses[nth as usize % self.houses.len()]
    }
}

/// The crowd does its own coming back, so that the report can count it.
fn manner(source: Source) -> Options {
    Options {
        source,
        timeout: Duration::from_secs(30),
        patience: Duration::ZERO,
        idle_connections: IDLE_PER_SOURCE as usize,
    }
}

fn on_loopback(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host == "localhost"
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// `count` addresses in a row, beginning anywhere in 127.1.0.0–127.254.255.255, so that two crowds seldom meet.
fn loopback_sources(count: u32) -> Vec<Source> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 0));
    let room = u32::from(Ipv4Addr::new(127, 254, 255, 255)) - first;
    let start = first + SystemRandom.below(room.saturating_sub(count));
    (0..count)
        .map(|nth| Source::at(IpAddr::V4(Ipv4Addr::from(start + nth))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_beside_the_server_spreads_and_one_elsewhere_does_not() {
        for url in ["http://127.0.0.1:8080", "http://localhost/below"] {
            assert_eq!(
                Street::new(&[url.to_owned()], None, 20_000)
                    .unwrap()
                    .houses
                    .len(),
                500,
                "{url}"
            );
        }
        for url in ["https://example.com", "http://128.0.0.1:127"] {
            assert_eq!(
                Street::new(&[url.to_owned()], None, 20_000)
                    .unwrap()
                    .houses
                    .len(),
                1,
                "{url}"
            );
        }
    }

    #[test]
    fn sources_are_distinct_loopback_addresses() {
        let sources = loopback_sources(500);
        let distinct: std::collections::HashSet<_> =
            sources.iter().map(|source| source.address()).collect();
        assert_eq!(distinct.len(), 500);
        assert!(
            distinct
                .iter()
                .all(|address| address.unwrap().is_loopback())
        );
    }
}
