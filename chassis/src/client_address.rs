//! Whose request it is: the socket's peer, or, behind trusted proxies, the first address from the right of
//! `X-Forwarded-For` that is not one of them.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::problem::Problem;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. Never logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The networks whose `X-Forwarded-For` is believed; none by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<ipnet::IpNet>);

impl TrustedProxies {
    /// The client behind `peer`: walks `X-Forwarded-For` from the right for as long as each hop is trusted. An entry that is
    /// not an address ends the walk at the last hop that is known.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut known = peer.to_canonical();
        if !self.trusts(known) {
            return ClientAddress(known);
        }
        // Repeated headers are one list, in order (RFC 9110, section 5.3).
        let lists = headers.get_all(X_FORWARDED_FOR).iter().rev();
        for list in lists {
            let Ok(list) = list.to_str() else { break };
            for entry in list.rsplit(',') {
                let Some(hop) = forwarded_address(entry.trim()) else {
                    return ClientAddress(known);
                };
                known = hop.to_canonical();
                if !self.trusts(known) {
                    return ClientAddress(known);
                }
            }
        }
        ClientAddress(known)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    bare.parse().ok().or_else(|| {
        entry
            .parse()
            .ok()
            .map(|with_port: SocketAddr| with_port.ip())
    })
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get()
            .copied()
            .ok_or_else(|| Problem::try_again("the door did not tell the client's address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies(trusted.iter().map(|net| net.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append(X_FORWARDED_FOR, list.parse().unwrap());
        }
        let ClientAddress(address) = proxies.client(peer.parse().unwrap(), &headers);
        address.to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "10.0.0.9", &["1.2.3.4"]), "10.0.0.9");
        assert_eq!(
            client(&["10.0.0.0/8"], "192.0.2.1", &["1.2.3.4"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_list_is_walked_from_the_right_through_trusted_hops_only() {
        let trusted = &["10.0.0.0/8", "fd00::/8"];
        let table: [(&[&str], &str); 12] = [
            (&[], "10.0.0.9"),
            (&["1.2.3.4"], "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            (&["6.6.6.6", "1.2.3.4,10.0.0.2", "10.0.0.3"], "1.2.3.4"),
            (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            (&["1.2.3.4, nonsense, 10.0.0.2"], "10.0.0.2"),
            (&["1.2.3.4,"], "10.0.0.9"),
            (&["1.2.3.4:5678"], "1.2.3.4"),
            (&["[2001:db8::1]:99"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1, fd00::7"], "2001:db8::1"),
            (&["::ffff:1.2.3.4, ::ffff:10.0.0.2"], "1.2.3.4"),
        ];
        for (forwarded, expected) in table {
            assert_eq!(
                client(trusted, "10.0.0.9", forwarded),
                expected,
                "{forwarded:?}"
            );
        }
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_address() {
        assert_eq!(client(&[], "::ffff:192.0.2.7", &[]), "192.0.2.7");
        assert_eq!(
            client(&["192.0.2.0/24"], "::ffff:192.0.2.7", &["8.8.8.8"]),
            "8.8.8.8"
        );
    }
}
