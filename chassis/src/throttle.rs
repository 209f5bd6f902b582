//! Limits per client address (IPv6 by /64), by named action. Memory stays flat under spoofed addresses.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;

use crate::problem::Problem;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Entering a line.
    Enter,
    /// Any other visitor or redeem call.
    Request,
    /// A call without a line.
    Direct,
}

/// A rate with its burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second.
    pub per_s: u32,
    /// Calls at once.
    pub burst: u32,
}

/// The limits; `None` is off.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For [`Action::Enter`].
    pub enters: Option<Rate>,
    /// For [`Action::Request`].
    pub requests: Option<Rate>,
    /// For [`Action::Direct`].
    pub direct: Option<Rate>,
    /// Open sockets and streams.
    pub sockets: Option<u32>,
    /// Networks without limits.
    pub exempt: Vec<ipnet::IpNet>,
}

/// Counts calls and sockets per address.
pub struct Throttle {
    _limits: Limits,
}

/// One open socket's share of its address's limit; given back when dropped.
pub struct SocketPermit {
    _throttle: Arc<Throttle>,
}

impl Throttle {
    /// A throttle with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { _limits: limits })
    }

    /// Counts one call; `slow-down` with `Retry-After` when it is one too many.
    pub fn check(&self, action: Action, address: IpAddr) -> Result<(), Problem> {
        let _ = (action, address);
        unimplemented!()
    }

    /// Takes a socket's share; `slow-down` when the address has as many as it may.
    pub fn socket(self: &Arc<Self>, address: IpAddr) -> Result<SocketPermit, Problem> {
        let _ = address;
        unimplemented!()
    }

    /// Puts the check of `action` in front of every route of `routes`.
    pub fn limit<S: Clone + Send + Sync + 'static>(
        self: &Arc<Self>,
        action: Action,
        routes: Router<S>,
    ) -> Router<S> {
        let _ = action;
        routes
    }
}
