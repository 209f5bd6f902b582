//! Raw calls: what the typed client would never send, and answers looked at header by header. Every answer is checked for
//! what holds everywhere: a request id, and problems that are problems.

use anyhow::{Context as _, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;

/// A call in the making.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Call {
    /// `method` on `url`; the path may be as wrong as a path can be.
    #[must_use]
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            url: url.into(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// What a GET with a bearer token is answered with.
    pub async fn get(url: &str, token: &str) -> Result<Answer> {
        Self::new("GET", url).bearer(token).send().await
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            self.headers.append(name, value);
        }
        self
    }

    /// Shows a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
            .header("content-type", "application/json")
    }

    /// Any body, without a content type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it.
    pub async fn send(&self) -> Result<Answer> {
        // A client of its own, so that no connection is older than its call.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(crate::PATIENCE)
            .build()?;
        let mut request = client
            .request(self.method.clone(), &self.url)
            .headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.with_context(|| format!("{self:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer {
            status,
            headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        })
    }
}

impl Answer {
    /// A header's text; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(HeaderValue::to_str);
        value.and_then(Result::ok).unwrap_or_default()
    }

    /// What is wrong with the answer as a refusal of this status and name; none when all is right.
    #[must_use]
    pub fn wrong_as(&self, status: u16, name: &str) -> Option<String> {
        let problem = &self.json;
        let text = |member: &str| problem[member].as_str().unwrap_or_default();
        let checks = [
            (self.status == status, "status"),
            (
                self.header(CONTENT_TYPE.as_str()) == "application/problem+json",
                "content type",
            ),
            (text("type") == format!("/problems/{name}"), "type"),
            (problem["status"] == self.status, "the status in the body"),
            (!text("title").is_empty(), "title"),
            (text("detail").ends_with('.'), "detail is a sentence"),
            (!text("request_id").is_empty(), "request_id"),
            (
                text("request_id") == self.header("x-request-id"),
                "X-Request-Id",
            ),
        ];
        let wrong: Vec<_> = checks
            .iter()
            .filter_map(|(right, what)| (!right).then_some(*what))
            .collect();
        (!wrong.is_empty()).then(|| {
            format!(
                "wanted {status} {name}, wrong are {wrong:?} in {} {} {}",
                self.status,
                self.header("content-type"),
                self.text
            )
        })
    }

    /// Checks that it is this refusal.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn refused(&self, status: u16, name: &str) {
        if let Some(wrong) = self.wrong_as(status, name) {
            panic!("{wrong}");
        }
    }

    /// Checks that it is a success of this status with a request id, and JSON when there is a body.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn ok(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(!self.header("x-request-id").is_empty(), "X-Request-Id");
        if !self.text.is_empty() {
            assert_eq!(
                self.header("content-type"),
                "application/json",
                "{}",
                self.text
            );
        }
    }
}
