//! `GET …/places/me/events`: the frames of the live socket as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use chassis::{ClientAddress, Path, Problem};
use domain::{EventId, Refusal};
use futures_util::stream;

use super::frame::Frame;
use super::slot::{Close, Next};
use super::{Beginning, Open, begin, look, next, not_stopping};
use crate::Gateway;
use crate::credential::Credential;
use crate::mirror::watching::Watching;

/// One open stream.
struct Streaming {
    gateway: Arc<Gateway>,
    watching: Watching,
    _open: Open,
}

/// Watches the place as server-sent events.
///
/// The same frames as the live socket, one JSON object in each event's `data`. The stream ends when there is nothing more
/// to say; a place that holds its coupon already is answered 204, on which a browser stops asking.
#[utoipa::path(
    get,
    operation_id = "events",
    path = "/api/v1/events/{event}/places/me/events",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    security(("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 204, description = "The place holds its coupon: nothing will come"),
        (status = 401, description = "`no-place`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`: too many requests, or open streams, from this address"),
        (status = 503, description = "`try-again`: the server is stopping, or the store does not answer"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    not_stopping(&gateway)?;
    let token = Credential::to_look(&gateway.visitors, &event, &headers)?;
    let line = gateway.mirror.line(&event).await?;
    let permit = gateway.throttle.socket(address)?;
    let open = Open::new(&gateway, permit, &gateway.meters.streams);
    match begin(&gateway, &line, &token).await {
        Beginning::Watch(watching) => {
            let streaming = Streaming {
                gateway,
                watching,
                _open: open,
            };
            Ok(Sse::new(stream::unfold(streaming, event_of)).into_response())
        }
        Beginning::Gone(reason) => {
            let gone = shown(&gateway, &Frame::Gone { reason });
            Ok(Sse::new(stream::iter([Ok::<_, Infallible>(gone)])).into_response())
        }
        Beginning::End(Close::NoPlace) => Err(Refusal::NoPlace.into()),
        Beginning::End(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Beginning::ComeBack => Err(Problem::try_again("a place could not be looked at")),
    }
}

/// The next event of a stream; `None` at its end.
async fn event_of(streaming: Streaming) -> Option<(Result<Event, Infallible>, Streaming)> {
    let Streaming {
        gateway, watching, ..
    } = &streaming;
    let event = loop {
        match next(gateway, watching).await {
            Next::Send(frame) => break shown(gateway, &frame),
            Next::Look => Box::pin(look(gateway, watching)).await,
            Next::Ping => {
                // Nothing is ever heard on a stream; a dead peer is noticed when this cannot be sent.
                watching.watcher.answered();
                break Event::default().comment("");
            }
            Next::Close(_) | Next::Drop => return None,
        }
    };
    Some((Ok(event), streaming))
}

/// A frame as an event. A goodbye also sets the time after which a browser comes back by itself.
fn shown(gateway: &Gateway, frame: &Frame) -> Event {
    gateway.meters.count(frame);
    let event = Event::default().data(frame.to_json());
    match frame {
        Frame::Bye { retry_after_ms } => {
            event.retry(Duration::from_millis(u64::from(*retry_after_ms)))
        }
        _ => event,
    }
}
