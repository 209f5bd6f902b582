//! One HTTP call: send it, come back when told to, tell a refusal from an answer.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Problem};
use crate::source::Source;

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where its connections come from.
    pub source: Source,
    /// How long a call may take, connecting included, before its answer counts as lost.
    pub timeout: Duration,
    /// How long, in all, a call goes on asking when it is told to come back: 429, 503, a pass that is pending. Zero hands
    /// the first answer over.
    pub patience: Duration,
    /// Most idle connections kept open for the next calls.
    pub idle_connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: Source::ANY,
            timeout: Duration::from_secs(15),
            patience: Duration::from_secs(30),
            idle_connections: 8,
        }
    }
}

/// The server's address and the connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    base: Url,
    client: Client,
    options: Options,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Http {
    pub(crate) fn new(base: &str, options: Options) -> Result<Self, ApiError> {
        let bad = || ApiError::BadUrl(base.to_owned());
        let url = Url::parse(base).map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(bad());
        }
        let mut client = Client::builder()
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .local_address(options.source.address())
            .pool_idle_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(options.idle_connections)
            .http1_only();
        if url.scheme() == "http" {
            // No TLS will be spoken: spare every client of a crowd the reading of the certificates and the proxy settings.
            client = client.tls_certs_only([]).no_proxy();
        }
        Ok(Self {
            base: url,
            client: client.build()?,
            options,
        })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The address of a path given by its segments, which may hold any character.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.client.request(method, self.url(segments))
    }

    /// A request for a page of a list, read on after the `next` of the page before.
    pub(crate) fn list(&self, segments: &[&str], after: Option<&str>) -> RequestBuilder {
        let mut url = self.url(segments);
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        self.client.get(url)
    }

    /// Sends a request, and again when the server says to come back, as long as the patience lasts.
    /// `credential` is what the request shows, if anything.
    pub(crate) async fn call(
        &self,
        request: RequestBuilder,
        credential: &str,
    ) -> Result<Reply, ApiError> {
        let mut turns = Turns::new(self.options.patience, credential);
        loop {
            let attempt = request
                .try_clone()
                .ok_or_else(|| ApiError::not_understood("the request cannot be sent twice"))?;
            let reply = exchange(attempt).await?;
            let later = matches!(reply.status.as_u16(), 429 | 503);
            if !(later && turns.come_back(reply.retry_after).await) {
                return reply.or_refusal();
            }
        }
    }
}

/// Sends one request.
async fn exchange(request: RequestBuilder) -> Result<Reply, ApiError> {
    let response = request.send().await?;
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = response.bytes().await?;
    Ok(Reply {
        status,
        retry_after,
        body,
    })
}

/// How long the server wants to be left alone, if it says so.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Reply {
    fn or_refusal(self) -> Result<Self, ApiError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(refusal(self.status.as_u16(), self.retry_after, &self.body))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Result<String, ApiError> {
        String::from_utf8(self.body.to_vec())
            .map_err(|error| ApiError::not_understood(error.to_string()))
    }

    /// Decodes the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::not_understood(format!("{error} in a {}", self.status)))
    }
}

/// What a refusing answer says.
pub(crate) fn refusal(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ApiError {
    match Problem::read(body) {
        Some(problem) => ApiError::Problem(Box::new(Problem {
            retry_after,
            ..problem
        })),
        None => ApiError::not_understood(format!("status {status} without a problem")),
    }
}

/// Coming back when told to: as late as told, doubling when not told, and a little later still, so that a crowd that was
/// sent away together does not return together. What spreads them is their credential, which is random already.
pub(crate) struct Turns {
    left: Duration,
    attempt: u32,
    draw: u64,
}

impl Turns {
    pub(crate) fn new(patience: Duration, credential: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        credential.hash(&mut hasher);
        Self {
            left: patience,
            attempt: 0,
            draw: hasher.finish(),
        }
    }

    /// Waits for the next turn; false when the patience does not reach that far.
    pub(crate) async fn come_back(&mut self, told: Option<Duration>) -> bool {
        let wait = self.next_wait(told);
        if wait > self.left {
            return false;
        }
        self.left -= wait;
        tokio::time::sleep(wait).await;
        true
    }

    /// What was told (but never at once), or 100 ms doubling up to 6.4 s, and up to a quarter more.
    fn next_wait(&mut self, told: Option<Duration>) -> Duration {
        let own = Duration::from_millis(100) * 2_u32.pow(self.attempt.min(6));
        let wait = told.unwrap_or(own).max(Duration::from_millis(10));
        let share = u32::try_from(self.draw.rotate_left(self.attempt) % 256).unwrap_or(0);
        self.attempt += 1;
        wait + wait * share / 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_back_before_told_nor_much_later() {
        for credential in ["", "a", "b"] {
            let mut turns = Turns::new(Duration::ZERO, credential);
            for told_s in [1, 1, 7] {
                let told = Duration::from_secs(told_s);
                let wait = turns.next_wait(Some(told));
                assert!(wait >= told && wait <= told.mul_f64(1.25), "{wait:?}");
            }
            assert!(turns.next_wait(None) >= Duration::from_millis(800));
        }
    }

    #[test]
    fn a_path_may_hold_any_character_and_the_base_may_have_a_path() {
        let http = Http::new("http://127.0.0.1:1/below/", Options::default()).unwrap();
        assert_eq!(
            http.url(&["events", "a/b %"]).as_str(),
            "http://127.0.0.1:1/below/events/a%2Fb%20%25"
        );
        for bad in ["", "localhost:8080", "ftp://a", "http://"] {
            assert!(Http::new(bad, Options::default()).is_err(), "{bad}");
        }
    }
}
