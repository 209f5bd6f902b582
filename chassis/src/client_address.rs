//! Whose request it is: the socket's peer, or, behind trusted proxies, the first address from the right of
//! `X-Forwarded-For` that is not one of them.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::problem::Problem;

/// The client's address. Never logged.
#[derive(Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// The networks whose `X-Forwarded-For` is believed; none by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<ipnet::IpNet>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        unimplemented!()
    }
}
