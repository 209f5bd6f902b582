//! Stores whose passwords and contents cross a foreign network in the clear: worth a warning, not a refusal.

use std::net::IpAddr;

use axum::http::Uri;

use super::value::each_host;

/// The warning of a Redis that is reached without TLS.
pub(super) fn redis(url: &str) -> Option<String> {
    let is_open = |url: String| {
        let uri: Uri = url.parse().ok()?;
        Some(uri.scheme_str() == Some("redis") && is_foreign(uri.host()?))
    };
    let mut hosts = each_host(url).into_iter();
    hosts.any(|url| is_open(url) == Some(true)).then(|| {
        "Redis is reached without TLS: write rediss://, unless its network is your own".to_owned()
    })
}

/// The warning of a PostgreSQL that may be reached without TLS.
pub(super) fn database(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let postgres = matches!(uri.scheme_str(), Some("postgres" | "postgresql"));
    let mut asked = uri.query().unwrap_or_default().split('&');
    let insists = asked.any(|one| {
        let mode = one
            .strip_prefix("sslmode=")
            .or_else(|| one.strip_prefix("ssl-mode="));
        matches!(mode, Some("require" | "verify-ca" | "verify-full"))
    });
    (postgres && !insists && is_foreign(uri.host()?)).then(|| {
        "PostgreSQL may be reached without TLS: add sslmode=verify-full to its URL, unless its network is your own".to_owned()
    })
}

/// Does the way to this host leave one's own network, as far as its name tells? Names without a dot are those of containers and
/// of machines beside this one.
fn is_foreign(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V4(address)) => !(address.is_loopback() || address.is_private()),
        Ok(IpAddr::V6(address)) => !(address.is_loopback() || address.is_unique_local()),
        Err(_) => bare.contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_on_a_foreign_network_without_tls_is_warned_of() {
        for url in [
            "redis://redis.example:6379",
            "redis://:secret@203.0.113.7",
            "redis://[2001:db8::1]:6379/3",
            "redis://:secret@10.0.0.1:6379,redis.example:6379",
        ] {
            assert!(redis(url).unwrap().contains("rediss://"), "{url}");
        }
        for url in [
            "postgres://u:p@db.example/s",
            "postgresql://u@198.51.100.1:5432/s?sslmode=prefer",
            "postgres://u@db.example/s?application_name=a&sslmode=disable",
        ] {
            assert!(database(url).unwrap().contains("sslmode="), "{url}");
        }
    }

    #[test]
    fn a_store_with_tls_or_on_ones_own_network_is_not() {
        for url in [
            "rediss://redis.example",
            "redis://127.0.0.1:6379",
            "redis://[::1]",
            "redis://10.0.0.7",
            "redis://[fd00::7]",
            "redis://redis:6379",
            "redis+unix:///run/redis.sock",
        ] {
            assert_eq!(redis(url), None, "{url}");
        }
        for url in [
            "postgres://u:p@db.example/s?sslmode=verify-full",
            "postgres://u:p@db.example/s?application_name=a&sslmode=require",
            "postgres://u:p@192.168.1.2/s",
            "postgres://postgres/s",
            "sqlite:///var/lib/stanchion/ledger.sqlite",
        ] {
            assert_eq!(database(url), None, "{url}");
        }
    }
}
