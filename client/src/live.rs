//! A live socket as a stream of typed frames, with buffers small enough for ten thousand of them in one process.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{SinkExt as _, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error as SocketError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::error::{ApiError, with_causes};
use crate::frame::{Frame, Said};
use crate::http::{Http, refusal, retry_after};

/// Read at a time, in bytes: a frame of ours fits.
const READ_BUFFER: usize = 1_024;
/// The longest message that is taken, in bytes; the ops figures of a thousand events fit.
const LONGEST_MESSAGE: usize = 1 << 20;

/// A live socket. The stream ends after a close with 1000, and with [`ApiError::Closed`] after any other.
#[derive(Debug)]
pub struct Live<F = Frame> {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    ended: bool,
    frames: PhantomData<fn() -> F>,
}

/// Opens the socket at `segments` below the server's address.
pub(crate) async fn open<F>(
    http: &Http,
    segments: &[&str],
    bearer: Option<&str>,
) -> Result<Live<F>, ApiError> {
    let timeout = http.options().timeout;
    tokio::time::timeout(timeout, handshake(http, segments, bearer))
        .await
        .map_err(|_| ApiError::Unreachable("the socket was not answered in time".to_owned()))?
}

async fn handshake<F>(
    http: &Http,
    segments: &[&str],
    bearer: Option<&str>,
) -> Result<Live<F>, ApiError> {
    let mut url = http.url(segments);
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    let bad_url = || ApiError::BadUrl(http.url(segments).to_string());
    url.set_scheme(scheme).map_err(|()| bad_url())?;
    let host = url.host_str().ok_or_else(bad_url)?.to_owned();
    let port = url.port_or_known_default().ok_or_else(bad_url)?;

    let mut request = url.as_str().into_client_request().map_err(socket_error)?;
    if let Some(bearer) = bearer {
        let value = HeaderValue::try_from(format!("Bearer {bearer}"))
            .map_err(|_| ApiError::not_understood("the credential cannot stand in a header"))?;
        request.headers_mut().insert("authorization", value);
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = http
        .options()
        .source
        .connect(host, port)
        .await
        .map_err(|error| ApiError::Unreachable(error.to_string()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(LONGEST_MESSAGE));
    let (socket, _) = client_async_tls_with_config(request, stream, Some(config), None)
        .await
        .map_err(socket_error)?;
    Ok(Live {
        socket,
        ended: false,
        frames: PhantomData,
    })
}

impl<F> Live<F> {
    pub(crate) async fn say(&mut self, said: &Said<'_>) -> Result<(), ApiError> {
        let text = to_text(said)?;
        self.socket
            .send(Message::text(text))
            .await
            .map_err(socket_error)
    }

    /// Says goodbye to the server without waiting for its answer.
    pub async fn close(mut self) {
        // A socket that is gone already needs no goodbye.
        let _ = self.socket.close(None).await;
    }
}

impl Live<Frame> {
    /// Gives the place up; the server answers with `gone`.
    pub async fn leave(&mut self) -> Result<(), ApiError> {
        self.say(&Said::Leave).await
    }
}

impl<F: DeserializeOwned> Stream for Live<F> {
    type Item = Result<F, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let Poll::Ready(message) = Pin::new(&mut self.socket).poll_next(cx) else {
                return Poll::Pending;
            };
            let heard = match message {
                Some(Ok(Message::Text(text))) => {
                    Some(serde_json::from_str(&text).map_err(ApiError::not_understood))
                }
                Some(Ok(Message::Close(close))) => {
                    self.ended = true;
                    close
                        .filter(|close| close.code != CloseCode::Normal)
                        .map(|close| {
                            Err(ApiError::Closed {
                                code: close.code.into(),
                                reason: close.reason.to_string(),
                            })
                        })
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => {
                    self.ended = true;
                    Some(Err(socket_error(error)))
                }
                None => {
                    self.ended = true;
                    Some(Err(ApiError::Unreachable("the socket was lost".to_owned())))
                }
            };
            return Poll::Ready(heard);
        }
        Poll::Ready(None)
    }
}

fn to_text(said: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(said).map_err(ApiError::not_understood)
}

fn socket_error(error: SocketError) -> ApiError {
    match error {
        SocketError::Http(response) => refusal(
            response.status().as_u16(),
            retry_after(response.headers()),
            response.body().as_deref().unwrap_or_default(),
        ),
        error => ApiError::Unreachable(with_causes(&error)),
    }
}
