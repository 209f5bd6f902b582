//! `GET /api/v1/admin/live`: a WebSocket with the figures of every event once a second, for the console.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use chassis::admin::OpsGuard;
use chassis::visitor::bearer;
use chassis::{Lifecycle, Problem};
use domain::{Random, Refusal};
use serde::Deserialize;
use tokio::time::{Duration, timeout};

use super::figures::Figures;

/// How long a console may take to show its token, and a frame to be taken off our hands.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a console may take to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);
/// Read at a time, in bytes: a console says next to nothing.
const READ_BUFFER: usize = 1_024;
/// The longest message that is read, in bytes.
const LONGEST_MESSAGE: usize = 4_096;
/// Consoles come back within this many milliseconds after a stop, spread evenly.
const COME_BACK_MS: u32 = 2_000;

/// The first frame of a console that could not send the header.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Said {
    Hello { token: String },
}

/// A console's socket and what it needs.
struct Console {
    socket: WebSocket,
    guard: OpsGuard,
    /// The credential it was let in with; none before it said hello.
    shown: Option<String>,
    figures: Figures,
    lifecycle: Lifecycle,
    random: Arc<dyn Random>,
}

/// Why a socket is closed by us.
enum Ending {
    Unauthorized,
    Misunderstood,
    Stopping,
    /// The console is gone or does not read; nothing more can be said.
    Gone,
}

/// A WebSocket: the figures of every event once a second, `{"type":"figures","at":…,"events":[…]}`. A browser, which
/// cannot send the header, says `{"type":"hello","token":"…"}` first, within 10 s.
#[utoipa::path(
    get, path = "/api/v1/admin/live", operation_id = "ops_live", tag = "ops",
    responses(
        (status = 101, description = "Frames; close 4401 without a credential that opens this, or when it ends, 4400 on anything but `hello`, 1012 after `bye`"),
        (status = 400, description = "`bad-request`: not a WebSocket"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
    ),
    security(("admin_token" = []), ()),
)]
pub async fn live(
    State(guard): State<OpsGuard>,
    State(figures): State<Figures>,
    State(lifecycle): State<Lifecycle>,
    State(random): State<Arc<dyn Random>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let shown = if headers.contains_key(AUTHORIZATION) {
        let offered = bearer(&headers).ok_or(Refusal::Unauthorized)?;
        guard.reader(offered).await?;
        Some(offered.to_owned())
    } else {
        None
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) if shown.is_none() => return Err(Refusal::Unauthorized.into()),
        Err(_) => return Err(Problem::no_handshake()),
    };
    let serve = move |socket| async move {
        // Held until the console was told to come back, so that the stop waits for it.
        let _hold = lifecycle.hold();
        let console = Console {
            socket,
            guard,
            shown,
            figures,
            lifecycle,
            random,
        };
        console.serve().await;
    };
    Ok(upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(LONGEST_MESSAGE)
        .on_upgrade(serve))
}

