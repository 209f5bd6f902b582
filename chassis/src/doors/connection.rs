//! One door's connections: accepted, answered over HTTP/1.1, finished at the stop. An idle connection holds little: small
//! buffers, one task, and nothing of HTTP once it has become a WebSocket.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::Peer;
use crate::lifecycle::Lifecycle;

/// The most a request's head may take, in bytes.
const MOST_HEAD: usize = 16 * 1024;

/// How long a new connection may take to send its first request's head.
const FIRST_HEAD: Duration = Duration::from_secs(10);

/// How long a connection may stay without a request; above the 60 s for which proxies keep idle ones by default, so that it is
/// the proxy that closes.
const IDLE: Duration = Duration::from_secs(75);

/// Pause after accepting failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts and answers until the stop, then waits for the connections to finish.
pub(super) async fn serve(listener: TcpListener, routes: Router, lifecycle: &Lifecycle) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.stopping() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(connection(stream, peer, routes.clone(), lifecycle.clone()));
            }
            Err(failure) if is_about_one_connection(&failure) => {}
            Err(failure) => {
                tracing::warn!(%failure, "accepting a connection failed; is the descriptor limit too low?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The peer went away before it was accepted: nothing is wrong with the door.
fn is_about_one_connection(failure: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        failure.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// One connection, until it is closed or has become a WebSocket.
async fn connection(stream: TcpStream, peer: SocketAddr, routes: Router, lifecycle: Lifecycle) {
    let began = Arc::new(AtomicBool::new(false));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MOST_HEAD)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                began.store(true, Ordering::Relaxed);
                answer(routes.clone(), peer, request)
            }),
        )
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut first_head = pin!(tokio::time::sleep(FIRST_HEAD));
    let (mut waiting_for_first, mut stopping) = (true, false);
    loop {
        tokio::select! {
            // What goes wrong here is the peer's doing: it broke off, or did not speak HTTP.
            _ = serving.as_mut() => return,
            () = lifecycle.stopping(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
            () = first_head.as_mut(), if waiting_for_first => {
                if !began.load(Ordering::Relaxed) {
                    return;
                }
                waiting_for_first = false;
            }
            () = lifecycle.ending_now() => return,
        }
    }
}

fn answer(
    mut routes: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    routes.call(request)
}
