//! A raw socket: says what no client would, and hears frames and closes as they are.

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::PATIENCE;

/// An open socket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a socket heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A frame.
    Frame(Value),
    /// The end, with its code.
    Closed(u16),
}

impl Socket {
    /// Opens the live socket of an event at `public`; a refusal is its HTTP status.
    pub async fn open(
        public: &str,
        event: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Result<Self, u16>> {
        let host = public.replacen("http", "ws", 1);
        let url = format!("{host}/api/v1/events/{event}/places/me/live");
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)?;
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Ok(Self(socket))),
            Err(Error::Http(response)) => Ok(Err(response.status().as_u16())),
            Err(error) => Err(error.into()),
        }
    }

    /// Says anything.
    pub async fn say(&mut self, message: impl Into<Message>) -> Result<()> {
        Ok(self.0.send(message.into()).await?)
    }

    /// The next frame, or the end.
    pub async fn hear(&mut self) -> Result<Heard> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await;
            match message.context("nothing is heard")?.context("no close")?? {
                Message::Text(text) => return Ok(Heard::Frame(serde_json::from_str(&text)?)),
                Message::Close(Some(close)) => return Ok(Heard::Closed(close.code.into())),
                Message::Close(None) => return Ok(Heard::Closed(1005)),
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("{other:?}"),
            }
        }
    }

    /// The end, whatever is said before it.
    pub async fn closed(&mut self) -> Result<u16> {
        let end = async {
            loop {
                if let Heard::Closed(code) = self.hear().await? {
                    return Ok(code);
                }
            }
        };
        timeout(PATIENCE, end).await.context("it is never closed")?
    }
}
