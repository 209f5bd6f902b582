//! `GET …/places/me/live`: a WebSocket that tells a visitor where they stand, and when it is their turn.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use chassis::{ClientAddress, Path, Problem};
use domain::{EventId, PlaceToken};

use super::frame::{Frame, Said};
use super::slot::{Close, Next};
use super::{Beginning, Open, begin, bye, coming_back_ms, look, next, not_stopping};
use crate::Gateway;
use crate::credential::Credential;
use crate::entry;
use crate::mirror::line::Line;
use crate::mirror::watching::Watching;

/// Read at a time, in bytes: what a visitor says fits. The default would be 128 KiB for every connection.
const READ_BUFFER: usize = 1_024;
/// The longest frame that is taken, in bytes.
const LONGEST_FRAME: usize = 4_096;
/// How long the peer may take to answer our goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Watches the place live.
///
/// A WebSocket of text frames, one JSON object each (`LiveFrame`, `LiveSaid`). From the server: `position` at once and whenever it changed, `ticket`,
/// `event`, `gone`, `bye`. From the client: `{"type":"hello","place_token":"…"}` first, unless the cookie or the
/// `Authorization` header shows the place, and `{"type":"leave"}`. It is closed with 1000 when there is nothing more to
/// say, 1012 after `bye`, 4400 after a frame that is not understood, 4401 without a hello in time, 4404 without a place.
#[utoipa::path(
    get,
    operation_id = "live",
    path = "/api/v1/events/{event}/places/me/live",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    security((), ("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 101, description = "A WebSocket"),
        (status = 400, description = "`bad-request`: no WebSocket handshake"),
        (status = 401, description = "`no-place`: the `Authorization` header holds no place token"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 429, description = "`slow-down`: too many requests, or open sockets, from this address"),
        (status = 503, description = "`try-again`: the server is stopping, or the store does not answer"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    Path(event): Path<EventId>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    not_stopping(&gateway)?;
    gateway.visitors.same_origin(&headers)?;
    let shown = Credential::shown(&gateway.visitors, &event, &headers)?;
    let line = gateway.mirror.line(&event).await?;
    let upgrade = upgrade.map_err(|_| Problem::no_handshake())?;
    let permit = gateway.throttle.socket(address)?;
    let open = Open::new(&gateway, permit, &gateway.meters.sockets);
    let token = shown.map(Credential::token);
    Ok(upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(LONGEST_FRAME)
        .max_frame_size(LONGEST_FRAME)
        .on_upgrade(move |mut socket| async move {
            let ended = serve(&gateway, line, &mut socket, token).await;
            if let Some(close) = ended {
                Box::pin(say_goodbye(socket, close)).await;
            }
            drop(open);
        }))
}

/// Serves a socket from its first frame to its end; how to close it, unless the peer is gone.
async fn serve(
    gateway: &Gateway,
    line: Arc<Line>,
    socket: &mut WebSocket,
    token: Option<PlaceToken>,
) -> Option<Close> {
    // Finding the place takes more room than watching it: on the heap, and given back before the watching begins.
    match Box::pin(find(gateway, line, socket, token)).await {
        Ok(watching) => watch(gateway, &watching, socket).await,
        Err(ended) => ended,
    }
}

/// Finds out whose place it is; when there is nothing to watch, how the socket ends.
async fn find(
    gateway: &Gateway,
    line: Arc<Line>,
    socket: &mut WebSocket,
    token: Option<PlaceToken>,
) -> Result<Watching, Option<Close>> {
    let token = if let Some(token) = token {
        token
    } else {
        tokio::select! {
            said = hello(socket) => said?,
            () = tokio::time::sleep(gateway.hello_deadline) => return Err(Some(Close::NoHello)),
            () = gateway.lifecycle.stopping() => {
                send(gateway, socket, &bye(gateway)).await;
                return Err(Some(Close::Restart));
            }
        }
    };
    match begin(gateway, &line, &token).await {
        Beginning::Watch(watching) => Ok(watching),
        Beginning::Gone(reason) => {
            send(gateway, socket, &Frame::Gone { reason }).await;
            Err(Some(Close::Done))
        }
        Beginning::End(close) => Err(Some(close)),
        Beginning::ComeBack => {
            send(gateway, socket, &bye(gateway)).await;
            Err(Some(Close::Restart))
        }
    }
}

/// Waits for the first frame, which has to be a hello.
async fn hello(socket: &mut WebSocket) -> Result<PlaceToken, Option<Close>> {
    loop {
        return match heard(socket.recv().await)? {
            Some(Said::Hello { place_token }) => {
                place_token.parse().map_err(|_| Some(Close::NoPlace))
            }
            Some(Said::Leave {}) => Err(Some(Close::NoHello)),
            None => continue,
        };
    }
}

/// Sends what the place is owed and hears what the visitor says, until the end.
async fn watch(gateway: &Gateway, watching: &Watching, socket: &mut WebSocket) -> Option<Close> {
    loop {
        let ended = tokio::select! {
            // Most often there is something to send and nothing was said: then the socket is not asked in vain.
            biased;
            next = next(gateway, watching) => act(gateway, watching, socket, next).await,
            message = socket.recv() => {
                watching.watcher.answered();
                answer(gateway, watching, heard(message)).await
            }
        };
        if let Err(ended) = ended {
            return ended;
        }
    }
}

/// Does what is next; an error when the socket ends.
async fn act(
    gateway: &Gateway,
    watching: &Watching,
    socket: &mut WebSocket,
    next: Next,
) -> Result<(), Option<Close>> {
    let message = match next {
        Next::Send(frame) => {
            gateway.meters.count(&frame);
            Message::text(frame.to_json())
        }
        Next::Ping => Message::Ping(Bytes::new()),
        // On the heap, so that thousands of idle sockets do not hold room for it.
        Next::Look => {
            Box::pin(look(gateway, watching)).await;
            return Ok(());
        }
        Next::Close(close) => return Err(Some(close)),
        Next::Drop => return Err(None),
    };
    let sent = tokio::select! {
        sent = socket.send(message) => sent.is_ok(),
        () = watching.watcher.died() => false,
    };
    if sent { Ok(()) } else { Err(None) }
}

/// Takes in what the visitor said; an error when the socket ends.
async fn answer(
    gateway: &Gateway,
    watching: &Watching,
    said: Result<Option<Said>, Option<Close>>,
) -> Result<(), Option<Close>> {
    match said? {
        None => Ok(()),
        Some(Said::Leave {}) => {
            Box::pin(leave(gateway, watching)).await;
            Ok(())
        }
        Some(Said::Hello { place_token }) => {
            if let Ok(token) = place_token.parse::<PlaceToken>()
                && let Ok(place) = entry::place(gateway, &watching.line, &token).await
                && place == watching.watcher.place
            {
                return Ok(());
            }
            let reason = "this socket watches another place";
            Err(Some(Close::NotUnderstood(reason)))
        }
    }
}

/// Gives the place up; the socket hears of it like every other one of the place.
async fn leave(gateway: &Gateway, watching: &Watching) {
    let Watching { line, watcher, .. } = watching;
    match gateway.store.leave(&line.event, &watcher.place).await {
        Ok(look) => watcher.learn(&line.event, look),
        Err(failure) => {
            tracing::warn!(%failure, "a place could not be left; its visitor is asked to come back");
            watcher.bye(coming_back_ms(gateway));
        }
    }
}

/// What a message says; `Ok(None)` for one that says nothing to us, an error when the socket ends.
fn heard(message: Option<Result<Message, axum::Error>>) -> Result<Option<Said>, Option<Close>> {
    const WANTED: &str = "send hello or leave as one JSON object";
    match message {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| Some(Close::NotUnderstood(WANTED))),
        Some(Ok(Message::Binary(_))) => Err(Some(Close::NotUnderstood("send text frames"))),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(None),
        // Too long, or against the protocol: it may still take a goodbye.
        Some(Err(_)) => Err(Some(Close::NotUnderstood(WANTED))),
    }
}

/// Sends one frame outside the watching; a failure shows at the next step.
async fn send(gateway: &Gateway, socket: &mut WebSocket, frame: &Frame) {
    gateway.meters.count(frame);
    let sending = socket.send(Message::text(frame.to_json()));
    let _ = tokio::time::timeout(GOODBYE, sending).await;
}

/// Closes with code and reason, and waits a little for the peer's answer, so that it hears the reason.
async fn say_goodbye(mut socket: WebSocket, close: Close) {
    let (code, reason) = match close {
        Close::Done => (1000, ""),
        Close::Restart => (1012, "the server is restarting"),
        Close::NotUnderstood(reason) => (4400, reason),
        Close::NoHello => (4401, "say hello first"),
        Close::NoPlace => (4404, "this token has no place in this line"),
    };
    let goodbye = async {
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }));
        if socket.send(close).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // A peer that does not answer has had its time.
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}
