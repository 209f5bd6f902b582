//! What of a request's body is unread when its answer is there: it is read and thrown away. Closing a connection on bytes that
//! still come resets it, and the answer, or the next request on it, is lost with it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// All of the rest may take so many pauses.
const PAUSES: u32 = 5;

/// A body that comes back when nobody reads on.
struct Lent {
    /// Taken when it goes back.
    body: Option<Incoming>,
    /// Does its client send it, or wait to be told to?
    sent: bool,
    /// Where it goes back to.
    back: Option<oneshot::Sender<(Incoming, bool)>>,
}

/// What comes back of a body.
pub(super) struct Rest(Option<oneshot::Receiver<(Incoming, bool)>>);

/// Lends a request's body to its handler.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Body>, Rest) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), Rest(None));
    }
    let (back, rest) = oneshot::channel();
    let sent = !request.headers().contains_key(EXPECT);
    let request = request.map(|body| {
        Body::new(Lent {
            body: Some(body),
            sent,
            back: Some(back),
        })
    });
    (request, Rest(Some(rest)))
}

impl Rest {
    /// Reads what was left unread, as long as it comes without a longer pause. False when some is left: the connection then
    /// ends with the answer.
    pub(super) async fn read(self, pause: Duration) -> bool {
        let Some((mut body, sent)) = self.0.and_then(|mut rest| rest.try_recv().ok()) else {
            return true;
        };
        let reading = async {
            loop {
                match timeout(pause, body.frame()).await {
                    Ok(Some(Ok(_))) => {}
                    Ok(None) => return true,
                    Ok(Some(Err(_))) | Err(_) => return false,
                }
            }
        };
        sent && timeout(pause * PAUSES, reading).await.unwrap_or(false)
    }
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.sent = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(back)) = (body, self.back.take()) {
            // Nobody waits for it any more: its answer was given up.
            let _ = back.send((body, self.sent));
        }
    }
}
