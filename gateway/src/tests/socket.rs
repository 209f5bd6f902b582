//! A visitor's socket, as tests hold it.

use std::net::SocketAddr;

use domain::{EventId, PlaceToken};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::rig::{PATIENCE, api};

/// A visitor's socket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket with headers; the status when the handshake is refused.
    pub async fn open(
        door: SocketAddr,
        event: &EventId,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{door}{}", api(event, "/places/me/live"));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(SocketError::Http(refused)) => Err(refused.status().as_u16()),
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Opens a socket and says hello.
    pub async fn hello(door: SocketAddr, event: &EventId, token: &PlaceToken) -> Self {
        let mut socket = Self::open(door, event, &[]).await.unwrap();
        socket
            .say(&json!({"type": "hello", "place_token": token.reveal()}).to_string())
            .await;
        socket
    }

    /// Sends a text frame.
    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next frame, or the code of the close.
    pub async fn next(&mut self) -> Result<Value, u16> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Close(close))) => {
                        return Err(close.map_or(0, |c| c.code.into()));
                    }
                    Some(Ok(_)) => {}
                    ended => panic!("the socket ended without a goodbye: {ended:?}"),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(next) => next,
            Err(late) => panic!("waited in vain for a frame: {late}"),
        }
    }

    /// The next frame of this kind; others before it are passed over.
    pub async fn of(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Ok(frame) if frame["type"] == kind => return frame,
                Ok(_) => {}
                Err(code) => panic!("closed with {code} before a frame `{kind}`"),
            }
        }
    }

    /// Waits for the close; its code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}