impl Console {
    async fn serve(mut self) {
        let ending = self.talk().await;
        let (code, reason) = match ending {
            Ending::Gone => return,
            Ending::Unauthorized => (4401, "say hello with a credential of the ops door first"),
            Ending::Misunderstood => (4400, "only hello is understood here"),
            Ending::Stopping => {
                self.say_bye().await;
                (1012, "stopping, come back")
            }
        };
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }));
        if self.say(close).await {
            // Closing the connection with something unread could take the close frame away from the console.
            let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = timeout(GOODBYE, answered).await;
        }
    }

    /// Lets the console in, then sends every new frame until something ends it.
    async fn talk(&mut self) -> Ending {
        let shown = match self.shown.take() {
            Some(shown) => shown,
            None => match self.hello().await {
                Ok(shown) => shown,
                Err(ending) => return ending,
            },
        };
        let mut frames = self.figures.watch();
        let lifecycle = self.lifecycle.clone();
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return Ending::Stopping,
                changed = frames.changed() => {
                    if changed.is_err() {
                        return Ending::Stopping;
                    }
                    if is_out(&self.guard, &shown).await {
                        return Ending::Unauthorized;
                    }
                    let frame = frames.borrow_and_update().clone();
                    if !self.say(Message::Text(frame)).await {
                        return Ending::Gone;
                    }
                }
                heard = self.socket.recv() => match heard {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => return Ending::Misunderstood,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ending::Gone,
                },
            }
        }
    }

    /// Waits for the first frame with a credential that opens this.
    async fn hello(&mut self) -> Result<String, Ending> {
        let lifecycle = self.lifecycle.clone();
        let first = async {
            loop {
                match self.socket.recv().await {
                    Some(Ok(Message::Text(text))) => return Ok(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Err(Ending::Misunderstood),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Ending::Gone),
                }
            }
        };
        let text = tokio::select! {
            () = lifecycle.stopping() => return Err(Ending::Stopping),
            first = timeout(PATIENCE, first) => first.unwrap_or(Err(Ending::Unauthorized))?,
        };
        match serde_json::from_str(text.as_str()) {
            Ok(Said::Hello { token }) if self.guard.reader(&token).await.is_ok() => Ok(token),
            Ok(Said::Hello { .. }) => Err(Ending::Unauthorized),
            Err(_) => Err(Ending::Misunderstood),
        }
    }

    async fn say_bye(&mut self) {
        let retry_after_ms = self.random.below(COME_BACK_MS);
        let bye = serde_json::json!({ "type": "bye", "retry_after_ms": retry_after_ms });
        self.say(Message::text(bye.to_string())).await;
    }

    /// Sends a frame; false when the console does not take it in time.
    async fn say(&mut self, message: Message) -> bool {
        matches!(
            timeout(PATIENCE, self.socket.send(message)).await,
            Ok(Ok(()))
        )
    }
}

