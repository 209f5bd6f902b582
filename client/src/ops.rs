//! The ops door: what the organiser does.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::event::{
    Admission, AdmissionChange, AuditEntry, EventPut, LiveEvent, Page, Phase, Put, SigningKey,
    Stock,
};
use crate::frame::OpsFrame;
use crate::http::{Http, Options, Reply};
use crate::limits::{Limits, LimitsChange};
use crate::live::{self, Live};

/// Speaks to the ops door. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Ops {
    http: Http,
    token: String,
}

#[derive(Serialize)]
struct PhaseMove {
    phase: Phase,
}

#[derive(Serialize)]
struct StockAdd {
    add: u64,
}

impl Ops {
    /// A client of the ops door at `url` with the admin token.
    pub fn new(url: &str, token: &str, options: Options) -> Result<Self, ApiError> {
        Ok(Self {
            http: Http::new(url, options)?,
            token: token.to_owned(),
        })
    }

    /// Makes an event, or changes it.
    pub async fn put_event(&self, event: &str, put: &EventPut) -> Result<Put, ApiError> {
        let request = self.request(Method::PUT, event, None).json(put);
        let reply = self.call(request).await?;
        Ok(Put {
            created: reply.status == StatusCode::CREATED,
            event: reply.json()?,
        })
    }

    /// An event with its live figures.
    pub async fn event(&self, event: &str) -> Result<LiveEvent, ApiError> {
        self.ask(self.request(Method::GET, event, None)).await
    }

    /// A page of all events, read on after the one named `after`.
    pub async fn events(&self, after: Option<&str>) -> Result<Page<LiveEvent>, ApiError> {
        let segments = ["api", "v1", "admin", "events"];
        self.ask(self.http.list(&segments, after)).await
    }

    /// Changes the pace; in force within a second.
    pub async fn set_admission(
        &self,
        event: &str,
        change: &AdmissionChange,
    ) -> Result<Admission, ApiError> {
        let request = self.request(Method::PATCH, event, Some("admission"));
        self.ask(request.json(change)).await
    }

    /// Moves the event to another phase.
    pub async fn move_phase(&self, event: &str, phase: Phase) -> Result<LiveEvent, ApiError> {
        let request = self.request(Method::POST, event, Some("phase"));
        self.ask(request.json(&PhaseMove { phase })).await
    }

    /// Adds coupons.
    pub async fn add_stock(&self, event: &str, add: u64) -> Result<Stock, ApiError> {
        let request = self.request(Method::POST, event, Some("stock"));
        self.ask(request.json(&StockAdd { add })).await
    }

    /// A page of who changed what, newest first, read on after the one named `after`.
    pub async fn audit(
        &self,
        event: &str,
        after: Option<&str>,
    ) -> Result<Page<AuditEntry>, ApiError> {
        let segments = ["api", "v1", "admin", "events", event, "audit"];
        self.ask(self.http.list(&segments, after)).await
    }

    /// The limits per client address.
    pub async fn limits(&self) -> Result<Limits, ApiError> {
        let segments = ["api", "v1", "admin", "limits"];
        self.ask(self.http.request(Method::GET, &segments)).await
    }

    /// Sets limits per client address; in force everywhere within about a second.
    pub async fn set_limits(&self, change: &LimitsChange) -> Result<Limits, ApiError> {
        let segments = ["api", "v1", "admin", "limits"];
        let request = self.http.request(Method::PATCH, &segments);
        self.ask(request.json(change)).await
    }

    /// The keys that tickets are signed with.
    pub async fn keys(&self) -> Result<Page<SigningKey>, ApiError> {
        let segments = ["api", "v1", "admin", "keys"];
        self.ask(self.http.request(Method::GET, &segments)).await
    }

    /// Makes the next key that tickets are signed with; it signs from `since` on.
    pub async fn rotate_key(&self) -> Result<SigningKey, ApiError> {
        let segments = ["api", "v1", "admin", "keys"];
        self.ask(self.http.request(Method::POST, &segments)).await
    }

    /// The figures of every event, once a second.
    pub async fn live(&self) -> Result<Live<OpsFrame>, ApiError> {
        let segments = ["api", "v1", "admin", "live"];
        live::open(&self.http, &segments, Some(&self.token)).await
    }

    fn request(&self, method: Method, event: &str, below: Option<&str>) -> RequestBuilder {
        let mut segments = vec!["api", "v1", "admin", "events", event];
        segments.extend(below);
        self.http.request(method, &segments)
    }

    async fn call(&self, request: RequestBuilder) -> Result<Reply, ApiError> {
        self.http
            .call(request.bearer_auth(&self.token), &self.token)
            .await
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ApiError> {
        self.call(request).await?.json()
    }
}
