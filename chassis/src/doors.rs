//! The two doors: the public one and the ops one. Every role brings its routes for each; one process merges them.

mod api;
mod connection;
mod docs;
mod listener;
mod markup;
mod pages;
mod unread;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use domain::Random;
use futures_util::future::join_all;
pub use utoipa::openapi::OpenApi;

use crate::client_address::TrustedProxies;
use crate::extract::MOST_BODY;
use crate::health::{self, Health};
use crate::lifecycle::Lifecycle;
use crate::reply::Dress;
use crate::telemetry::Metrics;

use connection::Patience;
pub use listener::Listener;

/// What a role brings.
pub struct Role {
    /// Its name: gateway, admission, issuer, persister.
    pub name: &'static str,
    /// Its routes on the public door.
    pub public: Router,
    /// Its routes on the ops door.
    pub ops: Router,
}

/// The socket's peer, in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);

/// What the doors need beside the roles.
pub struct DoorParts {
    /// Where request ids come from.
    pub random: Arc<dyn Random>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// What the readiness page shows.
    pub health: Health,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Each role's part of the API's description, also of those that run elsewhere: whoever reads it does not know, and need not,
    /// which process answers.
    pub described: Vec<OpenApi>,
}

/// The doors of this process, bound and not yet listening.
pub struct Doors {
    /// The public door; a process whose roles have no public routes has none.
    pub public: Option<Listener>,
    /// The ops door.
    pub ops: Listener,
}

impl Doors {
    /// Opens the doors: from here on they answer. Stops with `lifecycle`, and tells it when the last request was answered.
    pub fn open(
        self,
        roles: Vec<Role>,
        parts: &DoorParts,
        lifecycle: &Lifecycle,
    ) -> std::io::Result<()> {
        let (public, ops) = routes(roles, parts, lifecycle);
        let dressed = |door, routes| {
            Dress::new(door, parts.random.clone(), parts.proxies.clone()).around(routes)
        };
        let mut open = vec![(self.ops.listen()?, dressed("ops", ops))];
        if let Some(listener) = self.public {
            open.push((listener.listen()?, dressed("public", public)));
        }
        let stop = lifecycle.clone();
        lifecycle.spawn("doors", async move {
            let serving = open.into_iter().map(|(listener, routes)| {
                connection::serve(listener, routes, Patience::default(), &stop)
            });
            join_all(serving).await;
            stop.set_drained();
            Ok(())
        });
        Ok(())
    }
}

/// Merges what the roles bring with what every process has.
fn routes(roles: Vec<Role>, parts: &DoorParts, lifecycle: &Lifecycle) -> (Router, Router) {
    let mut public = health::public_routes();
    let mut ops = health::ops_routes(parts.health.clone(), lifecycle.clone())
        .merge(parts.metrics.clone().ops_routes());
    for role in roles {
        public = public.merge(role.public);
        ops = ops.merge(role.ops);
    }
    let pages = pages::routes(&api::whole(&parts.described));
    let limit = DefaultBodyLimit::max(MOST_BODY);
    (
        public
            .merge(pages.clone())
            .fallback(pages::nothing_here)
            .layer(limit),
        ops.merge(pages).layer(limit),
    )
}

#[cfg(test)]
mod tests;