/// Does the credential open this no more? A store that is away opens and closes nothing.
async fn is_out(guard: &OpsGuard, shown: &str) -> bool {
    let refused = guard.reader(shown).await.err();
    refused.is_some_and(|problem| problem.refusal() != Refusal::TryAgain)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use axum::body::Body;
    use axum::http::Request;
    use chassis::system::SystemRandom;
    use domain::account::{AccountId, Role};
    use domain::session::{Access, SessionId};
    use domain::{Clock, Millis};
    use futures_util::{SinkExt as _, StreamExt as _};
    use serde_json::{Value, json};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

    use super::*;
    use crate::stage::{Replica, Stage, TOKEN, until};

    /// Counts how often the time was asked for: the `at` of a frame tells which reading it is.
    #[derive(Default)]
    struct Counting(AtomicI64);

    impl Clock for Counting {
        fn now(&self) -> Millis {
            Millis(self.0.fetch_add(1, Ordering::Relaxed) + 1)
        }
    }

    struct Watcher(WebSocketStream<MaybeTlsStream<TcpStream>>);

    impl Watcher {
        async fn say(&mut self, text: impl Into<String>) {
            self.0
                .send(tungstenite::Message::text(text.into()))
                .await
                .unwrap();
        }

        async fn hear(&mut self) -> Value {
            match self.0.next().await.unwrap().unwrap() {
                tungstenite::Message::Text(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("{other:?}"),
            }
        }

        /// The code of the close that comes next.
        async fn closed(&mut self) -> u16 {
            match self.0.next().await.unwrap().unwrap() {
                tungstenite::Message::Close(Some(close)) => close.code.into(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Opens the replica's ops door on a free port.
    async fn door(replica: &Replica) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/api/v1/admin/live", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, replica.ops.clone()).into_future());
        url
    }

    async fn open(url: &str, token: Option<&str>) -> Result<Watcher, tungstenite::Error> {
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
        }
        Ok(Watcher(connect_async(request).await?.0))
    }

    fn hello(token: &str) -> String {
        json!({ "type": "hello", "token": token }).to_string()
    }

    #[tokio::test]
    async fn consoles_hear_the_same_figures_read_once_for_all_and_only_while_somebody_watches() {
        let stage = Stage::set().await;
        let replica = stage
            .replica_with("keys", Arc::new(Counting::default()))
            .await;
        replica.make("demo", json!({ "stock": 5 })).await;
        let url = door(&replica).await;
        let mut browser = open(&url, None).await.unwrap();
        browser.say(hello(TOKEN)).await;
        let first = browser.hear().await;
        assert_eq!(first["type"], "figures");
        assert_eq!(
            first["at"],
            Millis(1).to_string(),
            "nothing was read before somebody watched"
        );
        let mut shown = replica.get("/api/v1/admin/events/demo").await.body;
        shown["at"] = first["events"][0]["at"].clone();
        assert_eq!(
            first["events"],
            json!([shown]),
            "the same fields as the event alone"
        );

        let mut script = open(&url, Some(TOKEN)).await.unwrap();
        let shared = script.hear().await;
        let heard = until("the shared frame", async || {
            let frame = browser.hear().await;
            (frame["at"] == shared["at"]).then_some(frame)
        })
        .await;
        assert_eq!(heard, shared);

        replica.patch("demo", json!({ "rate_per_s": 3 })).await;
        until("the change", async || {
            let frame = script.hear().await;
            (frame["events"][0]["admission"]["rate_per_s"] == 3).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_does_not_show_the_token_is_closed_out() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let url = door(&replica).await;
        let refused = open(&url, Some("wrong")).await;
        let Err(tungstenite::Error::Http(reply)) = refused else {
            panic!("a wrong header must be refused before the upgrade");
        };
        assert_eq!(reply.status(), 401);
        for (said, code) in [
            (hello("wrong"), 4401),
            (json!({ "type": "hello" }).to_string(), 4400),
            (json!({ "type": "tea", "token": TOKEN }).to_string(), 4400),
            ("{".to_owned(), 4400),
        ] {
            let mut watcher = open(&url, None).await.unwrap();
            watcher.say(said.clone()).await;
            assert_eq!(watcher.closed().await, code, "{said}");
        }
        let mut trusted = open(&url, Some(TOKEN)).await.unwrap();
        trusted.hear().await;
        trusted.say("figures, please").await;
        let code = until("the close", async || {
            match trusted.0.next().await.unwrap().unwrap() {
                tungstenite::Message::Close(Some(close)) => Some(u16::from(close.code)),
                _ => None,
            }
        })
        .await;
        assert_eq!(code, 4400);
    }

    #[tokio::test]
    async fn a_console_is_closed_when_its_account_is_out_and_not_while_the_store_is_away() {
        let answer = Arc::new(AtomicI64::new(0));
        let asked = answer.clone();
        let guard = OpsGuard::new(None, move |_| {
            let access = Access {
                account: AccountId::generate(&SystemRandom),
                session: SessionId::generate(&SystemRandom),
                role: Role::Operator,
            };
            std::future::ready(match asked.load(Ordering::SeqCst) {
                0 => Ok(Some(access)),
                1 => Err("away".to_owned()),
                _ => Ok(None),
            })
        });
        assert!(!is_out(&guard, "token").await);
        answer.store(1, Ordering::SeqCst);
        assert!(!is_out(&guard, "token").await);
        answer.store(2, Ordering::SeqCst);
        assert!(is_out(&guard, "token").await);
    }

    #[tokio::test]
    async fn at_a_stop_consoles_are_told_to_come_back_and_the_stop_waits_for_it() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let url = door(&replica).await;
        let mut silent = open(&url, None).await.unwrap();
        let mut watching = open(&url, Some(TOKEN)).await.unwrap();
        watching.hear().await;
        let heard = async {
            for watcher in [&mut silent, &mut watching] {
                let bye = until("bye", async || {
                    let frame = watcher.hear().await;
                    (frame["type"] == "bye").then_some(frame)
                })
                .await;
                assert!(
                    bye["retry_after_ms"].as_u64().is_some_and(|ms| ms < 2_000),
                    "{bye}"
                );
                assert_eq!(watcher.closed().await, 1012);
                // The client's half of the closing handshake.
                assert!(watcher.0.next().await.is_none());
            }
        };
        tokio::join!(replica.stop(), heard);
    }

    #[tokio::test]
    async fn a_plain_request_is_told_what_the_path_is() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let request = Request::get("/api/v1/admin/live")
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::empty())
            .unwrap();
        let refused = replica.send(request).await.refused(400, "bad-request");
        assert_eq!(refused["field"], "upgrade");
    }
}
