//! How the values of settings are read. Each gives `None` for what it does not allow; the table of settings says what is.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use axum::http::Uri;

use super::RoleName;
pub(super) use crate::throttle::limits::{networks, rate, sockets};

/// A limit that can be turned off.
pub(super) enum Limit<T> {
    Off,
    At(T),
}

impl<T> Limit<T> {
    pub fn read(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Self> {
        if text == "off" {
            Some(Self::Off)
        } else {
            parse(text).map(Self::At)
        }
    }

    pub fn at(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::At(limit) => Some(limit),
        }
    }
}

pub(super) fn roles(text: &str) -> Option<BTreeSet<RoleName>> {
    text.split(',')
        .map(|name| {
            RoleName::ALL
                .into_iter()
                .find(|role| role.as_str() == name.trim())
        })
        .collect()
}

/// `localhost` is the one name that is read: it needs no look-up.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(
            Ipv4Addr::LOCALHOST.into(),
            port.parse().ok()?,
        )),
        None => text.parse().ok(),
    }
}

pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

pub(super) fn records(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|records| (1_000..=100_000_000).contains(records))
}

/// A share of all, above none.
pub(super) fn share(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|share| *share > 0.0 && *share <= 1.0)
}

/// Milliseconds up to a minute.
pub(super) fn wait_ms(text: &str) -> Option<u64> {
    text.parse().ok().filter(|ms| (1..=60_000).contains(ms))
}

pub(super) fn copies(text: &str) -> Option<u16> {
    text.parse().ok().filter(|copies| (1..=9).contains(copies))
}

pub(super) fn folder(text: &str) -> Option<std::path::PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| text.into())
}

/// Scheme and authority alone; a slash at the end is taken off.
pub(super) fn public_url(text: &str) -> Option<String> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let uri: Uri = bare.parse().ok()?;
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?;
    let whole = format!("{}://{authority}", uri.scheme_str()?);
    (has_scheme
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && whole == bare)
        .then_some(whole)
}

/// One Redis, or several hosts separated by commas: nodes of a Redis Cluster, which has one database.
pub(super) fn redis_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme == "redis+unix" {
        let fits = rest.starts_with('/') && rest.len() > 1;
        return fits.then(|| text.to_owned());
    }
    let urls = each_host(text);
    let fits = urls.iter().all(|url| {
        let Ok(uri) = url.parse::<Uri>() else {
            return false;
        };
        let database = uri.path().trim_start_matches('/');
        let numbered = match database.parse::<u16>() {
            Ok(database) => database == 0 || urls.len() == 1,
            Err(_) => database.is_empty(),
        };
        let known = matches!(uri.scheme_str(), Some("redis" | "rediss"));
        known && uri.host().is_some_and(|host| !host.is_empty()) && numbered
    });
    fits.then(|| text.to_owned())
}

/// The URL of each host of one that may name several.
pub(super) fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (credential, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    hosts
        .split(',')
        .map(|host| format!("{scheme}://{credential}{host}{path}"))
        .collect()
}

pub(super) fn database_url(text: &str) -> Option<String> {
    let fits = match text.split_once("://")? {
        ("postgres" | "postgresql" | "sqlite", rest) => !rest.is_empty(),
        _ => false,
    };
    fits.then(|| text.to_owned())
}

pub(super) fn brokers(text: &str) -> Option<String> {
    let brokers: Vec<_> = text.split(',').map(str::trim).collect();
    brokers
        .iter()
        .all(|broker| is_broker(broker))
        .then(|| brokers.join(","))
}

fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let host_fits = !host.is_empty() && !host.contains(['/', ' ', '@']);
    host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Shorter than this, in characters, a secret can be guessed.
const SHORTEST_SECRET: usize = 12;

pub(super) fn secret(text: &str) -> Option<String> {
    let fits =
        (SHORTEST_SECRET..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| text.to_owned())
}
