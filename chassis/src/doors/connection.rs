//! One door's connections: accepted, answered over HTTP/1.1, finished at the stop. An idle connection holds little: small
//! buffers, one task, and nothing of HTTP once it has become a WebSocket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::{Peer, unread};
use crate::lifecycle::Lifecycle;

/// The most a request's head may take, in bytes.
const MOST_HEAD: usize = 16 * 1024;

/// How long a connection may keep us waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a new connection's first head.
    first_head: Duration,
    /// For each further head.
    next_head: Duration,
    /// For more of a body that nobody wants, once its answer is there.
    rest: Duration,
}

impl Default for Patience {
    /// Proxies keep idle connections for 60 s by default; waiting longer leaves the closing to them.
    fn default() -> Self {
        Self {
            first_head: Duration::from_secs(10),
            next_head: Duration::from_secs(75),
            rest: Duration::from_secs(1),
        }
    }
}

/// Pause after accepting failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts and answers until the stop, then waits for the connections to finish.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    patience: Patience,
    lifecycle: &Lifecycle,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.stopping() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let answered =
                    connection(stream, peer, routes.clone(), patience, lifecycle.clone());
                connections.spawn(answered);
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
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    patience: Patience,
    lifecycle: Lifecycle,
) {
    let began = Arc::new(AtomicBool::new(false));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.next_head)
        .max_buf_size(MOST_HEAD)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                began.store(true, Ordering::Relaxed);
                answer(routes.clone(), peer, request, patience)
            }),
        )
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut first_head = pin!(tokio::time::sleep(patience.first_head));
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

/// The answer to a request; comes when the body was read, also one that nobody wanted.
async fn answer(
    mut routes: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
    patience: Patience,
) -> Result<Response<Body>, Infallible> {
    let (mut request, rest) = unread::lend(request);
    request.extensions_mut().insert(Peer(peer));
    let mut response = routes.call(request).await?;
    if !rest.read(patience.rest).await {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(20);
    const PATIENT: Patience = Patience {
        first_head: LONG,
        next_head: LONG,
        rest: LONG,
    };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// Sends `said` to a door with this patience and reads until the door closes.
    async fn heard(patience: Patience, said: &[u8]) -> String {
        let (mut stream, mut reply) = (door(patience).await, String::new());
        stream.write_all(said).await.unwrap();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    }

    /// A connection to a door that reads no body.
    async fn door(patience: Patience) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let routes = Router::new().fallback(async || "here");
            serve(listener, routes, patience, &Lifecycle::new()).await;
        });
        TcpStream::connect(door).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_that_never_asks_is_closed() {
        let patience = Patience {
            first_head: SHORT,
            ..PATIENT
        };
        assert_eq!(heard(patience, &REQUEST[..9]).await, "");
    }

    #[tokio::test]
    async fn a_connection_that_asks_no_more_is_closed() {
        let patience = Patience {
            next_head: SHORT,
            ..PATIENT
        };
        let reply = heard(patience, REQUEST).await;
        assert!(reply.ends_with("here"), "{reply}");
    }

    #[tokio::test]
    async fn a_body_that_nobody_wants_costs_neither_the_answer_nor_the_connection() {
        const LARGE: usize = 8_000_000;
        let mut stream = door(PATIENT).await;
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {LARGE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; LARGE]).await.unwrap();
        let last = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(last).await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        assert_eq!(replies.matches("HTTP/1.1 200 OK").count(), 2, "{replies}");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let patience = Patience {
            rest: SHORT,
            ..PATIENT
        };
        let silent = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
        let reply = heard(patience, silent).await;
        assert!(reply.ends_with("here"), "{reply}");
        assert!(reply.contains("connection: close"), "{reply}");

        let asks =
            b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        let reply = heard(PATIENT, asks).await;
        assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
        assert!(reply.contains("connection: close"), "{reply}");
    }
}
